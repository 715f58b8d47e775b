/** A conversation as lines for a terminal or a printer. Pure. */
import type {
  Conversation,
  ConversationFile,
  ForwardedMessage,
  MembershipEvent,
  MessageEvent,
} from '../query/conversation.ts';
import type { DifferenceSegment } from '../query/difference.ts';
import { versionSteps } from '../query/message-event.ts';
import type { Person, Revision } from '../query/revision.ts';
import { printable } from './table.ts';

const INDENT = '          ';

/** @param zone IANA name, in which days begin and times are shown */
export function transcript(conversation: Conversation, zone: string): readonly string[] {
  const { events } = conversation;
  const clock = clockIn(zone);
  const messages = new Map(
    events.flatMap((event) => (event.type === 'message' ? [[event.messageId, event]] : [])),
  );
  const lines = [...heading(conversation, clock)];
  let day = '';
  for (const event of events) {
    const today = clock.day(event.at);
    if (today !== day) lines.push('', `── ${today} (${zone}) ──`);
    day = today;
    lines.push(
      ...(event.type === 'message' ? messageLines(event, clock, messages) : [changeLine(event, clock)]),
    );
  }
  if (events.length === 0) lines.push('', 'Nothing was said in this time.');
  return lines;
}

interface Clock {
  day(at: string): string;
  time(at: string): string;
  /** Both. */
  moment(at: string): string;
}

function clockIn(timeZone: string): Clock {
  const day = new Intl.DateTimeFormat('en-GB', { timeZone, dateStyle: 'full' });
  const date = new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short' });
  const time = new Intl.DateTimeFormat('en-GB', { timeZone, timeStyle: 'medium' });
  return {
    day: (at) => day.format(new Date(at)),
    time: (at) => time.format(new Date(at)),
    moment: (at) => `${date.format(new Date(at))} ${time.format(new Date(at))}`,
  };
}

function heading({ session, members }: Conversation, clock: Clock): readonly string[] {
  const { id, type, name, names, channelId, external } = session;
  const earlier = names.filter((one) => one !== name);
  const facts = [
    type || 'session',
    ...(channelId === '' ? [] : [`channel ${channelId}`]),
    ...(external === true ? ['with people from outside'] : []),
  ];
  const who = members.people.map(nameOf).join(', ') || 'nobody known';
  const basis = {
    exact: 'by Zoom’s list and every change',
    inferred: 'inferred from lists, changes and who wrote',
    fixed: 'between these people',
  };
  return [
    printable(`${name || 'Direct conversation'} (${facts.join(', ')})`),
    printable(`session ${id}`),
    ...(earlier.length === 0 ? [] : [printable(`was also called: ${earlier.join(', ')}`)]),
    printable(`members at ${clock.moment(members.at)}: ${who} (${basis[members.basis]})`),
  ];
}

function messageLines(
  event: MessageEvent,
  clock: Clock,
  messages: ReadonlyMap<string, MessageEvent>,
): readonly string[] {
  const { at, sender, state, text, versions, replyTo, reactions, files, forwarded } = event;
  const steps = versionSteps(versions);
  const deleted = versions.findLast(({ kind }) => kind === 'deleted');
  const mark =
    deleted !== undefined
      ? `  [deleted ${when(deleted, at, clock)}]`
      : state === 'edited'
        ? '  [edited]'
        : '';
  const last = versions.at(-1);
  return [
    printable(`${clock.time(at)}  ${nameOf(sender)}${mark}`),
    ...(replyTo === null ? [] : [detail(`in reply to ${quoted(messages.get(replyTo), replyTo)}`)]),
    ...textLines(text),
    ...(last?.bot == null ? [] : textLines(last.bot, 'card: ')),
    ...(last?.giphy ?? []).map((url) => detail(`giphy: ${url}`)),
    ...forwardedLines(forwarded, clock),
    ...files.map((file) => detail(fileText(file))),
    ...reactions.map(({ emoji, count, people }) =>
      detail(`${emoji} ${count}${people.length === 0 ? '' : ` (${people.map(nameOf).join(', ')})`}`),
    ),
    ...(steps.length < 2
      ? []
      : steps.flatMap((step) => versionLines(step.revision, step.difference, at, clock))),
  ];
}

