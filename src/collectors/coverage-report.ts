/** Expected time against collected time, by stream, session and day; holes by name. Reads the ledger, writes nothing. */
import type { Database } from '../ledger/database.ts';
import { failingLinks, type LinkTotals, linkTotals } from '../ledger/links.ts';
import { eachKnownSession, type KnownSession, otherCoverage } from '../ledger/registry.ts';
import { readSourceRetention } from '../ledger/source-retention.ts';
import { type FailingUnit, failingUnits } from '../ledger/units.ts';
import { type Interval, intersection } from '../record.ts';
import type { Collector } from './collector.ts';
import type { CollectionPolicy } from './planner.ts';
import { expectedSince, keptSince, MODES } from './source-retention.ts';
import { type Hole, sessionHoles } from './survey.ts';
import { DAY_MS, missing, startOfDay } from './windows.ts';

/** Something that is not collected though it should be, by name. */
export interface NamedHole {
  readonly stream: string;
  /** `missing`: still to be collected; `lost`: Zoom had deleted it before; `failing`: a link that cannot be fetched. */
  readonly kind: 'missing' | 'lost' | 'failing';
  readonly mode: string;
  /** Session, channel or matter; empty for the whole account; of a link its id. */
  readonly scope: string;
  /** Name of the session, as known last. */
  readonly name: string;
  readonly window: Interval;
  /** Why the last attempt failed, and how many did in a row. */
  readonly error?: string;
  readonly failures?: number;
}

/** One stream, in units of one scope, one mode and one UTC day. */
export interface StreamReport {
  readonly stream: string;
  readonly expected: number;
  readonly collected: number;
  /** Missing ones. */
  readonly missing: number;
  readonly lost: number;
}

export interface CoverageReport {
  readonly streams: readonly StreamReport[];
  readonly holes: readonly NamedHole[];
  /** Holes beyond the most that are named. */
  readonly unnamed: number;
  readonly links: readonly LinkTotals[];
}

export interface CoverageQuestion {
  /** Only this session: its id, or a part of its name. */
  readonly session?: string;
  readonly window: Interval;
  readonly policy: CollectionPolicy;
  readonly others: readonly Expected[];
}

/** A collector of units of another stream, which tells what is due, and how often it asks again for what is new. */
export interface Expected {
  readonly collector: Collector;
  readonly everyMs: number;
}

/** How late what is new may be before it counts as a hole. */
const GRACE_MS = 3_600_000;

const MOST_NAMED = 10_000;

/** Compares what had to be collected by `now` with what was. */
export async function reportCoverage(
  db: Database,
  account: string,
  question: CoverageQuestion,
  now: number,
): Promise<CoverageReport> {
  const failing = new Map<string, FailingUnit>();
  for (const unit of await failingUnits(db, account, MOST_NAMED)) {
    const name = `${unit.stream} ${unit.mode} ${unit.scope}`;
    if (!failing.has(name)) failing.set(name, unit);
  }
  const holes: NamedHole[] = [];
  let unnamed = 0;
  const name = (hole: Omit<NamedHole, 'error' | 'failures'>): void => {
    const why = failing.get(`${hole.stream} ${hole.mode} ${hole.scope}`);
    if (holes.length >= MOST_NAMED) unnamed += 1;
    else holes.push({ ...hole, ...(why === undefined ? {} : { error: why.error, failures: why.failures }) });
  };
  const streams = [await reportMessages(db, account, question, now, name)];
  const links = await linkTotals(db, account);
  if (question.session === undefined) {
    streams.push(...(await reportOthers(db, account, question, now, name)));
    for (const link of await failingLinks(db, account, MOST_NAMED)) {
      const { kind, id, error, attempts, foundAt } = link;
      if (foundAt >= question.window.to || foundAt < question.window.from) continue;
      holes.push({
        stream: kind === 'hold_file' ? 'hold_files' : kind === 'forwarded' ? 'forwarded' : 'files',
        kind: 'failing',
        mode: kind,
        scope: id,
        name: '',
        window: { from: foundAt, to: now },
        error,
        failures: attempts,
      });
    }
  }
  return { streams, holes, unnamed, links };
}

