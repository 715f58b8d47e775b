/** An archive of hostile messages, exports of it, and readers of what comes out that share no code with what wrote it. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { type ExportInput, type ExportSummary, exportSlice } from '../../src/export/export.ts';
import type { AuditContext } from '../../src/query/reader.ts';
import type { Json } from '../../src/record.ts';
import {
  type Written,
  type WrittenArchive,
  type WrittenSession,
  writtenArchive,
} from '../support/searched-archive.ts';

const run = promisify(execFile);

export const DAY = Date.parse('2026-05-04T00:00:00Z');
const MINUTE = 60_000;

export const CHANNEL: WrittenSession = {
  id: 'channel/../1',
  type: 'Group',
  name: `../..\\etc\\passwd\u0000\u202e<script>alert(1)</script>"=1+1 ${'👩‍💻'.repeat(100)}`,
  channelId: 'c1',
};
export const DIRECT: WrittenSession = { id: 'direct-1', type: '1:1', name: '', channelId: '' };

/** What others wrote to break who reads it. */
export const HOSTILE: readonly string[] = [
  'plain words',
  `=cmd|'/c calc'!A1`,
  '+31 6 1234',
  '-2+3',
  '@SUM(A1:A9)',
  '\t=1+1',
  ' \n =HYPERLINK("http://evil.example","x")',
  '＝１＋１',
  '<script>alert(1)</script><img src=x onerror=alert(1)>',
  `" data-record="${'0'.repeat(64)}"><div class="version" data-record="x`,
  'abc \u202e dlrow \u2066 \u0000 \u0007 \u001b[31m red',
  'þ\u0014þ ® ;\r\nBEGDOC\r\nnew line',
  '\ud83d lone \udc00',
  '--=_boundary\r\nContent-Type: text/html\r\n\r\n<b>x</b>',
  `{"record":{"id":"x"}},"record":{"a":1}`,
  'a,b;c"d\r\ne',
  '👨‍👩‍👧‍👦 é é ﷺ',
  "'quoted",
  'x'.repeat(30_000),
  '',
];

const ANN = {
  sender: 'ann@example.com',
  sender_member_id: 'ANN1',
  sender_display_name: 'Ann "The\r\nBcc: x@evil.example" Øst',
};
const BEN = { sender: '', sender_member_id: 'BEN2', sender_display_name: '=Ben' };

export const FILE_BYTES = Buffer.from('<svg onload=alert(1)>');
const FILE_HASH = createHash('sha256').update(FILE_BYTES).digest('hex');
const FILE_KEY = `objects/sha256/${FILE_HASH.slice(0, 2)}/${FILE_HASH}`;

export function message(
  session: WrittenSession,
  id: string,
  at: number,
  more: { readonly [name: string]: Json },
): Written {
  return {
    stream: 'messages',
    kind: 'sent',
    time: at,
    session,
    record: {
      id,
      timestamp: at,
      action_timestamp: at,
      date_time: new Date(at).toISOString(),
      message: '',
      ...ANN,
      ...more,
    },
  };
}

function version(of: Written, kind: 'edited' | 'deleted', at: number, text: string): Written {
  const record = { ...(of.record as { readonly [name: string]: Json }), action_timestamp: at, message: text };
  return { ...of, kind, time: at, record };
}

