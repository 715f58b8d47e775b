/** Forwarded messages: a `forward_id` leads to a copy of an older message, or to nothing any more. */
import { type FileRef, firstTextJson, type Message } from './account.ts';
import type { Carried, CarriedForward } from './carried.ts';
import { fileType, type Link } from './chat-files.ts';
import { formatSecond } from './dates.ts';
import { namedAt } from './people.ts';
import { hashText, type Random } from './random.ts';
import { foldReactions } from './reactions.ts';
import { notFound } from './refusal.ts';
import { idInMessages, idInReplies } from './row-core.ts';

/** A forwarded message in wire form. */
export type WireForwarded = Readonly<Record<string, unknown>>;

/** The forwards of the account. */
export class Forwards {
  readonly #carried: Carried;
  readonly #resolvable = new Map<string, boolean>();

  constructor(carried: Carried) {
    this.#carried = carried;
  }

  /** The forward with this id if it still leads to a message; refuses with 404 when not. */
  find(forwardId: string): CarriedForward {
    const found = this.#carried.forward(forwardId);
    if (found === undefined || !this.isResolvable(found)) {
      throw notFound(4131, `Message does not exist: '${forwardId}'.`);
    }
    return found;
  }

  /** Does it lead to a message? Old ones and those from other accounts do not, and there must be one to lead to. */
  isResolvable({ forwardId, session, message }: CarriedForward): boolean {
    const wanted = this.#resolvable.get(forwardId) ?? isNaturallyResolvable(forwardId);
    return wanted && session.messages[0] !== message;
  }

  /** From now on the forward leads to a message, or to none. Throws on an unknown one. */
  setResolvable(forwardId: string, resolvable: boolean): void {
    if (this.#carried.forward(forwardId) === undefined) throw new Error(`no forward ${forwardId}`);
    this.#resolvable.set(forwardId, resolvable);
  }
}

/** The message a forward leads to, in wire form, with the text it had when it was forwarded. */
export function forwardedMessage(forward: CarriedForward, link: Link): WireForwarded {
  const original = originalOf(forward);
  const { sender, sentAt, extras } = original;
  const edit = extras?.revisions?.findLast(
    ({ kind, at }) => kind === 'edited' && at <= forward.message.sentAt,
  );
  const text = JSON.parse(edit?.textJson ?? firstTextJson(original)) as string;
  const files = (extras?.files ?? []).map((file) => wireFile(file, link));
  return {
    id: idInMessages(original.id),
    message: text,
    message_type: messageType(text, extras?.files ?? []),
    date_time: formatSecond(sentAt),
    timestamp: sentAt,
    sender: sender.email,
    send_member_id: sender.memberId,
    sender_display_name: namedAt(sender, sentAt).displayName,
    ...(files.length === 0 ? {} : { ...files[0], files }),
    ...(extras?.replyTo === undefined ? {} : replyFields(extras.replyTo)),
    ...members(extras?.richTextJson),
    ...members(extras?.botJson),
    reactions: foldReactions(original).reactions,
    ...mentions(forward.forwardId, text, sender.userId, sender.memberId),
  };
}

/** The id of a new forward that leads to a message. */
export function resolvableForwardId(random: Random): string {
  for (;;) {
    const forwardId = random.hex(22);
    if (isNaturallyResolvable(forwardId)) return forwardId;
  }
}

/** Two forwards in three. */
function isNaturallyResolvable(forwardId: string): boolean {
  return hashText(forwardId) % 3 !== 0;
}

/** How far a forward looks for a message that has more than text. */
const REACH = 200;

/**
 * An earlier message of the session, as the forward's id decides. What a message carries never changes and messages
 * are only added at the end, so it stays the same one.
 */
function originalOf({ forwardId, session, message }: CarriedForward): Message {
  const { messages } = session;
  const place = messages.indexOf(message);
  const chosen = hashText(forwardId, 7) % place;
  const wanted = (['files', 'richTextJson', 'botJson', undefined] as const)[hashText(forwardId, 11) % 4];
  for (let steps = 0; wanted !== undefined && steps < Math.min(REACH, place); steps += 1) {
    const candidate = messages[(chosen + steps) % place];
    if (candidate?.extras?.[wanted] !== undefined) return candidate;
  }
  const original = messages[chosen];
  if (original === undefined) throw new Error(`forward ${forwardId} has no message before it`);
  return original;
}

function wireFile(file: FileRef, link: Link): object {
  const url = link(file);
  const facts = { file_id: file.fileId, file_name: file.fileName, file_size: file.fileSize };
  return url === undefined ? facts : { ...facts, download_url: url };
}

function messageType(text: string, files: readonly FileRef[]): string {
  const [file] = files;
  if (file === undefined) return 'plain_text_message';
  if (text !== '') return 'file_and_text';
  const type = fileType(file.fileName);
  if (type === 'png') return 'png_image_file';
  return type === 'mp4' ? 'video_file' : 'others';
}

function replyFields(parent: Message): object {
  return {
    reply_main_message_id: idInReplies(parent.id),
    reply_main_message_timestamp: parent.sentAt,
  };
}

/** The members of an object that a row would take in as `,"name":…`. */
function members(json: string | undefined): object {
  return json === undefined ? {} : (JSON.parse(`{${json.slice(1)}}`) as object);
}

/** Some mention their sender, some hold a card: only this place of Zoom's tells of either. */
function mentions(forwardId: string, text: string, userId: string, memberId: string): object {
  switch (hashText(forwardId, 13) % 4) {
    case 0:
      return {
        at_items: [
          {
            at_type: 1,
            at_contact: userId,
            at_contact_member_id: memberId,
            start_position: 0,
            end_position: Math.min(text.length, 5),
          },
        ],
      };
    case 1:
      return { interactive_cards: [{ card_id: forwardId, card_json: '{ "content": { "settings": {} } }' }] };
    default:
      return {};
  }
}