type Name = (hole: Omit<NamedHole, 'error' | 'failures'>) => void;

async function reportMessages(
  db: Database,
  account: string,
  { session: wanted, window, policy }: CoverageQuestion,
  now: number,
  name: Name,
): Promise<StreamReport> {
  const retention = await readSourceRetention(db, account);
  const days = { missing: 0, lost: 0 };
  let expected = 0;
  for await (const sessions of eachKnownSession(db, account)) {
    for (const session of sessions) {
      if (wanted !== undefined && !isWanted(session, wanted)) continue;
      expected += MODES.length * daysOf({ from: expectedSince(session), to: now }, window);
      const found = sessionHoles(session, policy, keptSince(session, retention, now), now);
      for (const mode of MODES) {
        for (const kind of ['missing', 'lost'] as const) {
          days[kind] += distinctDays(found, mode, kind, window);
        }
      }
      for (const hole of found) {
        const part = intersection(hole.window, window);
        if (part === undefined) continue;
        const { mode, kind } = hole;
        name({ stream: 'messages', kind, mode, scope: session.id, name: session.name, window: part });
      }
    }
  }
  return { stream: 'messages', expected, collected: expected - days.missing - days.lost, ...days };
}

async function reportOthers(
  db: Database,
  account: string,
  { window, policy, others }: CoverageQuestion,
  now: number,
  name: Name,
): Promise<readonly StreamReport[]> {
  const coverage = await otherCoverage(db, account);
  const reports: StreamReport[] = [];
  for (const { collector, everyMs } of others) {
    const { stream } = collector;
    const late = now - everyMs - policy.settleMs - GRACE_MS;
    let absent = 0;
    const named = new Set<string>();
    const open = (await collector.plan()).flatMap(({ mode, scope, covers }) => {
      const rows = coverage.filter(
        (row) => row.stream === stream && row.scope === scope && (row.mode === mode || stream === 'sessions'),
      );
      const isNew = rows.every(({ covered }) => covered.length === 0);
      return rows
        .reduce((gaps, { covered }) => gaps.flatMap((gap) => missing(gap, covered)), [covers])
        .filter(({ from }) => isNew || from < late)
        .map((gap) => ({ mode, scope, ...gap }));
    });
    // A failed unit waits for its next try, and is then not planned; it is a hole all the same.
    const failed = await failingUnits(db, account, MOST_NAMED, stream);
    for (const { mode, scope, from, to } of [...open, ...failed]) {
      const part = intersection({ from, to: Math.min(to, now) }, window);
      const key = `${mode} ${scope} ${startOfDay(from)}`;
      if (part === undefined || named.has(key)) continue;
      named.add(key);
      absent += daysOf(part, part);
      name({ stream, kind: 'missing', mode, scope, name: '', window: part });
    }
    let collected = 0;
    for (const row of coverage.filter((candidate) => candidate.stream === stream)) {
      for (const part of row.covered) collected += daysOf(part, window);
    }
    reports.push({ stream, expected: collected + absent, collected, missing: absent, lost: 0 });
  }
  return reports;
}

function isWanted(session: KnownSession, wanted: string): boolean {
  return session.id === wanted || session.name.toLowerCase().includes(wanted.toLowerCase());
}

/** UTC days that `interval` touches within `window`. */
function daysOf(interval: Interval, window: Interval): number {
  const part = intersection(interval, window);
  if (part === undefined) return 0;
  return Math.ceil((part.to - startOfDay(part.from)) / DAY_MS);
}

function distinctDays(
  holes: readonly Hole[],
  mode: Hole['mode'],
  kind: Hole['kind'],
  window: Interval,
): number {
  const days = new Set<number>();
  for (const hole of holes) {
    if (hole.mode !== mode || hole.kind !== kind) continue;
    const part = intersection(hole.window, window);
    if (part === undefined) continue;
    for (let day = startOfDay(part.from); day < part.to; day += DAY_MS) days.add(day);
  }
  return days.size;
}
