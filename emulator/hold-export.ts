/** What a zip of a legal hold holds: a custodian's messages of some days as CSV, with their files. */
import { type Account, firstAtOrAfter, firstTextJson, type Message, type Session } from './account.ts';
import { fileBytes } from './file-bytes.ts';
import type { HoldFile } from './hold-files.ts';
import type { ExportFlaw } from './hold-flaws.ts';
import { idInMessages } from './row-core.ts';
import type { ZipEntry } from './zip.ts';

interface HeldMessage {
  readonly session: Session;
  readonly message: Message;
}

/** The CSV and the attachments; with a flaw, not quite so. */
export function exportEntries(account: Account, file: HoldFile, flaw: ExportFlaw | undefined): ZipEntry[] {
  const held = messagesOf(account, file);
  return [messagesCsv(held, file.period.end, flaw), ...flawedAttachments(held.flatMap(attachments), flaw)];
}

/**
 * What was said in the custodian's sessions in the period: those that they wrote in before it was over, and theirs of
 * two people. Who is in a session now says nothing: they may have left since.
 */
function messagesOf(account: Account, { custodian, period }: HoldFile): HeldMessage[] {
  return account.sessions.flatMap((session) => {
    const to = firstAtOrAfter(session.messages, period.end, ({ sentAt }) => sentAt);
    const before = session.messages.slice(0, to);
    const isTheirs =
      (session.type === '1:1' && session.members.includes(custodian)) ||
      before.some(({ sender }) => sender === custodian);
    if (!isTheirs) return [];
    const from = firstAtOrAfter(before, period.start, ({ sentAt }) => sentAt);
    return before.slice(from).map((message) => ({ session, message }));
  });
}

const COLUMNS = [
  'session_id',
  'message_id',
  'date_time',
  'action',
  'action_date_time',
  'sender',
  'message',
  'files',
];
const WITHOUT_IDS = [0, 2, 5, 6, 7];

/** Every version of the messages as it stood when the period was over: so the zip is the same whenever it is asked for. */
function messagesCsv(held: readonly HeldMessage[], before: number, flaw: ExportFlaw | undefined): ZipEntry {
  const newest = held.reduce<HeldMessage | undefined>(
    (best, one) => (best === undefined || one.message.sentAt > best.message.sentAt ? one : best),
    undefined,
  );
  function* rows(): Generator<readonly string[]> {
    yield flaw === 'other-columns' ? COLUMNS.map((_name, index) => `field ${index}`) : COLUMNS;
    for (const one of held) {
      const isNewest = one === newest;
      if (isNewest && flaw === 'lacks-row') continue;
      for (const row of versions(one, before)) {
        yield isNewest && flaw === 'other-text' ? row.with(6, `${row[6]} (altered)`) : row;
      }
      if (isNewest && flaw === 'extra-row') yield foreignRow(one);
    }
  }
  function* pieces(): Generator<Buffer> {
    for (const row of rows()) {
      const shown = flaw === 'no-ids' ? WITHOUT_IDS.map((index) => row[index] ?? '') : row;
      yield Buffer.from(`${shown.map(csvField).join()}\r\n`);
    }
    if (flaw === 'ragged-row') yield Buffer.from('two,fields\r\n');
    if (flaw === 'cut-row') yield Buffer.from('"cut');
  }
  let size = 0;
  for (const piece of pieces()) size += piece.length;
  return { name: 'messages.csv', size, pieces };
}

function* versions({ session, message }: HeldMessage, before: number): Generator<readonly string[]> {
  const { sender, sentAt, extras } = message;
  const sent = { kind: 'sent', at: sentAt, textJson: firstTextJson(message) } as const;
  const files = (extras?.files ?? []).map((file) => `${file.fileId} ${file.fileName}`).join(' ');
  for (const { kind, at, textJson } of [sent, ...(extras?.revisions ?? [])]) {
    if (at >= before) return;
    const ids = [session.id, idInMessages(message.id), new Date(sentAt).toISOString()];
    const who = sender.email === '' ? sender.memberId : sender.email;
    yield [...ids, kind, new Date(at).toISOString(), who, JSON.parse(textJson) as string, files];
  }
}

/** A message of the same moment, with an id of its own. */
function foreignRow({ session, message }: HeldMessage): readonly string[] {
  const at = new Date(message.sentAt).toISOString();
  const id = `${message.id.slice(0, -12)}ffffffffffff`;
  return [session.id, id, at, 'sent', at, message.sender.email, 'what no report has', ''];
}

function csvField(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function attachments({ message }: HeldMessage): ZipEntry[] {
  return (message.extras?.files ?? []).map(({ fileId, fileName, fileSize }) =>
    fileEntry(`attachments/${fileId}/${fileName}`, fileId, fileSize),
  );
}

function flawedAttachments(entries: readonly ZipEntry[], flaw: ExportFlaw | undefined): readonly ZipEntry[] {
  const [first, ...rest] = entries;
  if (first === undefined) return entries;
  switch (flaw) {
    case 'lacks-file':
      return rest;
    case 'other-file':
      return [fileEntry(first.name, `not ${first.name}`, first.size), ...rest];
    case 'extra-file':
      return [...entries, fileEntry('attachments/of-no-message/unknown.bin', 'unknown', 1000)];
    default:
      return entries;
  }
}

/** An entry with the bytes that follow from id and size. */
export function fileEntry(name: string, fileId: string, size: number): ZipEntry {
  return { name, size, pieces: () => fileBytes(fileId, size) };
}
