/** The part of a row that every message has, and the notations of message ids. */
import type { Person, Session } from './account.ts';
import { formatSecond } from './dates.ts';
import { namedAt } from './people.ts';

/**
 * How `messages` writes the message's id. Zoom writes ids with and without braces, in both cases; here the id's own
 * digits decide, so a message always looks the same in one place and sometimes different in another.
 */
export function idInMessages(id: string): string {
  return id.endsWith('0') ? braced(id) : id;
}

/** How the edited and deleted arrays write the id. */
export function idInModifications(id: string): string {
  return id.endsWith('1') || id.endsWith('2') ? braced(id) : id;
}

/** How `reply_main_message_id` writes the id of the message answered. */
export function idInReplies(id: string): string {
  return id.charCodeAt(35) % 2 === 0 ? braced(id) : id;
}

export interface CoreFacts {
  /** As it is to be written. */
  readonly id: string;
  readonly textJson: string;
  readonly sender: Person;
  /** Milliseconds. */
  readonly sentAt: number;
  /** Milliseconds; that of an unedited message is `sentAt`. */
  readonly actionAt: number;
}

/** The row of a message that has nothing but text: a complete JSON object, as one flat string. */
export function coreRow(session: Pick<Session, 'type' | 'members'>, facts: CoreFacts): string {
  const { id, textJson, sender, sentAt, actionAt } = facts;
  const sent = String(sentAt);
  const action = actionAt === sentAt ? sent : String(actionAt);
  let tail = '}';
  if (session.type === '1:1') {
    const receiver = session.members.find((member) => member !== sender);
    tail = `,"receiver":${JSON.stringify(receiver?.email ?? '')},"is_sender_external":${sender.external}}`;
  }
  // join copies all pieces into one string at once; a template would leave a tree of pieces, twice as large.
  return [
    '{"id":"',
    id,
    '","message":',
    textJson,
    ',"date_time":"',
    formatSecond(sentAt),
    '","timestamp":',
    sent,
    ',"action_timestamp":',
    action,
    ',',
    namedAt(sender, sentAt).senderJson,
    tail,
  ].join('');
}

/** The text of a row made by `coreRow`, in JSON form. Quotes inside it are escaped, so what follows it is unmistakable. */
export function textJsonOf(row: string): string {
  const start = row.indexOf('","message":') + '","message":'.length;
  return row.slice(start, row.indexOf(',"date_time":"', start));
}

function braced(id: string): string {
  return `{${id.toUpperCase()}}`;
}
