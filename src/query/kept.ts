import { isStored, ObjectChanges, type StoredEntry } from '../proof/changes.ts';
import type { EntryLock, LogEntry } from '../proof/entry.ts';
import { EMPTY_FRONTIER } from '../proof/frontier.ts';
import { replay } from '../proof/replay.ts';
import type { HoldScope } from '../record.ts';
import { EVERYTHING, widened } from '../retention/holds.ts';
import type { OpenArchive } from './archive.ts';

import { readAt } from './asked.ts';
import type { AuditContext } from './reader.ts';
import type { ReadAt } from './revision.ts';
import { requireMay } from './visibility.ts';

/** A class by which things are kept, as the log tells; what it counts, but for `disposed`, was not disposed of. */
export interface KeptClass {
  readonly name: string;
  readonly segments: number;
  readonly objects: number;
  readonly bytes: number;
  readonly records: number;
  /** UTC days of its segments; null where it has none. */
  readonly firstDay: string | null;
  readonly lastDay: string | null;
  /** How many are under a lock in force, by mode, and its earliest and latest end; `none` have no lock, or not any more. */
  readonly locks: readonly {
    readonly mode: 'governance' | 'compliance' | 'none';
    readonly count: number;
    readonly from: string | null;
    readonly to: string | null;
  }[];
  readonly disposed: number;
}

export interface HoldStep {
  readonly action: 'place' | 'change' | 'release' | 'cancel' | 'end';
  readonly at: string;
  readonly by: string;
  readonly reason: string;
  readonly endsAt: string | null;
  readonly entry: number;
}

export interface KeptHold {
  readonly hold: string;
  readonly matter: string;
  readonly source: 'own' | 'zoom';
  readonly state: 'in force' | 'ending' | 'ended';
  readonly scope: {
    readonly custodians: readonly string[];
    readonly channels: readonly string[];
    readonly sessions: readonly string[];
    readonly from: string | null;
    readonly to: string | null;
  };
  readonly steps: readonly HoldStep[];
}

export interface DisposalSummary {
  readonly at: string;
  readonly by: string;
  readonly approvedBy: string | null;
  readonly class: string;
  readonly reason: string;
  readonly count: number;
  readonly bytes: number;
}

export interface Kept {
  readonly at: ReadAt;
  readonly classes: readonly KeptClass[];
  readonly holds: readonly KeptHold[];
  /** One for each day, class, persons and reason; newest first. */
  readonly disposals: readonly DisposalSummary[];
}

/**
 * Classes, holds and disposals, from the log alone. Fails with `proof-invalid` where the log is not that of its head.
 * @param now ms: which locks are in force by then
 */
export async function kept(ctx: AuditContext, now = Date.now()): Promise<Kept> {
  requireMay(ctx.reader, 'retention');
  await ctx.record({ action: 'retention', input: {} });
  const { archive, signal } = ctx;
  return {
    at: readAt(archive),
    classes: await classesOf(archive, new Date(now).toISOString(), signal),
    holds: holdsOf(archive.deeds.map(({ index, entry }) => ({ index, entry }))),
    disposals: disposalsOf(archive.deeds.map(({ entry }) => entry)),
  };
}

type Mode = KeptClass['locks'][number]['mode'];
type Count = { -readonly [Name in keyof Omit<KeptClass, 'locks'>]: KeptClass[Name] } & {
  readonly locks: Map<Mode, { count: number; from: string | null; to: string | null }>;
};

/** Reads the log twice, for what becomes of an object stands behind it; memory follows the number of changes. */
async function classesOf(
  { sink, log: { checkpoint } }: OpenArchive,
  now: string,
  signal: AbortSignal,
): Promise<readonly KeptClass[]> {
  const changes = new ObjectChanges();
  for await (const { index, entry } of replay(sink, checkpoint, EMPTY_FRONTIER)) {
    signal.throwIfAborted();
    changes.note(index, entry);
  }
  const classes = new Map<string, Count>();
  for await (const { index, entry } of replay(sink, checkpoint, EMPTY_FRONTIER)) {
    signal.throwIfAborted();
    if (!isStored(entry)) continue;
    const { class: name, lock, disposal } = changes.fateOf(index, entry);
    const own = classes.get(name) ?? newCount(name);
    classes.set(name, own);
    if (disposal === undefined) addKept(own, entry, lock !== null && lock.retain_until > now ? lock : null);
    else own.disposed += 1;
  }
  return [...classes.values()]
    .map(({ locks, ...own }) => ({
      ...own,
      locks: MODES.flatMap((mode) => {
        const counted = locks.get(mode);
        return counted === undefined ? [] : [{ mode, ...counted }];
      }),
    }))
    .sort((one, other) => (one.name < other.name ? -1 : 1));
}

