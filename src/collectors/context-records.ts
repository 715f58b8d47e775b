/** Records of what stands around the messages. Pure. */
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
  const gone = `${kind}_gone`;
  return candidate(kind, { kind: gone, subject, name, value: null }, gone, account, observedAt);
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
