/** Rows of the stream `messages` as verbs answer with them. */
import { z } from 'zod';
import type { NamedFile, Revision } from './revision.ts';
import type { Row } from './rows.ts';

/** What to select of {@link streamView} of `messages` for {@link revisionOf}, in its order. */
export const REVISION_COLUMNS = `_segment, _entry, _row, record_hash, session_id, session_type, session_name, channel_id,
  message_id, kind, drift, epoch_ms(coalesce(sent_at, event_at))::double, epoch_ms(coalesce(action_at, event_at))::double,
  epoch_ms(observed_at)::double, record`;

/** How many columns that is. */
const REVISION_WIDTH = 15;

// What is missing is told by a default: an error made and caught for each costs more than all the rest.
const text = z.string().default('').catch('');
const list = <T extends z.ZodType>(item: T) => z.array(item).prefault([]).catch([]);

const messageRecord = z.object({
  message: text,
  sender: text,
  sender_member_id: text,
  sender_display_name: text,
  receiver: text,
  reply_main_message_id: text,
  forward_id: text,
  is_sender_external: z.boolean().nullable().default(null).catch(null),
  files: list(z.object({ file_id: text, file_name: text, file_size: z.number().nullable().catch(null) })),
  giphy_information: list(z.object({ giphy_view_url: text })),
  bot_message: z.looseObject({ content: z.unknown() }).nullable().default(null).catch(null),
});

/** A row of {@link REVISION_COLUMNS}, from its column `from` on. What the record says counts, not the columns made of it. */
export function revisionOf(row: Row, from = 0): Revision {
  const [
    segment,
    entry,
    place,
    hash,
    session,
    type,
    name,
    channel,
    message,
    kind,
    drift,
    sent,
    action,
    seen,
    json,
  ] = row.slice(from, from + REVISION_WIDTH);
  const record = String(json);
  const said = messageRecord.parse(JSON.parse(record));
  return {
    place: { segment: String(segment), entry: Number(entry), row: Number(place) },
    hash: hash instanceof Uint8Array ? Buffer.from(hash).toString('hex') : '',
    session: { id: shown(session), type: shown(type), name: shown(name), channelId: shown(channel) },
    messageId: shown(message),
    kind: kindOf(shown(kind)),
    drift: drift === true,
    sentAt: new Date(Number(sent)).toISOString(),
    actionAt: new Date(Number(action)).toISOString(),
    observedAt: new Date(Number(seen)).toISOString(),
    sender: { email: said.sender, memberId: said.sender_member_id, name: said.sender_display_name },
    receiver: said.receiver,
    text: said.message,
    replyTo: said.reply_main_message_id === '' ? null : bareId(said.reply_main_message_id),
    forwardId: said.forward_id === '' ? null : said.forward_id,
    files: said.files.map(
      ({ file_id: id, file_name: called, file_size: size }): NamedFile => ({ id, name: called, size }),
    ),
    bot: said.bot_message === null ? null : cardText(said.bot_message.content),
    giphy: said.giphy_information.map(({ giphy_view_url: url }) => url),
    senderExternal: said.is_sender_external,
    record,
  };
}

/** Texts in a record that stand beside its message: names of files, and the bot's card. */
export function besideText(record: string): {
  readonly files: readonly string[];
  readonly bot: string | null;
} {
  const { files, bot_message: bot } = messageRecord.parse(JSON.parse(record));
  return {
    files: files.map(({ file_name: name }) => name),
    bot: bot === null ? null : cardText(bot.content),
  };
}

/** The text of a message as its record has it. */
export function messageText(record: string): string {
  return messageRecord.parse(JSON.parse(record)).message;
}

/** Members of a card that are for programs; the others are what people read. */
const FOR_PROGRAMS: ReadonlySet<string> = new Set([
  'type',
  'style',
  'color',
  'bold',
  'italic',
  'is_markdown_support',
  'editable',
  'event_id',
  'action_id',
  'select_items_id',
]);

/** Every text of a bot's card, a line each, in its order. Zoom sends the card as an object, or as a text that holds one. */
function cardText(content: unknown): string {
  const lines: string[] = [];
  const collect = (value: unknown, depth: number): void => {
    if (depth > 50) return;
    if (typeof value === 'string') {
      if (value !== '') lines.push(value);
    } else if (Array.isArray(value)) {
      for (const item of value) collect(item, depth + 1);
    } else if (typeof value === 'object' && value !== null) {
      // The head of a card stands above its body, which canonical JSON turns round.
      const members = Object.entries(value).filter(([name]) => !FOR_PROGRAMS.has(name));
      for (const [, item] of members.filter(([name]) => name === 'head')) collect(item, depth + 1);
      for (const [, item] of members.filter(([name]) => name !== 'head')) collect(item, depth + 1);
    }
  };
  collect(typeof content === 'string' ? parsed(content) : content, 0);
  return lines.join('\n');
}

function parsed(content: string): unknown {
  if (!/^\s*[[{]/.test(content)) return content;
  try {
    return JSON.parse(content);
  } catch {
    return content;
  }
}

function kindOf(kind: string): Revision['kind'] {
  return kind === 'edited' || kind === 'deleted' ? kind : 'sent';
}

function bareId(id: string): string {
  const bare = id.startsWith('{') && id.endsWith('}') ? id.slice(1, -1) : id;
  return bare.toLowerCase();
}

function shown(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