function versionLines(
  revision: Revision,
  difference: readonly DifferenceSegment[] | null,
  sentAt: string,
  clock: Clock,
): readonly string[] {
  const { kind, drift, text } = revision;
  const what = `${kind} ${when(revision, sentAt, clock)}${drift ? ' (differs from what was archived before)' : ''}`;
  if (difference === null) return textLines(kind === 'deleted' ? '' : text, `· ${what}: `);
  return textLines(marked(difference), `· ${what}: `);
}

/** A version by itself, with its session and sender; times in UTC. */
export function versionText(
  { kind, drift, actionAt, session, sender, text, files }: Revision,
  difference: readonly DifferenceSegment[] | null,
): readonly string[] {
  const what = `${kind}${drift ? ' (differs from what was archived before)' : ''}`;
  return [
    printable(`${actionAt}  ${what} by ${nameOf(sender)} in ${session.name || session.id}`),
    ...textLines(difference === null ? text : marked(difference)),
    ...files.map(({ name, id }) => detail(`file: ${name || id}`)),
  ];
}

/** The day too, where it is not that of the message. */
function when({ actionAt }: Revision, sentAt: string, clock: Clock): string {
  return clock.day(actionAt) === clock.day(sentAt) ? clock.time(actionAt) : clock.moment(actionAt);
}

/** As `git diff --word-diff` marks it. */
function marked(difference: readonly DifferenceSegment[]): string {
  return difference
    .map(({ kind, text }) => (kind === 'kept' ? text : kind === 'removed' ? `[-${text}-]` : `{+${text}+}`))
    .join('');
}

function forwardedLines(forwarded: ForwardedMessage | null, clock: Clock): readonly string[] {
  if (forwarded === null) return [];
  const { sender, sentAt, text, files, reason } = forwarded;
  if (reason !== null) return [detail(`forwards a message that is not there: ${reason}`)];
  const at = sentAt === null ? '' : `, ${clock.moment(sentAt)}`;
  return [
    detail(`forwards ${nameOf(sender)}${at}:`),
    ...textLines(text, '> '),
    ...files.map((file) => detail(`> ${fileText(file)}`)),
  ];
}

function fileText({ name, size, object, reason }: ConversationFile): string {
  const length = object?.size ?? size;
  const bytes = length === null ? '' : `, ${length.toLocaleString('en-US')} bytes`;
  const doubt = reason === null ? '' : ` (${reason})`;
  const where = object === null ? `, not in the archive${doubt}` : `, sha256 ${object.sha256}${doubt}`;
  return `file: ${name || 'without a name'}${bytes}${where}`;
}

function changeLine({ type, at, people, operator }: MembershipEvent, clock: Clock): string {
  const who = people.map(nameOf).join(', ') || 'somebody';
  const by = nameOf(operator);
  const own = people.length === 1 && by === who;
  const done = type === 'other' ? 'membership changed' : type;
  return printable(`${clock.time(at)}  * ${who} ${done}${own || by === UNNAMED ? '' : ` (by ${by})`}`);
}

function quoted(event: MessageEvent | undefined, id: string): string {
  if (event === undefined) return id;
  const text = event.text.length > 60 ? `${event.text.slice(0, 59)}…` : event.text;
  return `${nameOf(event.sender)}: “${text}”`;
}

const UNNAMED = 'unknown';

function nameOf({ name, email, memberId }: Person): string {
  if (name !== '' && email !== '') return `${name} <${email}>`;
  return name || email || memberId || UNNAMED;
}

/** Each line by itself, so that no text of others looks like the transcript's own. */
function textLines(text: string, before = ''): readonly string[] {
  if (text === '' && before === '') return [];
  return text
    .split(/\r\n|[\n\r\u0085\u2028\u2029]/)
    .map((line, place) => detail(`${place === 0 ? before : ' '.repeat(before.length)}${line}`));
}

function detail(text: string): string {
  return `${INDENT}${printable(text)}`;
}
