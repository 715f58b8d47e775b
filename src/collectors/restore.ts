/** Puts back into an empty ledger what the collectors had in the lost one, from the records of the archive. */
import type { Database } from '../ledger/database.ts';
import type { Lease } from '../ledger/lease.ts';
import {
  type ArchivedCoverage,
  type ArchivedEnd,
  type ArchivedKey,
  type ArchivedLink,
  type ArchivedSession,
  type ArchivedState,
  keptStates,
  latestOf,
  restoreCoverage,
  restoreEnds,
  restoreKeys,
  restoreLinks,
  restoreSessions,
  restoreStates,
  restoreWithdrawal,
} from '../ledger/restore.ts';
import { restoreUnits } from '../ledger/restore-units.ts';
import { writeSourceRetention } from '../ledger/source-retention.ts';
import { rememberSubjects, SUBJECT_KINDS } from '../ledger/subjects.ts';
import { type ArchivedRecord, type KeyMonth, keyMonth, LASTING, type Stream } from '../record.ts';
import { channelRetention } from '../zoom/directory.ts';
import { matterRow } from '../zoom/legal-hold.ts';
import { accountSettings, sessionRow } from '../zoom/schemas.ts';
import { recall } from './archived.ts';
import { type RecalledCoverage, recallCoverage } from './archived-coverage.ts';
import { type ContextKind, contextRecord } from './context-records.ts';
import { type KnownMatter, writeMatters } from './hold-matters.ts';
import { knownMatter } from './matter-records.ts';
import { listedSession } from './sessions.ts';
import { accountRetention, channelPeriod } from './source-settings.ts';

/** What decides how far back the ledger remembers. */
export interface RestoreLimits {
  /** Of keys that expire, those of this month and later are put back. */
  readonly keysFrom: KeyMonth;
  /** Units that ended since, milliseconds. */
  readonly unitsSince: number;
}

/**
 * Which records of a segment the ledger knew something of: all; of messages that Zoom can serve no more those that may
 * point to something; none. @param day of the segment, UTC
 */
export function wantedRecords(
  stream: Stream,
  day: string,
  { keysFrom }: RestoreLimits,
): 'all' | 'linking' | 'none' {
  if (keyMonth(Date.parse(day)) >= keysFrom) return 'all';
  if (stream === 'messages') return 'linking';
  return stream === 'reactions' || stream === 'channel_activities' ? 'none' : 'all';
}

/**
 * Puts back what some records of one segment tell. Twice is as once. Fails with `internal` when a record is not what the
 * collectors would make of it, with `lease-lost`.
 * @param entry index of the segment's entry in the log
 */
export async function restoreRecords(
  db: Database,
  lease: Lease,
  records: readonly ArchivedRecord[],
  entry: number,
  limits: RestoreLimits,
): Promise<void> {
  const keys: ArchivedKey[] = [];
  const states: ArchivedState[] = [];
  const sessions: ArchivedSession[] = [];
  const links: ArchivedLink[] = [];
  const ends: ArchivedEnd[] = [];
  const coverage: TimedCoverage[] = [];
  for (const archived of records) {
    const { stream, observedAt, drift } = archived;
    if (stream === 'coverage') {
      coverage.push({ ...recallCoverage(JSON.parse(archived.record)), at: archived.time });
      continue;
    }
    const { candidate, links: found, settled } = recall({ ...archived, stream }, lease.account);
    const { key, content, keyMonth: month, kind, rule } = candidate;
    if (month === LASTING || month >= limits.keysFrom) {
      if (rule === 'once') keys.push({ month, key, content, drift });
      else {
        const record = isStanding(stream, kind) ? archived.record : null;
        states.push({ month, key, content, observedAt, stream, kind, record });
      }
    }
    if (stream === 'sessions') sessions.push(listing(archived));
    links.push(...found.map((link) => ({ link, foundAt: observedAt })));
    if (settled !== undefined) ends.push(settled);
  }
  await restoreKeys(db, lease, keys);
  await restoreStates(db, lease, states, entry);
  await restoreSessions(db, lease, merged(sessions));
  await restoreLinks(db, lease, links);
  await restoreEnds(db, lease, ends);
  await restoreAllCoverage(db, lease, coverage);
  const units = coverage.flatMap(({ unit }) => unit ?? []);
  await restoreUnits(db, lease, [
    ...latestOf(
      units.filter(({ finishedAt }) => finishedAt >= limits.unitsSince),
      ({ stream, scope, mode, from, to }) => JSON.stringify([stream, scope, mode, from, to]),
      ({ finishedAt }) => finishedAt,
    ),
  ]);
}

interface TimedCoverage extends RecalledCoverage {
  /** Milliseconds. */
  readonly at: number;
}

