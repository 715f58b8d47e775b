/**
 * Rows of the message report as JSON text. Nine in ten are ready in memory; the others are put together from prepared
 * pieces. That keeps the emulator cheap, so that in a benchmark it is the archiver that is measured.
 */
import type { Extras, FileRef, Message, Modification, Session } from './account.ts';
import type { Link } from './chat-files.ts';
import { foldReactions, wireEmojiAction } from './reactions.ts';
import { coreRow, idInMessages, idInModifications, idInReplies } from './row-core.ts';

export interface RowOptions {
  readonly sentText: 'latest' | 'original';
  readonly reactions: boolean;
  readonly customReactions: boolean;
  readonly botMessage: boolean;
  /** Times between which `emoji_actions` are told; undefined leaves them out. */
  readonly emojiActions: { readonly start: number; readonly end: number } | undefined;
  /** Makes the download link of a file, different in every response; undefined when it has none. */
  readonly link: Link;
}

/** A row of `messages`. */
export function messageRow(session: Session, message: Message, options: RowOptions): string {
  const { extras } = message;
  if (extras === undefined) return message.rowJson;
  let core = message.rowJson;
  const newest = options.sentText === 'latest' ? extras.revisions?.at(-1) : undefined;
  if (newest !== undefined) {
    const { sender, sentAt } = message;
    const id = idInMessages(message.id);
    core = coreRow(session, { id, textJson: newest.textJson, sender, sentAt, actionAt: newest.at });
  }
  let rest = commonExtras(extras, options);
  if (extras.reactionSteps !== undefined) {
    rest += reactionsPart(message, options);
    if (options.emojiActions !== undefined) rest += emojiActionsPart(message, options.emojiActions);
  }
  if (options.botMessage && extras.botJson !== undefined) rest += extras.botJson;
  return rest === '' ? core : `${core.slice(0, -1)}${rest}}`;
}

/** A row of `edited_messages` or `deleted_messages`: `timestamp` is the message's, `action_timestamp` the action's. */
export function modificationRow(session: Session, modification: Modification, options: RowOptions): string {
  const { message, revision } = modification;
  const { sender, sentAt } = message;
  const id = idInModifications(message.id);
  const core = coreRow(session, { id, textJson: revision.textJson, sender, sentAt, actionAt: revision.at });
  let rest = message.extras === undefined ? '' : commonExtras(message.extras, options);
  if (revision.kind === 'deleted') rest += reactionsPart(message, options);
  return rest === '' ? core : `${core.slice(0, -1)}${rest}}`;
}

/** What rows of all three arrays have in common beyond the core. */
function commonExtras(extras: Extras, options: RowOptions): string {
  let part = '';
  if (extras.files !== undefined) {
    part += `,"files":[${extras.files.map((file) => fileJson(file, options.link(file))).join()}]`;
  }
  if (extras.replyTo !== undefined) {
    const { id, sentAt } = extras.replyTo;
    part += `,"reply_main_message_id":"${idInReplies(id)}","reply_main_message_timestamp":${sentAt}`;
  }
  if (extras.richTextJson !== undefined) part += extras.richTextJson;
  if (extras.giphyJson !== undefined) part += extras.giphyJson;
  if (extras.forwardId !== undefined) part += `,"forward_id":"${extras.forwardId}"`;
  return part;
}

function fileJson({ fileId, fileName, fileSize }: FileRef, link: string | undefined): string {
  const url = link === undefined ? '' : `,"download_url":${JSON.stringify(link)}`;
  return `{"file_id":"${fileId}","file_name":${JSON.stringify(fileName)},"file_size":${fileSize}${url}}`;
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
