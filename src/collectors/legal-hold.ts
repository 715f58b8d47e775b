/** Lists Zoom's legal-hold matters and the zips of their custodians. */
import { hash } from 'node:crypto';
import { ArchiverError, hasCode } from '../errors.ts';
import { accountCoverage, streamCoverage } from '../ledger/coverage.ts';
import { type Interval, instant, utcDay } from '../record.ts';
import { holdFilePages, matterPages } from '../zoom/legal-hold.ts';
import { type Collector, isOwnFault } from './collector.ts';
import { holdFileLink } from './hold-links.ts';
import {
  type Custodian,
  type KnownMatter,
  readMatters,
  readWaiting,
  type Waiting,
  writeMatters,
  writeWaiting,
} from './hold-matters.ts';
import { goneCandidate, knownMatter, matterCandidate } from './matter-records.ts';
import type { PassTools } from './pass.ts';
import type { Unit } from './unit.ts';
import { DAY_MS, startOfDay } from './windows.ts';

export interface HoldPolicy {
  /** Matters, and the zips of each custodian, are listed so often; milliseconds. */
  readonly everyMs: number;
}

/** Zips that are being made are looked at after so long, then each time twice as late, within `everyMs`. */
const FIRST_LOOK_MS = 2 * 60_000;

interface HoldUnit extends Unit {
  readonly matter: KnownMatter;
  readonly custodian: Custodian;
}

/** A day's window up to now; what is listed now was there all the time since it was listed last. */
function listingWindow(covered: readonly Interval[], now: number): Pick<Unit, 'window' | 'covers'> {
  const from = startOfDay(now);
  const day = utcDay(now);
  return {
    window: { from, to: from + DAY_MS, fromDate: day, toDate: day },
    covers: { from: Math.min(covered.at(-1)?.to ?? from, now), to: now },
  };
}

/** True when what was asked at `askedAt` is to be asked again. A moment in the future is of a clock since set back. */
function isDue(askedAt: number, everyMs: number, now: number): boolean {
  return now - askedAt >= everyMs || askedAt > now;
}

async function dueMatters({ db, lease, now }: PassTools, { everyMs }: HoldPolicy): Promise<readonly Unit[]> {
  const { covered, askedAt } = await accountCoverage(db, lease.account, 'matters', 'list');
  const at = now();
  if (!isDue(askedAt, everyMs, at)) return [];
  return [{ stream: 'matters', scope: '', mode: 'list', ...listingWindow(covered, at) }];
}

async function dueHoldFiles(
  { db, lease, now }: PassTools,
  { everyMs }: HoldPolicy,
): Promise<readonly HoldUnit[]> {
  const { account } = lease;
  const coverage = new Map(
    (await streamCoverage(db, account, 'hold_files')).map((row) => [row.scope, row] as const),
  );
  const waiting = await readWaiting(db, account);
  const at = now();
  const units: HoldUnit[] = [];
  for (const matter of await readMatters(db, account)) {
    for (const custodian of matter.custodians) {
      const scope = holdScope(matter.id, custodian);
      const { covered = [], askedAt = 0 } = coverage.get(scope) ?? {};
      const nextAt = waiting[scope]?.nextAt;
      const sooner = nextAt !== undefined && nextAt <= at;
      if (!sooner && !isDue(askedAt, everyMs, at)) continue;
      units.push({
        stream: 'hold_files',
        scope,
        mode: 'list',
        ...listingWindow(covered, at),
        matter,
        custodian,
      });
    }
  }
  return units;
}

/** Names what is listed of a custodian. An e-mail address would reach the log, so it stands hashed. */
function holdScope(matterId: string, { userId, email }: Custodian): string {
  return `${matterId} ${userId || hash('sha256', email, 'hex').slice(0, 16)}`;
}

/**
 * Two collectors, of matters and of the lists of zips; the second waits for the first, so that a new matter is looked into at once.
 * @param report told how many zips Zoom has not made yet
 */
