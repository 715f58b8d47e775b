/** What Zoom's webhooks say of something that happened. */
import { type Message, nameAt, type Person, type Session } from './account.ts';
import { fileType } from './chat-files.ts';
import { formatSecond } from './dates.ts';
import type { Happening } from './happening.ts';
import { idInMessages, idInReplies } from './row-core.ts';

export interface WebhookEvent {
  readonly event: string;
  /** Milliseconds. */
  readonly event_ts: number;
  readonly payload: Readonly<Record<string, unknown>>;
}

/**
 * The events of one happening: those of the older family `chat_message`, which know only senders of the account, and
 * those of `team_chat`.
 */
export function eventsOf(happening: Happening, accountId: string): WebhookEvent[] {
  const { session, kind } = happening;
  switch (kind) {
    case 'sent':
      return sentEvents(session, happening.message, accountId);
    case 'revised': {
      const { message, revision } = happening;
      const { at, textJson } = revision;
      const verb = revision.kind === 'edited' ? 'updated' : 'deleted';
      const text = JSON.parse(textJson) as string;
      // A deletion of the newer family names neither the text nor the session.
      const facts = verb === 'deleted' ? {} : contents(session, message, text);
      return [
        ...ofOwnPeople(message.sender, () =>
          older(`chat_message.${verb}`, session, message, { text, at }, accountId),
        ),
        newer(`${prefix(session)}_message_${verb}`, message.sender, at, accountId, {
          message_id: idInMessages(message.id),
          ...reply(message),
          ...times(at),
          ...place(session, message.sender, at, accountId),
          ...facts,
        }),
      ];
    }
    case 'reacted': {
      const { message, step } = happening;
      const { emoji, person, at } = step;
      return [
        newer(`${prefix(session)}_reaction_${step.added ? 'added' : 'removed'}`, person, at, accountId, {
          msg_id: idInMessages(message.id),
          msg_time: formatSecond(message.sentAt),
          emoji_time: formatSecond(at),
          emoji: emoji.kind === 'standard' ? emoji.code : emoji.name,
          timestamp: at,
          ...place(session, person, at, accountId),
        }),
      ];
    }
    case 'session-created':
      return [channelEvent('created', session, session.members[0], happening.at, accountId)];
    case 'session-renamed':
      return [channelEvent('updated', session, session.members[0], happening.at, accountId)];
    case 'session-deleted':
      return [channelEvent('deleted', session, session.members[0], happening.at, accountId)];
    case 'member-joined':
      return [channelEvent('member_joined', session, happening.person, happening.at, accountId)];
    case 'member-left':
      return [channelEvent('member_left', session, happening.person, happening.at, accountId)];
    default:
      return happening satisfies never;
  }
}

function sentEvents(session: Session, message: Message, accountId: string): WebhookEvent[] {
  const { sender, sentAt, rowJson, extras } = message;
  const { message: text } = JSON.parse(rowJson) as { readonly message: string };
  const verb = extras?.replyTo === undefined ? 'sent' : 'replied';
  return [
    ...ofOwnPeople(sender, () =>
      older(`chat_message.${verb}`, session, message, { text, at: sentAt }, accountId),
    ),
    newer(`${prefix(session)}_message_posted`, sender, sentAt, accountId, {
      message_id: idInMessages(message.id),
      ...reply(message),
      ...times(sentAt),
      ...place(session, sender, sentAt, accountId),
      ...contents(session, message, text),
    }),
  ];
}

function ofOwnPeople(sender: Person, event: () => WebhookEvent): WebhookEvent[] {
  return sender.external ? [] : [event()];
}

function older(
  event: string,
  session: Session,
  message: Message,
  { text, at }: { readonly text: string; readonly at: number },
  accountId: string,
): WebhookEvent {
  const direct = session.type === '1:1';
  const { replyTo } = message.extras ?? {};
  const object = {
    id: idInMessages(message.id),
    type: direct ? 'to_contact' : 'to_channel',
    ...times(at),
    session_id: webhookSessionId(session),
    ...(direct ? contactOf(session, message.sender) : channelOf(session, at)),
    message: text,
    ...(replyTo === undefined ? {} : { parent_msg_id: idInReplies(replyTo.id) }),
  };
  return envelope(event, at, accountId, operatorOf(message.sender), object);
}

function newer(event: string, person: Person, at: number, accountId: string, object: object): WebhookEvent {
  const operator = {
    ...operatorOf(person),
    operator_member_id: person.memberId,
    by_external_user: person.external,
  };
  return envelope(`team_chat.${event}`, at, accountId, operator, object);
}

function channelEvent(
  verb: string,
  session: Session,
  person: Person | undefined,
  at: number,
  accountId: string,
): WebhookEvent {
  const object = { id: session.channelId, name: nameAt(session, at), type: 1, ...times(at) };
  const members = session.members.map(({ userId, displayName }) => ({
    id: userId,
    display_name: displayName,
  }));
  const withMembers = verb === 'created' ? { ...object, members } : object;
  const operator = person === undefined ? { operator: '', operator_id: '' } : operatorOf(person);
  return envelope(`chat_channel.${verb}`, at, accountId, operator, withMembers);
}

function envelope(
  event: string,
  at: number,
  accountId: string,
  operator: object,
  object: object,
): WebhookEvent {
  return { event, event_ts: at, payload: { account_id: accountId, ...operator, object } };
}

function operatorOf({ email, userId }: Person): object {
  return { operator: email, operator_id: userId };
}

function prefix({ type }: Session): string {
  return type === '1:1' ? 'dm' : 'channel';
}

/** A direct one is named by its two people, not by the id that the reports know. */
function webhookSessionId(session: Session): string {
  if (session.type !== '1:1') return session.channelId;
  return session.members
    .map(({ memberId }) => memberId.toLowerCase())
    .sort()
    .join(':');
}

function place(session: Session, person: Person, at: number, accountId: string): object {
  if (session.type === 'Group') return { ...channelOf(session, at), channel_owner_account_id: accountId };
  const contact = contactOf(session, person);
  return { ...contact, contact_account_id: contact.contact_id === '' ? '' : accountId };
}

function channelOf(session: Session, at: number): object {
  return { channel_id: session.channelId, channel_name: nameAt(session, at) };
}

function contactOf(session: Session, person: Person): Readonly<Record<string, string>> {
  const contact = session.members.find((member) => member !== person);
  return {
    contact_email: contact?.email ?? '',
    contact_id: contact?.userId ?? '',
    contact_member_id: contact?.memberId ?? '',
  };
}

function times(at: number): object {
  return { date_time: formatSecond(at), timestamp: at };
}

function reply({ extras }: Message): object {
  return extras?.replyTo === undefined ? {} : { reply_main_message_id: idInReplies(extras.replyTo.id) };
}

function contents(session: Session, { extras }: Message, text: string): object {
  const files = extras?.files?.map(({ fileId, fileName, fileSize }) => ({
    file_id: fileId,
    file_name: fileName,
    file_size: fileSize,
    OS_file_type: fileType(fileName),
    file_message_type: fileType(fileName) === 'png' ? 'image' : 'file',
  }));
  return {
    session_id: webhookSessionId(session),
    ...(text === '' && files !== undefined ? {} : { message: text }),
    ...(files === undefined ? {} : { files }),
    ...(extras?.richTextJson === undefined
      ? {}
      : (JSON.parse(`{${extras.richTextJson.slice(1)}}`) as object)),
  };
}
