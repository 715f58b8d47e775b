/**
 * Reads an archive as an auditor without our program would: DuckDB over the Parquet files of a folder, nothing of
 * `src`. Then compares it with what the emulator knows to have happened.
 */
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { JS } from '@duckdb/node-api';
import type { TruthMessage } from '../../emulator/server.ts';
import { withPlainDuckDB } from './plain-duckdb.ts';
import type { S3Fake } from './s3-fake.ts';

export interface ArchivedMessage {
  readonly sessionId: string;
  /** Without braces, in lower case. */
  readonly messageId: string;
  readonly kind: string;
  /** Milliseconds. */
  readonly actionAt: number;
  /** Text of the record. */
  readonly text: string;
  readonly drift: boolean;
}

export interface ArchivedReactions {
  readonly sessionId: string;
  readonly messageId: string;
  readonly kind: string;
  /** Milliseconds. */
  readonly observedAt: number;
  /** {@link reactionState} of the record. */
  readonly state: string;
}

export interface ArchivedCoverage {
  readonly stream: string;
  /** Session id, or empty. */
  readonly scope: string;
  readonly mode: string;
  readonly outcome: string;
  /** Milliseconds: what was proved, or lost; undefined when nothing was. */
  readonly from: number | undefined;
  readonly to: number | undefined;
}

export interface Archive {
  readonly segments: number;
  readonly messages: readonly ArchivedMessage[];
  readonly reactions: readonly ArchivedReactions[];
  /** Session ids that have a description. */
  readonly sessions: ReadonlySet<string>;
  readonly coverage: readonly ArchivedCoverage[];
  /** What is wrong with rows by themselves: JSON that does not parse, columns that contradict their record. */
  readonly problems: readonly string[];
}

type Row = Readonly<Record<string, JS>>;
// biome-ignore lint/suspicious/noExplicitAny: records of several streams
type Json = any;

/** The archive below `root`, as a directory sink or a copy of a bucket lays it out. */
export async function readArchive(root: string): Promise<Archive> {
  const files = (await readdir(join(root, 'segments'), { recursive: true }).catch(() => []))
    .filter((name) => name.endsWith('.parquet'))
    .map((name) => join(root, 'segments', name));
  const problems: string[] = [];
  return withPlainDuckDB(async (connection) => {
    const rows = async (stream: string): Promise<Row[]> => {
      const own = files.filter((file) => file.includes(`/stream=${stream}/`));
      if (own.length === 0) return [];
      const list = own.map((file) => `'${file.replaceAll("'", "''")}'`).join(', ');
      const reader = await connection.runAndReadAll(
        `select * replace (epoch_ms(observed_at)::double as observed_at, epoch_ms(event_at)::double as event_at),
           date::varchar as day from read_parquet([${list}], hive_partitioning = true)`,
      );
      const found = reader.getRowObjectsJS();
      for (const row of found) problems.push(...rowProblems(row));
      return found;
    };
    const messages = (await rows('messages')).map((row): ArchivedMessage => {
      const record = recordOf(row);
      problems.push(...messageProblems(row, record));
      return {
        sessionId: String(row.session_id),
        messageId: String(row.message_id),
        kind: String(row.kind),
        actionAt: record.action_timestamp ?? record.timestamp,
        text: record.message ?? '',
        drift: row.drift === true,
      };
    });
    const reactions = (await rows('reactions')).map(
      (row): ArchivedReactions => ({
        sessionId: String(row.session_id),
        messageId: String(row.message_id),
        kind: String(row.kind),
        observedAt: Number(row.observed_at),
        state: reactionState(recordOf(row)),
      }),
    );
    const sessions = new Set((await rows('sessions')).map((row) => String(row.session_id)));
    const coverage = (await rows('coverage')).map((row): ArchivedCoverage => {
      const { unit, covers = null, outcome } = recordOf(row);
      const window = outcome === 'lost' ? unit : covers;
      return {
        stream: unit.stream,
        scope: unit.scope,
        mode: unit.mode,
        outcome,
        from: window === null ? undefined : Date.parse(window.from),
        to: window === null ? undefined : Date.parse(window.to),
      };
    });
    return { segments: files.length, messages, reactions, sessions, coverage, problems };
  });
}