const MODES: readonly Mode[] = ['compliance', 'governance', 'none'];

function newCount(name: string): Count {
  const counts = { segments: 0, objects: 0, bytes: 0, records: 0, disposed: 0 };
  return { name, ...counts, firstDay: null, lastDay: null, locks: new Map() };
}

function addKept(own: Count, entry: StoredEntry, lock: EntryLock): void {
  own.bytes += entry.bytes;
  if (entry.type === 'segment') {
    own.segments += 1;
    own.records += entry.count;
    own.firstDay = own.firstDay === null || entry.date < own.firstDay ? entry.date : own.firstDay;
    own.lastDay = own.lastDay === null || entry.date > own.lastDay ? entry.date : own.lastDay;
  } else {
    own.objects += 1;
  }
  const mode = lock?.mode ?? 'none';
  const until = lock?.retain_until ?? null;
  const counted = own.locks.get(mode) ?? { count: 0, from: until, to: until };
  own.locks.set(mode, counted);
  counted.count += 1;
  if (until === null) return;
  if (counted.from === null || until < counted.from) counted.from = until;
  if (counted.to === null || until > counted.to) counted.to = until;
}

interface PlacedDeed {
  readonly index: number;
  readonly entry: LogEntry;
}

/** Holds with their steps, those placed last first. Pure. */
function holdsOf(deeds: readonly PlacedDeed[]): readonly KeptHold[] {
  const holds = new Map<string, KeptHold>();
  for (const { index, entry } of deeds) {
    if (entry.type !== 'hold') continue;
    const { hold, matter, source, action, by, reason, scope } = entry;
    const before = holds.get(hold);
    const step = { action, at: entry.at, by, reason, endsAt: entry.ends_at, entry: index };
    const widest = before === undefined || scope === null ? scope : widened(before.scope, scope);
    holds.set(hold, {
      hold,
      matter,
      source,
      state: stateAfter(action, before?.state),
      scope: plainScope(widest ?? before?.scope ?? EVERYTHING),
      steps: [...(before?.steps ?? []), step],
    });
  }
  return [...holds.values()].reverse();
}

function stateAfter(action: HoldStep['action'], before: KeptHold['state'] | undefined): KeptHold['state'] {
  switch (action) {
    case 'place':
    case 'cancel':
      return 'in force';
    case 'change':
      return before ?? 'in force';
    case 'release':
      return 'ending';
    case 'end':
      return 'ended';
    default:
      return action satisfies never;
  }
}

function plainScope({ custodians, channels, sessions, from, to }: HoldScope): KeptHold['scope'] {
  return { custodians: [...custodians], channels: [...channels], sessions: [...sessions], from, to };
}

/** What was disposed of together counts as one. Pure. */
function disposalsOf(entries: readonly LogEntry[]): readonly DisposalSummary[] {
  const days = new Map<string, DisposalSummary>();
  for (const entry of entries) {
    if (entry.type !== 'disposal') continue;
    const { at, by, approved_by: approvedBy, class: className, reason, bytes } = entry;
    const name = JSON.stringify([at.slice(0, 10), className, by, approvedBy, reason]);
    const { count, bytes: sum } = days.get(name) ?? { count: 0, bytes: 0 };
    days.set(name, { at, by, approvedBy, class: className, reason, count: count + 1, bytes: sum + bytes });
  }
  return [...days.values()].sort((one, other) => (one.at < other.at ? 1 : one.at > other.at ? -1 : 0));
}
