/**
 * The words of the archive, one per concept, and the pure functions that give a record its identity.
 *
 * - account: a Zoom account (tenant).
 * - session: Zoom's chat session, `Group` or `1:1`.
 * - revision: one version of a message: `sent`, `edited` or `deleted`.
 * - record: one immutable archived fact of any stream, kept as canonical JSON (RFC 8785).
 * - candidate: a record as a response showed it, before the ledger says whether it is new.
 * - sighting: seeing a record again.
 * - drift: the same identity with other content; kept beside the first.
 * - unit: one thing to collect: stream, scope, mode, window.
 * - link: what a record points to and has to be fetched by itself: a file, a forwarded message, a legal-hold zip.
 * - coverage: the record that says how a unit went.
 * - lost window: time that Zoom had deleted before it was collected.
 * - segment: one Parquet object of records.
 * - hold: a legal hold: what it covers stays until somebody releases it.
 */
import { hash } from 'node:crypto';

export type Brand<Base, Name extends string> = Base & { readonly __brand: Name };

export type SessionId = Brand<string, 'SessionId'>;
/** A message id without braces, in lower case: Zoom writes the same id in several forms. */
export type MessageId = Brand<string, 'MessageId'>;
/** 32 hex digits; see {@link recordKey}. */
export type RecordKey = Brand<string, 'RecordKey'>;
/** The first 16 bytes of a SHA-256, 32 hex digits: enough to notice a change, not used as a proof. */
export type ContentHash = Brand<string, 'ContentHash'>;
/** Milliseconds since the Unix epoch. */
export type Instant = Brand<number, 'Instant'>;

/** Half-open, milliseconds since the epoch. */
export interface Interval {
  readonly from: number;
  readonly to: number;
}

/** What two intervals have in common; undefined when nothing. */
export function intersection(one: Interval, other: Interval): Interval | undefined {
  const from = Math.max(one.from, other.from);
  const to = Math.min(one.to, other.to);
  return from < to ? { from, to } : undefined;
}

/**
 * Whom and what a legal hold covers. Where all three lists are empty it covers everything; days are UTC, both included,
 * and null where they are open.
 */
export interface HoldScope {
  readonly custodians: readonly string[];
  readonly channels: readonly string[];
  readonly sessions: readonly string[];
  readonly from: string | null;
  readonly to: string | null;
}

export const STREAMS = [
  'messages',
  'reactions',
  'sessions',
  'channel_activities',
  'matters',
  'hold_files',
  'files',
  'forwarded',
  'context',
  'coverage',
] as const;
export type Stream = (typeof STREAMS)[number];

/**
 * How the ledger treats a candidate whose key it knows with other content:
 * - `once`: an immutable fact; other content is drift.
 * - `state`: the latest state of something; other content is a change, recorded anew.
 */
export type AdmitRule = 'once' | 'state';

export interface Candidate {
  readonly stream: Stream;
  readonly kind: string;
  readonly key: RecordKey;
  readonly content: ContentHash;
  readonly rule: AdmitRule;
  /** The record's own time; its UTC day is the segment's date. */
  readonly time: Instant;
  /** First day of the UTC month after whose end, plus Zoom's six months, the dedup key may go; or never. */
  readonly keyMonth: KeyMonth;
  /** Canonical JSON of what Zoom sent. */
  readonly record: string;
  /** What decides its retention class beside its stream and session. */
  readonly about?: About;
}

/** Whom and what a record is about, as far as it says so. */
export interface About {
  /** E-mail address of the sender. */
  readonly sender?: string;
  /** The session that it describes; what is of one comes with it. */
  readonly session?: { readonly type: string; readonly name: string };
  /** Channel id. */
  readonly channel?: string;
  /** Id and name of a legal-hold matter. */
  readonly matter?: readonly string[];
}

/** {@link About} for a record of a sender, where he is known. */
export function aboutSender(sender: unknown): { readonly about?: About } {
  return typeof sender === 'string' && sender !== '' ? { about: { sender } } : {};
}

