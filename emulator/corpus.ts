/**
 * Real chat logs as an account. The logs are lines of gzipped NDJSON: channel, n (line in the channel), at (UTC minute),
 * type, nick, text and reply_to (the n of the message answered). A channel becomes a session, into which people come
 * with their first message; the joins, leaves and renames of the logs are passed over.
 */
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { createGunzip } from 'node:zlib';
import { z } from 'zod';
import {
  type Account,
  addMessage,
  addPerson,
  addSession,
  emptyAccount,
  extrasOf,
  type Message,
  type Person,
} from './account.ts';
import { addCustomEmoji } from './custom-emoji.ts';
import { DAY, formatDay, MINUTE, parseDay } from './dates.ts';
import { recordJoinsAtFirstMessages } from './memberships.ts';
import { addUsers } from './people.ts';
import { hashText, Random } from './random.ts';
import { addSpaces } from './spaces.ts';

export interface CorpusSource {
  readonly kind: 'corpus';
  readonly file: string;
}

const lineSchema = z.object({
  channel: z.string(),
  n: z.number().int(),
  at: z.iso.datetime(),
  type: z.string(),
  nick: z.string(),
  text: z.string().optional(),
  reply_to: z.number().int().optional(),
});
type Line = z.infer<typeof lineSchema>;

/** The logs' days are laid over this many days before today, which keeps them inside the six months of reports. */
const SPREAD_DAYS = 170;

/** Reads the logs and moves them so that they end just before `now` (milliseconds). */
export async function loadCorpus(source: CorpusSource, now: number): Promise<Account> {
  const channels = await readChannels(source.file);
  const account = emptyAccount();
  const people = new Map<string, Person>();
  const today = Math.floor(now / DAY);
  const names = [...channels.keys()].sort((a, b) =>
    firstTime(channels, a) < firstTime(channels, b) ? -1 : 1,
  );
  for (const [place, channel] of names.entries()) {
    const lines = channels.get(channel) ?? [];
    const firstDay = dayOf(lines[0]);
    const length = dayOf(lines.at(-1)) - firstDay + 1;
    const reach = SPREAD_DAYS - length;
    const start = today - SPREAD_DAYS + Math.round((reach * place) / Math.max(names.length - 1, 1));
    addChannel(account, people, channel, lines, (start - firstDay) * DAY);
  }
  addUsers(account, now);
  addCustomEmoji(account, now);
  addSpaces(account);
  return account;
}

async function readChannels(file: string): Promise<Map<string, Line[]>> {
  const channels = new Map<string, Line[]>();
  const input = createReadStream(file).pipe(createGunzip());
  for await (const text of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
    if (text === '') continue;
    const line = lineSchema.parse(JSON.parse(text));
    if (line.type !== 'message') continue;
    const lines = channels.get(line.channel);
    if (lines === undefined) channels.set(line.channel, [line]);
    else lines.push(line);
  }
  for (const lines of channels.values()) lines.sort((a, b) => a.n - b.n);
  return channels;
}

function addChannel(
  account: Account,
  people: Map<string, Person>,
  channel: string,
  lines: readonly Line[],
  shiftMs: number,
): void {
  const random = new Random(hashText(channel));
  const nicks = new Set(lines.map((line) => line.nick));
  const members = [...nicks].map((nick) => personOf(account, people, nick));
  const facts = { id: random.hex(64), type: 'Group' as const, channelId: random.hex(22), members };
  const times = spreadInMinutes(lines);
  const session = addSession(account, facts, channel, (times[0] ?? 0) + shiftMs);
  const byLine = new Map<number, Message>();
  for (const [index, line] of lines.entries()) {
    const message = addMessage(
      session,
      {
        id: random.uuid(),
        sentAt: (times[index] ?? 0) + shiftMs,
        sender: personOf(account, people, line.nick),
      },
      JSON.stringify(line.text ?? ''),
    );
    byLine.set(line.n, message);
  }
  for (const line of lines) {
    if (line.reply_to === undefined || line.reply_to === line.n) continue;
    const [message, parent] = [byLine.get(line.n), byLine.get(line.reply_to)];
    if (message !== undefined && parent !== undefined) extrasOf(message).replyTo = parent;
  }
  recordJoinsAtFirstMessages(account, session);
}

/** The logs know minutes only: the messages of one minute are spread over it in their order. */
function spreadInMinutes(lines: readonly Line[]): number[] {
  const times: number[] = [];
  for (let start = 0; start < lines.length; ) {
    const minute = lines[start]?.at ?? '';
    let end = start + 1;
    while (lines[end]?.at === minute) end += 1;
    const base = Date.parse(minute);
    for (let index = start; index < end; index += 1) {
      times.push(base + Math.floor((MINUTE * (index - start)) / (end - start)));
    }
    start = end;
  }
  return times;
}

function personOf(account: Account, people: Map<string, Person>, nick: string): Person {
  let person = people.get(nick);
  if (person === undefined) {
    const random = new Random(hashText(nick));
    person = addPerson(account, {
      userId: random.hex(22),
      memberId: random.hex(44).toUpperCase(),
      email: `${encodeURIComponent(nick)}@irc.example`,
      displayName: nick,
      external: false,
      bot: false,
    });
    people.set(nick, person);
  }
  return person;
}

function firstTime(channels: ReadonlyMap<string, readonly Line[]>, channel: string): string {
  return channels.get(channel)?.[0]?.at ?? '';
}

function dayOf(line: Line | undefined): number {
  return line === undefined ? 0 : (parseDay(formatDay(Date.parse(line.at))) ?? 0) / DAY;
}
