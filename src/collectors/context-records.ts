/** Records of what stands around the messages. Pure. */
import { z } from 'zod';
import { ArchiverError } from '../errors.ts';
import {
  type Candidate,
  canonicalJson,
  contentHash,
  instant,
  type Json,
  LASTING,
  recordKey,
  scopeTag,
} from '../record.ts';

export const CONTEXT_KINDS = [
  'user',
  'channel',
  'channel_members',
  'channel_admins',
  'channel_retention',
  'pins',
  'space',
  'space_channels',
  'space_members',
  'emoji',
  'settings',
] as const;
export type ContextKind = (typeof CONTEXT_KINDS)[number];

/** What something is about and what Zoom said of it. */
export interface Sighted {
  readonly kind: ContextKind;
  readonly subject: string;
  readonly name: string;
  /** As Zoom sent it; of a list of several pages its rows, each as Zoom sent it. */
  readonly value: unknown;
}

/** Members that change without anything being different. */
const RESTLESS: ReadonlySet<string> = new Set(['last_login_time', 'last_client_version', 'member_count']);

/** How something stands; recorded anew when it changed. */
export function contextCandidate(sighted: Sighted, account: string, observedAt: number): Candidate {
  const { kind, subject, name } = sighted;
  // It came out of an answer of Zoom.
  const value = sighted.value as Json;
  return candidate(kind, { kind, subject, name, value }, canonicalJson(settled(value)), account, observedAt);
}

/** Something is no longer there. Its key is that of the thing itself, so that its return is a change again. */
export function goneCandidate(
  { kind, subject, name }: Omit<Sighted, 'value'>,
  account: string,
  observedAt: number,
): Candidate {
  const gone = goneKind(kind);
  return candidate(kind, { kind: gone, subject, name, value: null }, gone, account, observedAt);
}

/** What a record of the stream is. */
export const contextRecord = z.object({
  kind: z.string(),
  subject: z.string(),
  name: z.string(),
  value: z.unknown(),
});

/** The candidate that a record of the stream was. Fails with `internal` for a kind that is none. */
export function archivedContext(archived: unknown, account: string, observedAt: number): Candidate {
  const { kind, ...sighted } = contextRecord.parse(archived);
  const known = CONTEXT_KINDS.find((name) => name === kind || kind === goneKind(name));
  if (known === undefined) {
    throw new ArchiverError('internal', 'a context record is of no known kind', { detail: kind });
  }
  return kind === known
    ? contextCandidate({ ...sighted, kind }, account, observedAt)
    : goneCandidate({ ...sighted, kind: known }, account, observedAt);
}

function goneKind(kind: ContextKind): string {
  return `${kind}_gone`;
}

function candidate(
  kind: ContextKind,
  record: { readonly kind: string; readonly subject: string; readonly name: string; readonly value: Json },
  content: string,
  account: string,
  observedAt: number,
): Candidate {
  return {
    stream: 'context',
    kind: record.kind,
    key: recordKey(scopeTag(account, `context ${kind}`), 0, ['context', kind, record.subject]),
    content: contentHash(content),
    rule: 'state',
    time: instant(observedAt),
    keyMonth: LASTING,
    record: canonicalJson(record),
    ...(kind.startsWith('channel') || kind === 'pins' ? { about: { channel: record.subject } } : {}),
  };
}

function settled(value: Json): Json {
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map((item: Json) => settled(item));
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name]) => !RESTLESS.has(name))
      .map(([name, member]) => [name, settled(member)]),
  );
}