/** A record as a segment holds it, with what its row says beside it. */
export interface ArchivedRecord {
  readonly stream: Stream;
  readonly kind: string;
  /** The same identity was archived before with other content. */
  readonly drift: boolean;
  /** The record's own time. */
  readonly time: Instant;
  readonly observedAt: Instant;
  /** The session in which it was seen, as known then; undefined for streams of the whole account. */
  readonly session:
    | { readonly id: string; readonly type: string; readonly name: string; readonly channelId: string }
    | undefined;
  /** Canonical JSON. */
  readonly record: string;
}

/** `yyyy-mm-01`, or {@link LASTING} for keys that never expire. */
export type KeyMonth = Brand<string, 'KeyMonth'>;
export const LASTING = '9999-12-01' as KeyMonth;

/** The month that holds `time`, as the ledger partitions its keys. */
export function keyMonth(time: number): KeyMonth {
  return `${utcDay(time).slice(0, 7)}-01` as KeyMonth;
}

/** Names of days already made: formatting a date costs more than anything else here, and a page has few days. */
const dayNames = new Map<number, string>();

/** The UTC day of `time`, `yyyy-mm-dd`. */
export function utcDay(time: number): string {
  const day = Math.floor(time / 86_400_000);
  let name = dayNames.get(day);
  if (name === undefined) {
    if (dayNames.size > 1000) dayNames.clear();
    name = new Date(day * 86_400_000).toISOString().slice(0, 10);
    dayNames.set(day, name);
  }
  return name;
}

export function sessionId(text: string): SessionId {
  return text as SessionId;
}

/** `{ABC…}` and `abc…` are the same message (Zoom uses both forms); the record keeps the form Zoom sent. */
export function messageId(text: string): MessageId {
  const bare = text.startsWith('{') && text.endsWith('}') ? text.slice(1, -1) : text;
  return bare.toLowerCase() as MessageId;
}

export function instant(milliseconds: number): Instant {
  return milliseconds as Instant;
}

/** First 8 hex digits of SHA-256: the part of a {@link recordKey} that keeps a scope's keys together. */
export function scopeTag(account: string, scope: string): string {
  return hash('sha256', `${account.length}:${account}${scope}`, 'hex').slice(0, 8);
}

/**
 * The dedup key of a record: 4 bytes of scope, 4 bytes of time in seconds, 8 bytes of SHA-256 over the identity
 * (design section 3). Scope and time lead so that a session's keys stand together in the ledger's index: random
 * keys would touch one index page each. A collision needs the same scope and second, and ends as drift, which
 * is kept, so it cannot lose a record.
 *
 * @param tag from {@link scopeTag}
 * @param time milliseconds since the epoch
 * @param identity the parts of the stream's identity, in order
 */
export function recordKey(tag: string, time: number, identity: readonly string[]): RecordKey {
  let text = '';
  for (const part of identity) text += `${part.length}:${part}`;
  const seconds = Math.min(Math.max(Math.floor(time / 1000), 0), 0xffff_ffff);
  const digest = hash('sha256', text, 'hex').slice(0, 16);
  return `${tag}${seconds.toString(16).padStart(8, '0')}${digest}` as RecordKey;
}

export function contentHash(canonical: string): ContentHash {
  return hash('sha256', canonical, 'hex').slice(0, 32) as ContentHash;
}

export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };

const NEEDS_ESCAPE = /[\u0000-\u001f"\\\ud800-\udfff]/;

function quoted(text: string): string {
  return NEEDS_ESCAPE.test(text) ? JSON.stringify(text) : `"${text}"`;
}

/**
 * RFC 8785 canonical form: members sorted by UTF-16 code units, no white space, ECMAScript numbers and escapes.
 * One extension: a lone surrogate, which the RFC refuses, is written as its `\udXXX` escape, so that a message
 * Zoom cut in the middle of an emoji can still be archived as it came.
 */
export function canonicalJson(value: Json): string {
  if (typeof value === 'string') return quoted(value);
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  if (isArray(value)) {
    let items = '';
    for (const item of value) items += items === '' ? canonicalJson(item) : `,${canonicalJson(item)}`;
    return `[${items}]`;
  }
  let members = '';
  for (const name of Object.keys(value).sort()) {
    const member = value[name];
    if (member === undefined) continue;
    members += `${members === '' ? '' : ','}${quoted(name)}:${canonicalJson(member)}`;
  }
  return `{${members}}`;
}

function isArray(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}
