import {
  type Emoji,
  extrasOf,
  type Message,
  type Person,
  type ReactionStep,
  type Session,
} from './account.ts';
import type { Random } from './random.ts';
import { holdsReaction } from './reactions.ts';

const FILES = [
  'minutes.pdf',
  'Screenshot 2026-01-05 at 10.11.12.png',
  'übersicht.xlsx',
  'a&b=c.txt',
  'דוח.docx',
  'clip.mp4',
];
/** What people react with. */
export const EMOJI: readonly Emoji[] = [
  { kind: 'standard', code: 'U+1F600' },
  { kind: 'standard', code: 'U+1F44D' },
  { kind: 'standard', code: 'U+2764' },
  { kind: 'standard', code: 'U+1F389' },
  { kind: 'custom', name: 'ship_it', fileId: 'bliAGZfKSqOWev3rCwC99Q' },
  { kind: 'custom', name: 'tökö', fileId: 'Zq9TtcwPQ5yqp0m7mVtq1A' },
];

/** Gives a new message with this text what some messages have: files, an answered message, formatting, a picture, a bot's card. */
export function decorate(session: Session, message: Message, textJson: string, random: Random): void {
  const odds = random.below(10_000);
  if (odds < 200 || textJson === '""') {
    extrasOf(message).files = Array.from({ length: 1 + (odds % 7 === 0 ? random.below(3) : 0) }, () => ({
      fileId: random.hex(22),
      fileName: random.pick(FILES),
      // Small, so that a whole account of files is served in seconds; larger ones are made by deeds.
      fileSize: 1 + random.below(60_000),
    }));
  } else if (odds < 700) {
    const parent = session.messages[session.messages.length - 2 - random.below(20)];
    if (parent !== undefined) extrasOf(message).replyTo = parent;
  } else if (odds < 800) {
    const end = Math.min(textJson.length - 2, 5);
    extrasOf(message).richTextJson =
      `,"rich_text":[{"start_position":0,"end_position":${end},"format_type":"Bold"},{"start_position":0,"end_position":${end},"format_type":"FontColor","format_attr":"FFC0CB"}]`;
  } else if (odds < 830) {
    extrasOf(message).giphyJson =
      `,"giphy_information":[{"giphy_view_url":"https://giphy.com/gifs/${random.hex(18)}"}]`;
  } else if (odds < 850) {
    extrasOf(message).forwardId = random.hex(22);
  }
  if (message.sender.bot) extrasOf(message).botJson = botJson(textJson, random);
}

/** The next change of a message's reactions: a member adds an emoji, or takes it back when they hold it. */
export function giveReaction(session: Session, message: Message, random: Random, at: number): ReactionStep {
  const person: Person = random.pick(session.members);
  const emoji = random.pick(EMOJI);
  return { at, person, emoji, added: !holdsReaction(message, person, emoji) };
}

/** Zoom documents `content` as an object and shows it as a JSON string, so both forms occur. */
function botJson(textJson: string, random: Random): string {
  const content = `{"head":{"text":"Build"},"body":[{"type":"message","text":${textJson.length > 1000 ? '""' : textJson}}]}`;
  const bridged = random.chance(0.1)
    ? ',"source":"Slack","external_sender_email":"guest@partner.example"'
    : '';
  return `,"bot_message":{"is_markdown_support":false,"content":${random.chance(0.5) ? JSON.stringify(content) : content}${bridged}}`;
}
