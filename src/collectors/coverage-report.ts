/** Expected time against collected time, by stream, session and day; holes by name. Reads the ledger, writes nothing. */
import { type StreamCoverage, streamCoverage } from '../ledger/coverage.ts';
import type { Database } from '../ledger/database.ts';
import { type LateLink, type LinkKind, type LinkTotals, lateLinks, linkTotals } from '../ledger/links.ts';
import { eachKnownSession, type KnownSession } from '../ledger/registry.ts';
import { readSourceRetention } from '../ledger/source-retention.ts';
import { type FailingUnit, failingUnits } from '../ledger/units.ts';
import { type Interval, intersection, type Stream } from '../record.ts';
import type { Collector } from './collector.ts';
import type { CollectionPolicy } from './planner.ts';
import { expectedSince, keptSince, MODES } from './source-retention.ts';
import { type Hole, sessionHoles } from './survey.ts';
import type { Unit } from './unit.ts';
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
  /** Kinds of links that are to be fetched. */
  readonly kinds: readonly LinkKind[];
  /** How long a refusal is asked for again before it is Zoom's last word, milliseconds: no hole until then. */
  readonly patienceMs: number;
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
    const late = await lateLinks(
      db,
      account,
      question.kinds,
      { found: now - GRACE_MS, refused: now - question.patienceMs - DAY_MS },
      MOST_NAMED,
    );
    for (const link of late) {
      const at = timeOf(link);
      if (at >= question.window.to || at < question.window.from) continue;
      holes.push({
        stream: STREAM_OF[link.kind],
        kind: link.error === undefined ? 'missing' : 'failing',
        mode: link.kind,
        scope: link.id,
        name: typeof link.detail.name === 'string' ? link.detail.name : '',
        window: { from: at, to: now },
        ...(link.error === undefined ? {} : { error: link.error, failures: link.attempts }),
      });
    }
  }
  return { streams, holes, unnamed, links };
}

const STREAM_OF: Record<LinkKind, Stream> = {
  file: 'files',
  emoji: 'files',
  forwarded: 'forwarded',
  hold_file: 'hold_files',
};

/** When the message was sent that a link belongs to; of what belongs to none, when it was found. */
function timeOf({ detail, foundAt }: LateLink): number {
  return typeof detail.sentAt === 'number' ? detail.sentAt : foundAt;
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
  const coverage = await streamCoverage(db, account);
  const reports: StreamReport[] = [];
  for (const { collector, everyMs } of others) {
    const { stream } = collector;
    const rows = coverage.filter((row) => row.stream === stream);
    const late = now - everyMs - policy.settleMs - GRACE_MS;
    const failed = await failingUnits(db, account, MOST_NAMED, stream);
    const gaps: readonly (readonly ['missing' | 'lost', readonly Gap[]])[] = [
      [
        'missing',
        [
          ...(await collector.plan()).flatMap((unit) => overdue(unit, rows, late)),
          ...failed.flatMap((unit) => stillFailing(unit, rows, late, now)),
          ...((await collector.pending?.()) ?? [])
            .filter(({ since }) => since < now - DAY_MS)
            .map(({ mode, scope, since }) => ({ mode, scope, from: since, to: now })),
        ],
      ],
      ['lost', rows.flatMap(lostSinceFirst)],
    ];
    const days = { missing: 0, lost: 0 };
    for (const [kind, list] of gaps) {
      const named = new Set<string>();
      for (const { mode, scope, from, to } of list) {
        const part = intersection({ from, to: Math.min(to, now) }, window);
        const key = `${mode} ${scope} ${startOfDay(from)}`;
        if (part === undefined || named.has(key)) continue;
        named.add(key);
        days[kind] += daysOf(part, part);
        name({ stream, kind, mode, scope, name: '', window: part });
      }
    }
    const collected = rows
      .flatMap(({ covered }) => covered)
      .reduce((sum, part) => sum + daysOf(part, window), 0);
    reports.push({ stream, expected: collected + days.missing + days.lost, collected, ...days });
  }
  return reports;
}

/** Time of one scope and mode, milliseconds. */
interface Gap extends Interval {
  readonly scope: string;
  readonly mode: string;
}

/** Coverage that holds for a unit; what a listing of all sessions showed, the newest days need not show again. */
function coverageOf(
  { scope, mode }: { readonly scope: string; readonly mode: string },
  rows: readonly StreamCoverage[],
): readonly StreamCoverage[] {
  return rows.filter((row) => row.scope === scope && (row.mode === mode || row.stream === 'sessions'));
}

/** What is due of a unit for too long. @param late what is newer may still be waiting for its turn */
function overdue(unit: Unit, rows: readonly StreamCoverage[], late: number): readonly Gap[] {
  const { scope, mode, covers } = unit;
  const own = coverageOf(unit, rows);
  const isNew = own.every(({ covered }) => covered.length === 0);
  return without(covers, own)
    .filter(({ from }) => isNew || from < late)
    .map((gap) => ({ scope, mode, ...gap }));
}

/** After so many failures in a row a unit is a hole, however new. */
const KEEPS_FAILING = 3;

/**
 * A failed unit waits for its next try, and is then not planned. What others covered since is no hole; a look has no
 * window, and is late since the last one that came through.
 */
function stillFailing(
  unit: FailingUnit,
  rows: readonly StreamCoverage[],
  late: number,
  now: number,
): readonly Gap[] {
  const { scope, mode, from, to, failures } = unit;
  // What was asked for by hand is not expected.
  if (mode === 'repair') return [];
  const own = coverageOf(unit, rows);
  const since = own[0]?.covered.at(-1)?.to ?? startOfDay(now);
  const whole = from < to ? { from, to: Math.min(to, now) } : { from: since, to: now };
  const isNew = own.every(({ covered }) => covered.length === 0);
  return without(whole, own)
    .filter((gap) => isNew || failures >= KEEPS_FAILING || gap.from < late)
    .map((gap) => ({ scope, mode, ...gap }));
}

function without(whole: Interval, rows: readonly StreamCoverage[]): readonly Interval[] {
  return rows.reduce<readonly Interval[]>(
    (gaps, { covered }) => gaps.flatMap((gap) => missing(gap, covered)),
    whole.from < whole.to ? [whole] : [],
  );
}

/** What Zoom served once and no more; before the first coverage it never did. */
function lostSinceFirst({ scope, mode, covered, lost }: StreamCoverage): readonly Gap[] {
  const first = covered[0]?.from ?? Number.POSITIVE_INFINITY;
  return lost.filter(({ from }) => from > first).map((gap) => ({ scope, mode, ...gap }));
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