export function legalHoldCollectors(
  tools: PassTools,
  policy: HoldPolicy,
  report: (notReady: number) => void,
): readonly Collector[] {
  const { db, lease, now, interrupt, drain, log } = tools;
  const { account } = lease;
  let listed: () => void = () => undefined;
  const listing = new Promise<void>((resolve) => {
    listed = resolve;
    // A pass that ends early may never come to the listing's end.
    drain.addEventListener('abort', () => resolve(), { once: true });
    if (drain.aborted) resolve();
  });

  const matters: Collector = {
    stream: 'matters',
    parallel: 1,
    async plan() {
      const units = await dueMatters(tools, policy);
      if (units.length === 0) listed();
      return units;
    },
    async collect(_unit, attempt) {
      const before = await readMatters(db, account);
      const found = new Map<string, KnownMatter>();
      let last: Parameters<typeof attempt.admit>[0] | undefined;
      for await (const reply of matterPages(tools.client, interrupt)) {
        const rows = reply.body.legal_hold_matters;
        for (const row of rows) found.set(row.matter_id, knownMatter(row));
        const candidates = rows.map((row) => matterCandidate(row, account, instant(reply.observedAt)));
        await attempt.admit(reply, { rows: rows.length, candidates });
        last = reply;
      }
      const gone = before.filter(({ id }) => !found.has(id));
      if (last !== undefined && gone.length > 0) {
        const observedAt = instant(last.observedAt);
        const candidates = gone.map((matter) => goneCandidate(matter, account, observedAt));
        await attempt.admit(last, { rows: 0, candidates });
      }
      // Last: a crash before asks again, and finds the same.
      await writeMatters(db, lease, [...found.values()]);
      return undefined;
    },
    async settle() {
      listed();
    },
    isOwn: (_unit, error) => isOwnFault(error),
  };

  let waiting: Waiting = {};
  let kept = Promise.resolve();
  // Two units at once: on two connections the earlier state could be written last, and a scope in it forgotten.
  const keepWaiting = (): Promise<void> => {
    const write = (): Promise<void> => writeWaiting(db, lease, waiting);
    kept = kept.then(write, write);
    return kept;
  };
  const planned = new Map<string, HoldUnit>();
  const files: Collector = {
    stream: 'hold_files',
    parallel: 2,
    async plan(ran) {
      // Whoever only plans has no listing to wait for.
      if (ran === undefined) return await dueHoldFiles(tools, policy);
      await listing;
      const units = await dueHoldFiles(tools, policy);
      waiting = await stillHeld(await readWaiting(db, account));
      report(notReady(waiting));
      for (const unit of units) planned.set(unit.scope, unit);
      return units;
    },
    async collect({ scope, covers }, attempt) {
      const unit = planned.get(scope);
      if (unit === undefined)
        throw new ArchiverError('internal', 'a unit was not planned', { detail: scope });
      const { matter, custodian } = unit;
      let left = 0;
      const identifier = custodian.userId || custodian.email;
      for await (const reply of holdFilePages(tools.client, matter.id, identifier, interrupt)) {
        const rows = reply.body.data;
        const ready = rows.filter((row) => row.ready_for_download);
        left += rows.length - ready.length;
        const links = ready.map((row) => holdFileLink(matter, custodian, row));
        await attempt.admit(reply, { rows: rows.length, candidates: [], links });
      }
      const known = waiting[scope];
      if (left === 0) delete waiting[scope];
      else {
        const asks = (known?.asks ?? 0) + 1;
        const wait = Math.min(FIRST_LOOK_MS * 2 ** Math.min(asks - 1, 20), policy.everyMs);
        waiting[scope] = { files: left, asks, since: known?.since ?? now(), nextAt: now() + wait };
        if (now() - (known?.since ?? now()) > DAY_MS) {
          log.warn({ scope, files: left, asks }, 'Zoom has not made legal-hold files for more than a day');
        }
      }
      if (left > 0 || known !== undefined) await keepWaiting();
      report(notReady(waiting));
      // What is not made yet is not collected.
      return left === 0 ? undefined : { from: covers.from, to: covers.from };
    },
    async pending() {
      const state = await stillHeld(await readWaiting(db, account));
      return Object.entries(state).map(([scope, { since }]) => ({ scope, mode: 'list', since }));
    },
    // One custodian may be denied while the others are served.
    isOwn: (_unit, error) => isOwnFault(error) || hasCode(error, 'zoom-permission'),
  };
  return [matters, files];

  /** Without the zips of matters that were closed: nobody will make them. */
  async function stillHeld(state: Waiting): Promise<Waiting> {
    const scopes = new Set(
      (await readMatters(db, account)).flatMap((matter) =>
        matter.custodians.map((custodian) => holdScope(matter.id, custodian)),
      ),
    );
    return Object.fromEntries(Object.entries(state).filter(([scope]) => scopes.has(scope)));
  }
}

function notReady(waiting: Waiting): number {
  return Object.values(waiting).reduce((sum, { files }) => sum + files, 0);
}