function records(): readonly Written[] {
  const said = HOSTILE.map((text, index) =>
    message(
      index % 4 === 3 ? DIRECT : CHANNEL,
      `{M-${index}/../..}`,
      DAY + 20 * 3600_000 + index * 20 * MINUTE,
      {
        message: text,
        ...(index % 2 === 0 ? ANN : BEN),
        ...(index === 5 ? { reply_main_message_id: '{M-4/../..}' } : {}),
        ...(index === 6 ? { forward_id: 'f-1' } : {}),
        ...(index === 8
          ? {
              files: [
                {
                  file_id: 'file-1',
                  file_name: `..\\..\\=${'😈'.repeat(150)}\u202egpj.exe`,
                  file_size: FILE_BYTES.length,
                },
                { file_id: 'file-2', file_name: '../gone.pdf', file_size: 5 },
              ],
            }
          : {}),
        ...(index === 10
          ? {
              bot_message: {
                content: { head: { text: '=Card' }, body: [{ type: 'message', text: 'of a bot' }] },
              },
            }
          : {}),
      },
    ),
  );
  const [first, second, third] = said;
  if (first === undefined || second === undefined || third === undefined) throw new Error('no messages');
  const edit = version(first, 'edited', first.time + MINUTE, 'other words');
  return [
    ...said,
    edit,
    // The same fact in two segments.
    { ...edit, class: 'other' },
    version(first, 'edited', first.time + 26 * 3600_000, 'a day later =1'),
    version(second, 'deleted', second.time + MINUTE, ''),
    version(third, 'deleted', third.time + MINUTE, third.kind),
    {
      stream: 'reactions',
      kind: 'state',
      time: first.time,
      session: CHANNEL,
      record: {
        id: '{M-0/../..}',
        timestamp: first.time,
        reactions: [{ emoji: 'U+1F44D', total_count: 2, member_ids: ['ANN1', 'BEN2'], user_ids: [] }],
        custom_emoji_reactions: [
          { custom_emoji_name: 'x'.repeat(60), total_count: 1, member_ids: ['BEN2'], user_ids: [] },
        ],
      },
    },
    {
      stream: 'forwarded',
      kind: 'resolved',
      time: first.time,
      session: CHANNEL,
      record: {
        forward_id: 'f-1',
        message_id: 'm-6/../..',
        session_id: CHANNEL.id,
        found_at: new Date(first.time).toISOString(),
        message: {
          id: 'other',
          message: '=forwarded <b>',
          sender: 'carl@example.com',
          send_member_id: 'C3',
          sender_display_name: 'Carl',
          timestamp: DAY,
        },
      },
    },
    ...['file-1', 'file-2'].map(
      (id, place): Written => ({
        stream: 'files',
        kind: place === 0 ? 'stored' : 'unavailable',
        time: first.time,
        session: CHANNEL,
        record: {
          file_id: id,
          file_name: 'whatever',
          origin: 'message',
          message_id: 'm-8/../..',
          session_id: CHANNEL.id,
          place,
          found_at: new Date(first.time).toISOString(),
          declared_size: FILE_BYTES.length,
          content_type: 'image/svg+xml',
          info: null,
          object:
            place === 0
              ? { key: FILE_KEY, version: FILE_HASH, sha256: FILE_HASH, size: FILE_BYTES.length }
              : null,
          ...(place === 0 ? {} : { reason: 'not-found' }),
        },
      }),
    ),
    {
      stream: 'channel_activities',
      kind: 'joined',
      time: first.time + 10 * MINUTE,
      record: {
        channel_id: 'c1',
        activity_type: 'membership',
        activity_timestamp: first.time + 10 * MINUTE,
        operator: { display_name: 'Ann', member_id: 'ANN1' },
        members: { member_status: 'joined', member_list: [{ display_name: '<i>Dora', member_id: 'D4' }] },
      },
    },
  ];
}

/** The archive, with a file in it. */
export async function hostileArchive(): Promise<WrittenArchive> {
  const archive = await writtenArchive(records());
  const path = join(archive.root, FILE_KEY);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, FILE_BYTES);
  return archive;
}

const folders: string[] = [];

export async function temporary(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'export-test-'));
  folders.push(folder);
  return folder;
}

/** Those of {@link temporary}, once all tests of a file are over. */
export async function removeTemporary(): Promise<void> {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true });
}

export interface Exported {
  readonly path: string;
  readonly summary: ExportSummary;
}

export const AT = Date.parse('2026-11-20T12:00:00Z');

export async function exported(ctx: AuditContext, input: Partial<ExportInput>, now = AT): Promise<Exported> {
  const folder = await temporary();
  const path = join(folder, 'export.zip');
  const summary = await exportSlice(
    ctx,
    { of: { kind: 'search', query: {} }, reason: 'a test', ...input },
    { out: createWriteStream(path), spool: join(folder, 'spool'), now: () => now },
  );
  return { path, summary };
}

/** Files by their paths, as Info-ZIP unpacks them. */
export async function unzipped(path: string): Promise<ReadonlyMap<string, Buffer>> {
  const folder = await temporary();
  await run('unzip', ['-qq', path, '-d', folder]);
  const names = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = new Map<string, Buffer>();
  for (const entry of names.filter((one) => one.isFile())) {
    const file = join(entry.parentPath, entry.name);
    files.set(file.slice(folder.length + 1), await readFile(file));
  }
  return files;
}

export async function unzippedBytes(bytes: Buffer): Promise<ReadonlyMap<string, Buffer>> {
  const file = join(await temporary(), 'inner.zip');
  await writeFile(file, bytes);
  return unzipped(file);
}

/** A version of a message as another reader of Parquet finds it. */
export interface TrueRevision {
  readonly session: string;
  readonly messageId: string;
  readonly kind: string;
  readonly text: string;
  readonly record: string;
  readonly hash: string;
}

/** Every version in the archive, in the order of their hashes. */
export async function trueRevisions(root: string): Promise<readonly TrueRevision[]> {
  const folder = join(root, 'segments/stream=messages');
  const found: TrueRevision[] = [];
  for (const name of await readdir(folder, { recursive: true })) {
    if (!name.endsWith('.parquet')) continue;
    const file = await asyncBufferFromFile(join(folder, name));
    const columns = ['session_id', 'message_id', 'kind', 'record', 'record_hash'];
    for (const row of await parquetReadObjects({ file, columns, compressors, utf8: false })) {
      const record = String(row.record);
      found.push({
        session: String(row.session_id),
        messageId: String(row.message_id),
        kind: String(row.kind),
        text: String(JSON.parse(record).message),
        record,
        hash: Buffer.from(row.record_hash).toString('hex'),
      });
    }
  }
  return sorted(found);
}

export function sorted<T extends { readonly hash: string }>(list: readonly T[]): readonly T[] {
  return [...list].sort((one, other) => (one.hash < other.hash ? -1 : one.hash > other.hash ? 1 : 0));
}

/** A message's text as UTF-8 can hold it. */
export function wellFormed(text: string): string {
  return text.toWellFormed();
}
