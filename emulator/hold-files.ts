/** The zips of legal holds: a custodian's messages of some days as CSV, with the files they sent. */
import { z } from 'zod';
import {
  type Account,
  firstAtOrAfter,
  firstTextJson,
  type Message,
  type Person,
  type Session,
} from './account.ts';
import { type ByteStream, shortened, streamOf } from './byte-stream.ts';
import { SIGN_IN_PAGE } from './deliver.ts';
import { fileBytes } from './file-bytes.ts';
import type { Matter, Period } from './matters.ts';
import { idInMessages } from './row-core.ts';
import { type ZipEntry, zipPieces, zipSize } from './zip.ts';

/**
 * `empty`: no bytes at all. `truncated`: the connection closes after half of them. `short`: half of them as a complete
 * answer, so that the zip lacks its directory. `wrong-size`: the list names another size. `many`: 100,000 entries.
 * `escaping`: entries that would leave the folder they are unpacked into. `huge`: one entry of so many bytes.
 * `not-a-zip`: 200 with a sign-in page. `never-ready`: as it says.
 */
export const zipConditionSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.enum([
      ...(['normal', 'empty', 'truncated', 'short', 'wrong-size'] as const),
      ...(['many', 'escaping', 'not-a-zip', 'never-ready'] as const),
    ]),
  }),
  z.strictObject({ kind: z.literal('huge'), bytes: z.number().int().nonnegative() }),
]);
export type ZipCondition = z.infer<typeof zipConditionSchema>;

/** One zip of a matter. */
export interface HoldFile {
  readonly key: string;
  readonly matter: Matter;
  readonly custodian: Person;
  readonly period: Period;
}

interface SentMessage {
  readonly session: Session;
  readonly message: Message;
}

const MANY = 100_000;
const ESCAPING_NAMES = [
  '../../etc/escaped',
  '/etc/escaped',
  'folder/../../escaped',
  '..\\..\\escaped',
  'C:\\escaped',
  'cut\u0000.txt',
];

/** What the zip holds when it comes whole. */
export function zipEntries(account: Account, file: HoldFile, condition: ZipCondition): readonly ZipEntry[] {
  const sent = messagesOf(account, file);
  const entries = [messagesCsv(sent, file.period.end), ...sent.flatMap(attachments)];
  switch (condition.kind) {
    case 'many':
      for (let index = entries.length; index < MANY; index += 1) {
        entries.push(smallEntry(`many/${String(index).padStart(6, '0')}.txt`));
      }
      return entries;
    case 'escaping':
      return [...entries, ...ESCAPING_NAMES.map(smallEntry)];
    case 'huge':
      return [...entries, fileEntry('attachments/huge.bin', `huge ${file.key}`, condition.bytes)];
    default:
      return entries;
  }
}

/** The body of the download. Its `length` is also what the list says, unless that lies. */
export function zipStream(entries: readonly ZipEntry[], condition: ZipCondition): ByteStream {
  if (condition.kind === 'empty') return streamOf(Buffer.alloc(0));
  if (condition.kind === 'not-a-zip') return streamOf(Buffer.from(SIGN_IN_PAGE));
  const whole: ByteStream = { length: zipSize(entries), pieces: () => zipPieces(entries) };
  const half = Math.floor(whole.length / 2);
  if (condition.kind === 'short') return shortened(whole, half);
  return { ...whole, cutAt: condition.kind === 'truncated' ? half : undefined };
}

/**
 * Every version of the messages that the custodian sent in the period, as it stood when the period was over: so the
 * zip is the same whenever it is asked for.
 */
function messagesCsv(sent: readonly SentMessage[], before: number): ZipEntry {
  function* pieces(): Generator<Buffer> {
    yield Buffer.from('session_id,message_id,date_time,action,action_date_time,sender,message,files\r\n');
    for (const message of sent) yield Buffer.from([...csvLines(message, before)].join(''));
  }
  let size = 0;
  for (const piece of pieces()) size += piece.length;
  return { name: 'messages.csv', size, pieces };
}

function* csvLines({ session, message }: SentMessage, before: number): Generator<string> {
  const { sender, sentAt, extras } = message;
  const sent = { kind: 'sent', at: sentAt, textJson: firstTextJson(message) } as const;
  const files = (extras?.files ?? []).map((file) => `${file.fileId} ${file.fileName}`).join(' ');
  for (const { kind, at, textJson } of [sent, ...(extras?.revisions ?? [])]) {
    if (at >= before) return;
    const ids = [session.id, idInMessages(message.id), new Date(sentAt).toISOString()];
    const action = [kind, new Date(at).toISOString(), sender.email, JSON.parse(textJson) as string, files];
    yield `${[...ids, ...action].map(csvField).join()}\r\n`;
  }
}

function csvField(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function attachments({ message }: SentMessage): ZipEntry[] {
  return (message.extras?.files ?? []).map(({ fileId, fileName, fileSize }) =>
    fileEntry(`attachments/${fileId}/${fileName}`, fileId, fileSize),
  );
}

/** Asks every session and not only those of the custodian, who may have left one since. */
function messagesOf(account: Account, { custodian, period }: HoldFile): SentMessage[] {
  return account.sessions.flatMap((session) => {
    const from = firstAtOrAfter(session.messages, period.start, ({ sentAt }) => sentAt);
    const to = firstAtOrAfter(session.messages, period.end, ({ sentAt }) => sentAt);
    const sent = session.messages.slice(from, to).filter(({ sender }) => sender === custodian);
    return sent.map((message) => ({ session, message }));
  });
}

function fileEntry(name: string, fileId: string, size: number): ZipEntry {
  return { name, size, pieces: () => fileBytes(fileId, size) };
}

function smallEntry(name: string): ZipEntry {
  const content = Buffer.from('content\n');
  return { name, size: content.length, pieces: () => [content] };
}
