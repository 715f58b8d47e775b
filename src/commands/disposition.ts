/** Disposition, as the command and the daemon alike run it: what is past its date, and its destruction. */
import { setMaxListeners } from 'node:events';
import type { Database } from '../ledger/database.ts';
import { type Candidate, type DisposalOrder, keptByClass, pastPeriod } from '../ledger/disposals.ts';
import type { Lease } from '../ledger/lease.ts';
import { countUnindexed } from '../ledger/segment-contents.ts';
import { trustedNow } from '../ledger/trusted-clock.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { isForGood, lastDayPast, type Standing, standingOf } from '../retention/due.ts';
import { type ClassTerms, keptUntil } from '../retention/lock.ts';
import type { Disposition } from '../retention/terms.ts';
import type { StopSignals } from '../scheduler/stop.ts';
import { type DisposeOptions, dispose } from '../segments/dispose.ts';
import type { Sink } from '../sinks/sink.ts';
import { type Context, signerOf } from './context.ts';
import { runHolds } from './holds.ts';
import { LENGTHENED_A_SECOND, lengthen } from './lengthen.ts';
import type { Progress } from './progress.ts';
import { bringIntoForce } from './schedule-in-force.ts';
import { inTurn } from './turns.ts';

/** Which of what is past its period is looked at. */
export interface DispositionScope {
  readonly className?: string;
  /** Only what is of an earlier UTC day, `yyyy-mm-dd`. */
  readonly before?: string;
}

/** What of one class stands alike. */
export interface PlanRow {
  readonly class: string;
  readonly disposition: Disposition;
  readonly standing: Standing['state'];
  /** Of `dated` alone: what the date waits for. */
  readonly because: string | null;
  /** Of `dated` alone: the latest date, ISO 8601. */
  readonly until: string | null;
  readonly segments: number;
  readonly objects: number;
  readonly records: number;
  readonly bytes: number;
  /** UTC days that periods are counted from. */
  readonly oldest: string;
  readonly newest: string;
}

/** A segment or an object that is past the period of its class. */
export interface PlannedItem extends Pick<PlanRow, 'class' | 'standing' | 'because' | 'until'> {
  readonly key: string;
  /** UTC day that its period is counted from. */
  readonly day: string;
  /** 0 of an object. */
  readonly records: number;
  readonly bytes: number;
}

export interface DispositionPlan {
  /** What is past the period of its class, by class and standing. */
  readonly rows: readonly PlanRow[];
  /** The same one by one: segments in the order in which they were sealed, then objects by their hash. */
  readonly items: readonly PlannedItem[];
  /** Segments of which the ledger does not know what files they point to; `dispose run` reads them first. */
  readonly unindexed: number;
}

interface Judged {
  readonly candidate: Candidate;
  readonly standing: Standing;
}

async function* judged(
  db: Database,
  account: string,
  classes: ClassTerms,
  { className, before }: DispositionScope,
  now: number,
  approved: boolean,
): AsyncGenerator<readonly Judged[]> {
  const past = [...classes].flatMap(([name, terms]) => {
    const day = lastDayPast(terms, now);
    if (day === undefined || isForGood(name) || (className !== undefined && name !== className)) return [];
    const last = before === undefined || day < before ? day : dayBefore(before);
    return [{ class: name, day: last }];
  });
  for await (const candidates of pastPeriod(db, account, past)) {
    yield candidates.map((candidate) => ({
      candidate,
      standing: standingOf(candidate, classes, now, approved),
    }));
  }
}

function dayBefore(day: string): string {
  return new Date(Date.parse(`${day}T00:00:00Z`) - 86_400_000).toISOString().slice(0, 10);
}

/** What is past its period, without touching anything. Fails with `clock-skew` as {@link trustedNow} does. */
export async function planDisposition(
  { account, now }: Pick<Context, 'account' | 'now'>,
  db: Database,
  classes: ClassTerms,
  scope: DispositionScope,
): Promise<DispositionPlan> {
  const rows = new Map<string, PlanRow>();
  const items: PlannedItem[] = [];
  const at = await trustedNow(db, account, now());
  for await (const batch of judged(db, account, classes, scope, at, false)) {
    for (const { candidate, standing } of batch) {
      const item = itemOf(candidate, standing);
      items.push(item);
      const name = JSON.stringify([item.class, item.standing, item.because]);
      rows.set(name, added(rows.get(name), candidate.kind, item, classes));
    }
  }
  const ordered = [...rows.values()].sort((one, other) => one.class.localeCompare(other.class));
  return { rows: ordered, items, unindexed: await countUnindexed(db, account) };
}

function itemOf(candidate: Candidate, standing: Standing): PlannedItem {
  const { key, class: className, day, records, bytes } = candidate;
  const dated = standing.state === 'dated' ? standing : undefined;
  return {
    key,
    class: className,
    day,
    records,
    bytes,
    standing: standing.state,
    because: dated?.because ?? null,
    until: dated === undefined ? null : new Date(dated.until).toISOString(),
  };
}

