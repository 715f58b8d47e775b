/**
 * Rows of the message report as JSON text. They are put together from prepared pieces, without JSON.stringify of
 * objects: a page of 100 rows then costs the emulator about a tenth of a millisecond, so that in a benchmark it is
 * the archiver that is measured.
 */
import { currentTextJson, type FileRef, type Message, type Modification, type Session } from './account.ts';
import { formatSecond } from './dates.ts';
import { foldReactions, wireEmojiAction } from './reactions.ts';

export interface RowOptions {
  readonly sentText: 'latest' | 'original';
  readonly reactions: boolean;
  readonly customReactions: boolean;
  readonly botMessage: boolean;
  /** Times between which `emoji_actions` are told; undefined leaves them out. */
  readonly emojiActions: { readonly start: number; readonly end: number } | undefined;
  /** Makes the download links of this response different from those of all others. */
  readonly nonce: string;
}

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

/** A row of `messages`. */
export function messageRow(session: Session, message: Message, options: RowOptions): string {
  const { extras } = message;
  let textJson = message.textJson;
  let actionAt = message.sentAt;
  if (extras?.revisions !== undefined && options.sentText === 'latest') {
    textJson = currentTextJson(message);
    actionAt = extras.revisions.at(-1)?.at ?? actionAt;
  }
  let row = commonPart(session, message, idInMessages(message.id), textJson, actionAt, options.nonce);
  if (extras !== undefined) {
    if (extras.reactionSteps !== undefined) {
      row += reactionsPart(message, options);
      if (options.emojiActions !== undefined) row += emojiActionsPart(message, options.emojiActions);
    }
    if (options.botMessage && extras.botJson !== undefined) row += extras.botJson;
  }
  return `${row}}`;
}

/** A row of `edited_messages` or `deleted_messages`: `timestamp` is the message's, `action_timestamp` the action's. */
export function modificationRow(session: Session, modification: Modification, options: RowOptions): string {
  const { message, revision } = modification;
  const id = idInModifications(message.id);
  const row = commonPart(session, message, id, revision.textJson, revision.at, options.nonce);
  return `${row}${revision.kind === 'deleted' ? reactionsPart(message, options) : ''}}`;
}

function commonPart(
  session: Session,
  message: Message,
  id: string,
  textJson: string,
  actionAt: number,
  nonce: string,
): string {
  const { sentAt, sender, extras } = message;
  const sent = String(sentAt);
  const action = actionAt === sentAt ? sent : String(actionAt);
  let row = `{"id":"${id}","message":${textJson},"date_time":"${formatSecond(sentAt)}","timestamp":${sent},"action_timestamp":${action},${sender.senderJson}`;
  if (session.type === '1:1') {
    const receiver = session.members.find((member) => member !== sender);
    row += `,"receiver":${JSON.stringify(receiver?.email ?? '')},"is_sender_external":${sender.external}`;
  }
  if (extras === undefined) return row;
  if (extras.files !== undefined)
    row += `,"files":[${extras.files.map((file) => fileJson(file, nonce)).join()}]`;
  if (extras.replyTo !== undefined) {
    const { id: parent, sentAt: parentSentAt } = extras.replyTo;
    row += `,"reply_main_message_id":"${idInReplies(parent)}","reply_main_message_timestamp":${parentSentAt}`;
  }
  if (extras.richTextJson !== undefined) row += extras.richTextJson;
  if (extras.giphyJson !== undefined) row += extras.giphyJson;
  if (extras.forwardId !== undefined) row += `,"forward_id":"${extras.forwardId}"`;
  return row;
}

function fileJson(file: FileRef, nonce: string): string {
  const link = `https://file.zoom.us/file/download/${file.fileId}?filename=${encodeURIComponent(file.fileName)}&jwt=${nonce}.${file.fileId}`;
  return `{"file_id":"${file.fileId}","file_name":${JSON.stringify(file.fileName)},"file_size":${file.fileSize},"download_url":${JSON.stringify(link)}}`;
}

function reactionsPart(message: Message, options: RowOptions): string {
  if (!options.reactions && !options.customReactions) return '';
  const state = foldReactions(message);
  let part = '';
  if (options.reactions && state.reactions.length > 0)
    part += `,"reactions":${JSON.stringify(state.reactions)}`;
  if (options.customReactions && state.custom_emoji_reactions.length > 0) {
    part += `,"custom_emoji_reactions":${JSON.stringify(state.custom_emoji_reactions)}`;
  }
  return part;
}

function emojiActionsPart(
  message: Message,
  window: { readonly start: number; readonly end: number },
): string {
  const steps = (message.extras?.reactionSteps ?? []).filter(
    (step) => step.at >= window.start && step.at < window.end,
  );
  return steps.length === 0 ? '' : `,"emoji_actions":${JSON.stringify(steps.map(wireEmojiAction))}`;
}

function braced(id: string): string {
  return `{${id.toUpperCase()}}`;
}