/** The archive that an S3 fake holds: its oldest versions, below `prefix`. */
export async function readBucket(fake: S3Fake, prefix: string): Promise<Archive> {
  const root = await mkdtemp(join(tmpdir(), 'bucket-'));
  try {
    await copyBucket(fake, prefix, root);
    return await readArchive(root);
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

/** Writes what an S3 fake holds below `prefix`, the oldest version of each key, into a folder. */
export async function copyBucket(fake: S3Fake, prefix: string, root: string): Promise<void> {
  // Newest first within a key, so the oldest version is written last and stays.
  for (const { key, bytes } of fake.objects()) {
    if (!key.startsWith(prefix)) continue;
    const path = join(root, key.slice(prefix.length));
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, bytes);
  }
}

function recordOf(row: Row): Json {
  try {
    return JSON.parse(String(row.record));
  } catch {
    return {};
  }
}

function rowProblems(row: Row): string[] {
  const found: string[] = [];
  try {
    JSON.parse(String(row.record));
  } catch {
    found.push(`a record of ${row.kind} is not JSON: ${String(row.record).slice(0, 80)}`);
  }
  const day = new Date(Number(row.event_at)).toISOString().slice(0, 10);
  if (day !== row.day) found.push(`a record of ${day} stands in the folder of ${row.day}`);
  if (typeof row.run !== 'string' || row.run === '') found.push(`a record of ${row.kind} names no run`);
  if (!(Number(row.observed_at) > 0)) found.push(`a record of ${row.kind} was never observed`);
  if (String(row.account) === '') found.push('a record names no account');
  return found;
}

function messageProblems(row: Row, record: Json): string[] {
  const found: string[] = [];
  const say = (what: string): void => void found.push(`${what} of ${row.session_id} ${row.message_id}`);
  if (row.message_id !== bareId(record.id ?? '')) say(`message_id contradicts the record ${record.id}`);
  if (Number(row.event_at) !== (record.action_timestamp ?? record.timestamp)) say('event_at contradicts');
  if (row.request_id === '' || row.tracking_id === '') say('no request or tracking id');
  const text: string = record.message ?? '';
  // What is no Unicode text cannot stand in a Parquet string; the record has it.
  if (text.isWellFormed() && (row.text ?? '') !== text) say('text contradicts the record');
  return found;
}

export function bareId(id: string): string {
  return id.replace(/[{}]/g, '').toLowerCase();
}

/** Who reacts with what, in a form that does not depend on order; empty when nobody does. */
export function reactionState(record: Json): string {
  const lines = [...(record.reactions ?? []), ...(record.custom_emoji_reactions ?? [])].map(
    (reaction: Json) =>
      `${reaction.emoji ?? reaction.custom_emoji_name} ${reaction.total_count} ${[...reaction.member_ids].sort()}`,
  );
  return lines.sort().join('\n');
}

export interface Expectation {
  readonly sentText: 'original' | 'latest';
  /** Do sessions show in a listing for edits and deletions alone? */
  readonly listEditedSessions: boolean;
  /** Reports served what happened from here on (milliseconds); older things may be there, but need not. */
  readonly since: number;
}

/**
 * What is missing, there twice or invented, compared with everything that ever happened; at most thirty lines.
 * Where `sentText` is `latest`, the archive holds as `sent` the text as it was when Zoom was asked: any version that existed.
 */
export function compareMessages(
  archive: Archive,
  truth: Iterable<TruthMessage>,
  expected: Expectation,
): string[] {
  const problems: string[] = [...archive.problems];
  const archived = new Map<string, ArchivedMessage>();
  const sentOf = new Set<string>();
  const knownSessions = new Set<string>();
  for (const message of archive.messages) {
    const { sessionId, messageId, kind, actionAt } = message;
    const name = rowName(sessionId, messageId, kind, actionAt);
    if (archived.has(name)) problems.push(`twice: ${name}`);
    if (message.drift) problems.push(`drift: ${name}`);
    archived.set(name, message);
    knownSessions.add(sessionId);
    if (kind === 'sent') sentOf.add(`${sessionId} ${messageId}`);
  }
  const possible = new Map<string, string>();
  const required: { name: string; sessionId: string }[] = [];
  for (const message of truth) {
    const { sessionId, versions } = message;
    const id = bareId(message.messageId);
    const last = versions.at(-1);
    const living = last?.kind !== 'deleted';
    for (const { kind, actionTimestamp: at, text } of versions) {
      const name = rowName(sessionId, id, kind, at);
      possible.set(name, text);
      if (at >= expected.since) {
        if (kind !== 'sent' || expected.sentText === 'original') required.push({ name, sessionId });
        if (expected.listEditedSessions && kind !== 'sent') knownSessions.add(sessionId);
      }
      if (kind === 'edited' && expected.sentText === 'latest')
        possible.set(rowName(sessionId, id, 'sent', at), text);
    }
    if (message.sentAt < expected.since) continue;
    if (living || expected.sentText === 'original') knownSessions.add(sessionId);
    if (living && !sentOf.has(`${sessionId} ${id}`)) problems.push(`missing: ${sessionId} ${id} sent at all`);
  }
  for (const { name, sessionId } of required) {
    if (knownSessions.has(sessionId) && !archived.has(name)) problems.push(`missing: ${name}`);
  }
  for (const [name, { text }] of archived) {
    const real = possible.get(name);
    if (real === undefined) problems.push(`invented: ${name}`);
    else if (real !== text) problems.push(`other text: ${name}: ${text} instead of ${real}`);
  }
  return problems.slice(0, 30);
}

function rowName(sessionId: string, messageId: string, kind: string, at: number): string {
  return `${sessionId} ${messageId} ${kind} ${at}`;
}

/** Reactions in the end against the last state archived, for the messages that `among` lets through. */
export function compareReactions(
  archive: Archive,
  truth: Iterable<TruthMessage>,
  among: (message: TruthMessage) => boolean,
): string[] {
  const last = new Map<string, { observedAt: number; states: Set<string> }>();
  for (const { sessionId, messageId, kind, observedAt, state } of archive.reactions) {
    if (kind !== 'state') continue;
    const name = `${sessionId} ${messageId}`;
    const known = last.get(name);
    if (known === undefined || observedAt > known.observedAt)
      last.set(name, { observedAt, states: new Set([state]) });
    else if (observedAt === known.observedAt) known.states.add(state);
  }
  const problems: string[] = [];
  for (const message of truth) {
    if (!among(message)) continue;
    const name = `${message.sessionId} ${bareId(message.messageId)}`;
    const state = reactionState(message.reactions);
    const archived = last.get(name)?.states ?? new Set(['']);
    if (!archived.has(state))
      problems.push(`reactions of ${name}: ${[...archived].join(' or ')} instead of ${state}`);
  }
  return problems.slice(0, 30);
}

/** Sessions and modes whose coverage records leave a hole between `from` and `to` (milliseconds). */
export function coverageHoles(
  archive: Archive,
  sessions: Iterable<string>,
  limits: { readonly from: number; readonly sentTo: number; readonly modifiedTo: number },
): string[] {
  const problems: string[] = [];
  for (const scope of sessions) {
    for (const mode of ['sent', 'modified']) {
      const covers = archive.coverage
        .filter(
          (one) =>
            one.outcome === 'done' && one.stream === 'messages' && one.scope === scope && one.mode === mode,
        )
        .flatMap(({ from, to }) => (from === undefined || to === undefined ? [] : [{ from, to }]))
        .sort((a, b) => a.from - b.from);
      const wanted = mode === 'sent' ? limits.sentTo : limits.modifiedTo;
      let reached = limits.from;
      for (const { from, to } of covers) {
        if (from > reached) break;
        reached = Math.max(reached, to);
      }
      if (reached < wanted) {
        const [a, b] = [new Date(reached).toISOString(), new Date(wanted).toISOString()];
        problems.push(`${mode} of ${scope}: covered to ${a}, wanted to ${b}, by ${covers.length} records`);
      }
    }
  }
  return problems.slice(0, 30);
}