/** In order: what was taken back counts no more, what came after does; of the same moment, nothing does. */
async function restoreAllCoverage(
  db: Database,
  lease: Lease,
  coverage: readonly TimedCoverage[],
): Promise<void> {
  const isLast = ({ withdrawn }: TimedCoverage): number => (withdrawn === undefined ? 0 : 1);
  const records = [...coverage].sort((one, other) => one.at - other.at || isLast(one) - isLast(other));
  let from = 0;
  for (const [index, { withdrawn }] of records.entries()) {
    if (withdrawn === undefined) continue;
    await restoreCoverage(db, lease, covering(records.slice(from, index)));
    await restoreWithdrawal(db, lease, withdrawn);
    from = index + 1;
  }
  await restoreCoverage(db, lease, covering(records.slice(from)));
}

function covering(records: readonly RecalledCoverage[]): readonly ArchivedCoverage[] {
  return records.flatMap(({ coverage }) => coverage ?? []);
}

/** What a listing showed of a session, on the day when its description changed last. */
function listing({ record, observedAt }: ArchivedRecord): ArchivedSession {
  const { lastMessageAt, ...session } = listedSession(sessionRow.parse(JSON.parse(record)));
  const seen = { seenAt: observedAt, listedAt: observedAt };
  return { ...session, lastMessageAt, lastActivityAt: lastMessageAt, ...seen };
}

/** Each session once. */
function merged(sessions: readonly ArchivedSession[]): readonly ArchivedSession[] {
  const byId = new Map<string, ArchivedSession>();
  for (const next of sessions) {
    const known = byId.get(next.id) ?? next;
    const newest = next.listedAt >= known.listedAt ? next : known;
    byId.set(next.id, {
      ...newest,
      lastMessageAt: Math.max(known.lastMessageAt, next.lastMessageAt),
      lastActivityAt: Math.max(known.lastActivityAt, next.lastActivityAt),
      seenAt: Math.min(known.seenAt, next.seenAt),
    });
  }
  return [...byId.values()];
}

/** What the messages of a session tell of it. Times are milliseconds. */
interface MessagesOfSession {
  readonly id: string;
  readonly type: string;
  readonly name: string;
  readonly channelId: string;
  readonly lastMessageAt: number;
  readonly lastActivityAt: number;
  readonly firstSeenAt: number;
}

/** Puts back what messages tell of their sessions: some may have no description in the archive. */
export async function restoreMessagesOf(
  db: Database,
  lease: Lease,
  sessions: readonly MessagesOfSession[],
): Promise<void> {
  await restoreSessions(
    db,
    lease,
    sessions.map(({ lastMessageAt, firstSeenAt, ...session }) => ({
      ...session,
      // Listings give whole seconds.
      lastMessageAt: Math.floor(lastMessageAt / 1000) * 1000,
      seenAt: firstSeenAt,
      listedAt: 0,
    })),
  );
}

const STANDING_KINDS: readonly ContextKind[] = [...SUBJECT_KINDS, 'settings', 'channel_retention'];

/** Whether more than its hash is needed of how something stands. */
function isStanding(stream: Stream, kind: string): boolean {
  if (stream === 'matters') return kind === 'matter';
  return stream === 'context' && STANDING_KINDS.some((standing) => standing === kind);
}

/** Puts back what follows from how things stand, once all records are read. Twice is as once. */
export async function restoreStanding(db: Database, lease: Lease): Promise<void> {
  const { account } = lease;
  for (const kind of SUBJECT_KINDS) {
    for await (const states of keptStates(db, account, 'context', kind)) {
      const subjects = states.map(({ record }) => contextRecord.parse(JSON.parse(record)));
      await rememberSubjects(
        db,
        lease,
        kind,
        subjects.map(({ subject: id, name }) => ({ id, name })),
      );
    }
  }
  for await (const states of keptStates(db, account, 'context', 'settings')) {
    for (const { record, observedAt } of states) {
      const { value } = contextRecord.parse(JSON.parse(record));
      const { chat = {} } = accountSettings.parse({ chat: value });
      await writeSourceRetention(db, lease, accountRetention(chat), observedAt);
    }
  }
  for await (const states of keptStates(db, account, 'context', 'channel_retention')) {
    const scopes = states.map(({ record }) => {
      const { subject: scope, value } = contextRecord.parse(JSON.parse(record));
      return { scope, period: channelPeriod(channelRetention.parse(value)) };
    });
    // One moment for all of them, at which each of them stood so already.
    const readAt = Math.max(...states.map(({ observedAt }) => observedAt));
    await writeSourceRetention(db, lease, scopes, readAt);
  }
  const matters: KnownMatter[] = [];
  for await (const states of keptStates(db, account, 'matters', 'matter'))
    matters.push(...states.map(({ record }) => knownMatter(matterRow.parse(JSON.parse(record)))));
  await writeMatters(db, lease, matters);
}

/**
 * Lists that are read at once after a rebuild, for what they said last is not whole in the archive: when each session
 * had its last message, which zips are not made yet.
 */
export const ASK_AGAIN = [
  { stream: 'sessions', mode: 'sweep' },
  { stream: 'matters', mode: 'list' },
  { stream: 'hold_files', mode: 'list' },
] as const;
