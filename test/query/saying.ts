/** What people said and did in a session, as records of an archive. */
import type { Conversation, ConversationInput, MessageEvent } from '../../src/query/conversation.ts';
import { conversation } from '../../src/query/conversation.ts';
import { asking, openWritten, type TestSession, type Told, writeArchive } from '../support/told-archive.ts';

export const DAY = 86_400_000;
export const HOUR = 3_600_000;
export const T0 = Date.UTC(2026, 2, 28, 20);
export const SESSION: TestSession = {
  id: 'session/1 ü',
  type: 'Group',
  name: 'General',
  channelId: 'channel-1',
};
export const OTHER: TestSession = { id: 'session-2', type: 'Group', name: 'Secret', channelId: 'channel-2' };
export const DIRECT: TestSession = { id: 'direct-1', type: '1:1', name: '', channelId: '' };

export interface Said {
  readonly kind?: 'sent' | 'edited' | 'deleted';
  /** When this version came to be; default when it was sent. */
  readonly action?: number;
  readonly text?: string;
  readonly session?: TestSession;
  readonly observedAt?: number;
  readonly drift?: boolean;
  readonly fields?: Readonly<Record<string, unknown>>;
}

export const ANN = { sender: 'ann@example.com', sender_member_id: 'MEMBER-ANN', sender_display_name: 'Ann' };

export function said(
  id: string,
  sent: number,
  { kind = 'sent', action = sent, text = `text of ${id}`, ...rest }: Said = {},
): Told {
  const { session = SESSION, fields, ...told } = rest;
  const record = {
    ...ANN,
    id,
    timestamp: sent,
    action_timestamp: action,
    message: text,
    ...fields,
  };
  return {
    stream: 'messages',
    kind,
    at: action,
    session,
    ...told,
    record: JSON.parse(JSON.stringify(record)),
  };
}

export function membership(
  kind: 'joined' | 'left' | 'other',
  at: number,
  people: readonly object[],
  operator: object | null = null,
): Told {
  const record = {
    activity_type: 'membership',
    activity_timestamp: at,
    channel_id: SESSION.channelId,
    members: { member_status: kind, member_list: people },
    ...(operator === null ? {} : { operator }),
  };
  return { stream: 'channel_activities', kind, at, record: JSON.parse(JSON.stringify(record)) };
}

export const BOB = { member_id: 'MEMBER-BOB', user_id: 'user-bob', display_name: 'Bob' };
export const CAM = { member_id: 'MEMBER-CAM', user_id: '', display_name: 'Cam' };

export async function asked(
  told: readonly Told[],
  input: Partial<ConversationInput> = {},
): Promise<Conversation> {
  const { root } = await writeArchive(told);
  return conversation(asking(await openWritten(root)).ctx, { session: SESSION.id, ...input });
}

export const messagesOf = ({ events }: Conversation): readonly MessageEvent[] =>
  events.flatMap((event) => (event.type === 'message' ? [event] : []));
export const namesOf = ({ events }: Conversation): readonly string[] =>
  events.map((event) => (event.type === 'message' ? event.messageId : event.type));