function added(
  row: PlanRow | undefined,
  kind: Candidate['kind'],
  { class: className, standing, because, until, day, records, bytes }: PlannedItem,
  classes: ClassTerms,
): PlanRow {
  return {
    class: className,
    disposition: classes.get(className)?.disposition ?? 'keep',
    standing,
    because,
    until: until !== null && row?.until != null && row.until > until ? row.until : until,
    segments: (row?.segments ?? 0) + (kind === 'segment' ? 1 : 0),
    objects: (row?.objects ?? 0) + (kind === 'object' ? 1 : 0),
    records: (row?.records ?? 0) + records,
    bytes: (row?.bytes ?? 0) + bytes,
    oldest: row === undefined || day < row.oldest ? day : row.oldest,
    newest: row === undefined || day > row.newest ? day : row.newest,
  };
}

export interface DisposeJob {
  readonly context: Context;
  readonly db: Database;
  readonly sink: Sink;
  readonly lease: Lease;
  readonly metrics: Metrics;
  readonly stop: StopSignals;
  readonly progress?: Progress;
  readonly scope: DispositionScope;
  /** Null destroys nothing new, and finishes what an earlier run began. */
  readonly order: DisposalOrder | null;
  /** Of what is due only these keys: what somebody saw and agreed to. All, unless said otherwise. */
  readonly agreed?: ReadonlySet<string>;
  /** At most so many segments and objects. */
  readonly limit?: number;
}

export interface DisposeSummary {
  readonly segments: number;
  readonly objects: number;
  readonly bytes: number;
  /** What the ledger or the log would let go, and something else keeps. */
  readonly refused: readonly { readonly class: string; readonly key: string; readonly why: string }[];
}

/**
 * Destroys what is due. What asks for a review is due only with the name of who approved it. Fails as {@link dispose},
 * {@link runHolds} and {@link lengthen} do, and with `clock-skew`, before anything is destroyed.
 */
export async function runDispose(job: DisposeJob): Promise<DisposeSummary> {
  const { context, db, sink, lease, metrics, stop, progress, scope, order, agreed, limit } = job;
  const { account, now, log } = context;
  // Each request to the store in flight listens to it several times.
  setMaxListeners(0, stop.interrupt);
  const at = await trustedNow(db, account, now());
  const locks = await bringIntoForce({ context, db, sink, lease, interrupt: stop.interrupt });
  const { classes, logLock } = locks;
  if (order !== null) {
    // What was not looked at for a hold counts as held.
    await runHolds({ context, db, sink, lease, metrics, stop });
    // What points to a file is known only of segments that were read, and that a record falls under a longer rule may
    // be known since it was sealed: both before anything is judged.
    await lengthen({ context, db, sink, lease, locks, rate: LENGTHENED_A_SECOND, stop });
    // That may take long, and what was sealed meanwhile may show a custodian in a session where nobody knew him.
    await runHolds({ context, db, sink, lease, metrics, stop });
  }
  const counts = { segments: 0, objects: 0, bytes: 0 };
  const refused: { class: string; key: string; why: string }[] = [];
  const due = async function* (): AsyncGenerator<readonly Candidate[]> {
    if (order === null) return;
    let left = limit ?? Number.POSITIVE_INFINITY;
    for await (const batch of judged(db, account, classes, scope, at, order.approvedBy !== null)) {
      const going = batch
        .filter(({ candidate, standing }) => standing.state === 'due' && agreed?.has(candidate.key) !== false)
        .slice(0, left);
      left -= going.length;
      progress?.expect(going.length);
      if (going.length > 0) yield going.map(({ candidate }) => candidate);
      if (left === 0) return;
    }
  };
  const options: DisposeOptions = {
    db,
    lease,
    sink,
    signer: signerOf(context),
    logLock,
    staying: (candidate, approved) => staying(standingOf(candidate, classes, at, approved)),
    now,
    drain: stop.drain,
    interrupt: stop.interrupt,
    log,
    events: {
      destroyed({ kind, class: className, bytes }) {
        counts[kind === 'segment' ? 'segments' : 'objects'] += 1;
        counts.bytes += bytes;
        metrics.disposed({ kind, class: className, bytes });
        progress?.finish(`${(counts.bytes / 1e6).toFixed(1)} MB`);
      },
      refused(what) {
        refused.push(what);
        metrics.disposalRefused({ class: what.class });
        log.warn(what, 'not destroyed');
        progress?.finish('refused');
      },
    },
  };
  const by = order ?? { by: 'schedule', approvedBy: null, reason: '' };
  await inTurn(db, 'lengthen', () => dispose(options, due(), by));
  await reportKept(db, account, classes, metrics);
  return { ...counts, refused };
}

/** Why something stays that the log says was to go: its class or its date changed since. */
function staying(standing: Standing): string | undefined {
  switch (standing.state) {
    case 'due':
      return undefined;
    case 'dated':
      return `it has to be kept until ${new Date(standing.until).toISOString()} now`;
    case 'held':
      return 'it is on hold now';
    case 'keep':
      return 'its class keeps for good now';
    case 'review':
      return 'its class asks for a review now';
    default:
      return standing satisfies never;
  }
}

async function reportKept(
  db: Database,
  account: string,
  classes: ClassTerms,
  metrics: Metrics,
): Promise<void> {
  const kept = (await keptByClass(db, account)).map(({ oldest, ...each }) => {
    const terms = isForGood(each.class) ? undefined : classes.get(each.class);
    return { ...each, expires: terms === undefined ? undefined : keptUntil(terms, oldest) };
  });
  metrics.kept(kept);
}
