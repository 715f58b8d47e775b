import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { coverageRecord } from '../../src/collectors/coverage.ts';
import { type Candidate, instant, type Json, type Stream } from '../../src/record.ts';
import { SegmentBuilder } from '../../src/segments/build.ts';
import { columns } from '../../src/segments/format.ts';
import { message, PROVENANCE } from '../ledger/candidates.ts';
import { ACCOUNT, NOW, UNIT } from '../ledger/ledgers.ts';
import {
  archivedRecords,
  batches,
  buildSegment,
  createBuilder,
  folder,
  leafHash,
  naiveRoot,
  planOf,
  readParquet,
  stagedRow,
} from './building.ts';

const AT = Date.parse('2026-11-19T08:00:00.123Z');

/** Messages whose times and texts vary, in no order. */
function messages(count: number): readonly Candidate[] {
  return Array.from({ length: count }, (_, index) =>
    message(`m${(index * 7919) % count}`, { n: index }, { time: instant(AT + ((index * 31) % 17)) }),
  );
}

/** The first row of a segment that holds one record of `fields`. */
async function typed(
  fields: Readonly<Record<string, Json>>,
  changes: Partial<Candidate> = {},
): Promise<Record<string, unknown>> {
  const { built } = await buildSegment([message('one', fields, changes)]);
  const [row = {}] = await readParquet(built.path, 'from read_parquet($1)');
  return row;
}

describe('a segment', () => {
  test('has the same bytes whenever and however it is built', async () => {
    const candidates = messages(3_000);
    const pages = Array.from({ length: 30 }, (_, page) =>
      stagedRow(candidates.slice(page * 100, page * 100 + 100), PROVENANCE, page + 1),
    );
    const builder = await createBuilder(await folder());
    const hashes = new Set<string>();
    for (const order of [[pages], [pages.slice(0, 7), pages.slice(7)], [pages.toReversed()]]) {
      const built = await builder.build(ACCOUNT, planOf(candidates), batches(...order));
      const bytes = await readFile(built.path);
      expect(built).toMatchObject({ size: bytes.length, records: 3_000 });
      expect(built.sha256).toBe(createHash('sha256').update(bytes).digest('hex'));
      hashes.add(built.sha256);
    }
    const other = await buildSegment(candidates, pages);
    hashes.add(other.built.sha256);
    expect(hashes.size).toBe(1);
  });

  test.each([1, 2, 3, 5, 64, 2_049])('of %i records has the root an auditor computes', async (count) => {
    const candidates = messages(count);
    const { built } = await buildSegment(candidates);
    const rows = await archivedRecords(built.path);
    expect(rows.map(({ record }) => record).sort()).toEqual(candidates.map(({ record }) => record).sort());
    const leaves = rows.map((row) => leafHash('messages', row));
    expect(rows.map(({ hash }) => hash)).toEqual(leaves.map((leaf) => leaf.toString('hex')));
    expect(built.root).toBe(naiveRoot(leaves).toString('hex'));
  });

  test('stands in the order of session, time, key', async () => {
    const sessions = ['s-2', 's-1', 'ä', 'S'];
    const candidates = messages(40);
    const rows = sessions.map((id, page) =>
      stagedRow(
        candidates.slice(page * 10, page * 10 + 10),
        { ...PROVENANCE, session: { id, type: 'Group', name: id, channelId: '' } },
        page + 1,
      ),
    );
    const { built } = await buildSegment(candidates, rows);
    const keys = new Map(candidates.map(({ record, key }) => [record, key]));
    const found = await readParquet(
      built.path,
      `select session_id, epoch_ms(event_at) as at, record from read_parquet($1)`,
    );
    const order = found.map(({ session_id, at, record }) =>
      [Buffer.from(String(session_id)).toString('hex'), at, keys.get(String(record))].join(' '),
    );
    expect(order).toEqual([...order].sort());
    expect(new Set(found.map((row) => row.session_id))).toEqual(new Set(sessions));
  });

  test('names itself in its metadata', async () => {
    const { built } = await buildSegment(messages(5));
    const rows = await readParquet(
      built.path,
      'select decode(key) as key, decode(value) as value from parquet_kv_metadata($1)',
    );
    expect(Object.fromEntries(rows.map(({ key, value }) => [key, value]))).toEqual({
      format: '1',
      account: ACCOUNT,
      stream: 'messages',
      class: 'default',
      root: built.root,
      count: '5',
    });
  });

  test('keeps any text byte for byte, and shows it in its column', async () => {
    const texts = fc.array(fc.string({ unit: 'binary', maxLength: 40 }), { minLength: 1, maxLength: 30 });
    const builder = await createBuilder(await folder());
    await fc.assert(
      fc.asyncProperty(texts, async (list) => {
        const candidates = list.map((text, index) => message(`m${index}`, { message: text }));
        const built = await builder.build(ACCOUNT, planOf(candidates), batches([stagedRow(candidates)]));
        const found = await readParquet(built.path, 'select record, text from read_parquet($1)');
        const expected = candidates.map(({ record }, index) => [record, list[index]?.toWellFormed()]);
        expect(new Map(found.map(({ record, text }) => [record, text]))).toEqual(new Map(expected as []));
      }),
      { numRuns: 40 },
    );
  });

  test.each([
    ['half a pair', 'cut \ud83d', 'cut \ufffd'],
    ['halves in a row', '\ud83d\ud83d\ude00\ude00', '\ufffd\ud83d\ude00\ufffd'],
    ['an escape spelt out beside half a pair', '\\ud83d and \ud83d', '\\ud83d and \ufffd'],
    ['backslashes before half a pair', '\\\\\ud83d', '\\\\\ufffd'],
    ['U+0000', 'a\u0000b', 'a\u0000b'],
    ['tabs and line feeds', 'a\tb\nc\r\n', 'a\tb\nc\r\n'],
    ['60 KB', 'ü'.repeat(30_000), 'ü'.repeat(30_000)],
    ['what means null to CSV readers', 'N', 'N'],
    ['nothing', '', ''],
  ])('with %s in a message', async (_name, text, readable) => {
    const row = await typed({ message: text });
    expect(row.text).toBe(readable);
    expect(JSON.parse(String(row.record)).message).toBe(text);
  });

  test('of a session with a strange id has the hash an auditor computes', async () => {
    for (const id of [`q"uo'te\\`, 'ünï/cödé', 'tab\tline\n', '\u0001\u007f', '']) {
      const session = { id, type: 'Group', name: id, channelId: id };
      const candidates = messages(2);
      const { built } = await buildSegment(candidates, [stagedRow(candidates, { ...PROVENANCE, session })]);
      for (const row of await archivedRecords(built.path)) {
        expect(row.session).toBe(id);
        expect(row.hash).toBe(leafHash('messages', row).toString('hex'));
      }
    }
  });

  test('leaves nothing but itself in the spool', async () => {
    const spool = await folder();
    const builder = await createBuilder(spool);
    await builder.build(ACCOUNT, planOf(messages(3)), batches([stagedRow(messages(3))]));
    expect(await readdir(spool)).toEqual([expect.stringMatching(/^segment-[0-9a-f]{8}-1\.parquet$/)]);
  });

  test('is refused when it does not hold what was planned', async () => {
    const spool = await folder();
    const builder = await createBuilder(spool);
    const plan = { ...planOf(messages(3)), records: 4 };
    const building = builder.build(ACCOUNT, plan, batches([stagedRow(messages(3))]));
    await expect(building).rejects.toMatchObject({ code: 'internal' });
    expect(await readdir(spool)).toEqual([]);
    const built = await builder.build(ACCOUNT, planOf(messages(3)), batches([stagedRow(messages(3))]));
    expect(built.records).toBe(3);
  });
});

describe('the columns', () => {
  test('of a message', async () => {
    const row = await typed(
      {
        id: '{ABC-Def}',
        timestamp: AT,
        action_timestamp: AT + 1,
        sender: 'ann@example.com',
        sender_member_id: 'member-1',
        sender_display_name: 'Ann',
        receiver: 'ben@example.com',
        message: 'Hello',
        reply_main_message_id: '{REPLY}',
        files: [{ file_id: 'f1' }, { file_id: 'f2' }],
      },
      { time: instant(AT + 1), kind: 'edited' },
    );
    expect(row).toMatchObject({
      account: ACCOUNT,
      kind: 'edited',
      drift: false,
      event_at: '2026-11-19 08:00:00.124+00',
      session_id: 'session-1',
      session_type: 'Group',
      session_name: 'General',
      channel_id: 'channel-1',
      message_id: 'abc-def',
      sent_at: '2026-11-19 08:00:00.123+00',
      action_at: '2026-11-19 08:00:00.124+00',
      sender_email: 'ann@example.com',
      sender_member_id: 'member-1',
      sender_name: 'Ann',
      receiver: 'ben@example.com',
      text: 'Hello',
      reply_to: 'reply',
      file_count: '2',
      observed_at: '2026-11-20 08:00:00+00',
      run: 'run-1',
      request_id: 'request-1',
      tracking_id: 'tracking-1',
    });
  });

  test('of a message with little in it', async () => {
    const row = await typed({ id: 'Abc', timestamp: AT });
    expect(row).toMatchObject({
      message_id: 'abc',
      action_at: row.sent_at,
      sender_email: null,
      reply_to: null,
      file_count: '0',
    });
  });

  test('of a message whose fields are not what they should be', async () => {
    const row = await typed({ timestamp: 9_007_199_254_740_991, action_timestamp: 'soon', files: 'none' });
    expect(row).toMatchObject({ action_at: null, file_count: '0' });
    expect(JSON.parse(String(row.record))).toMatchObject({ action_timestamp: 'soon', files: 'none' });
  });

  test('of a drift', async () => {
    const candidate = message('one');
    const page = stagedRow([candidate]);
    const { built } = await buildSegment([candidate], [{ ...page, lines: `1${page.lines.slice(1)}` }]);
    expect(await readParquet(built.path, 'select drift from read_parquet($1)')).toEqual([{ drift: true }]);
  });

  test('of a reaction state', async () => {
    const row = await typed({ id: '{M1}', reactions: [] }, { stream: 'reactions', kind: 'state' });
    expect(row).toMatchObject({ kind: 'state', session_id: 'session-1', message_id: 'm1' });
  });

  test('of a session, whose own id is no part of the fact', async () => {
    const candidate = message(
      's-1',
      { type: 'Group', name: 'General', channel_id: 'c-1', status: 'active' },
      { stream: 'sessions', kind: 'description' },
    );
    const { session: _none, ...provenance } = PROVENANCE;
    const { built } = await buildSegment([candidate], [stagedRow([candidate], provenance)]);
    const [row] = await readParquet(built.path, 'from read_parquet($1)');
    expect(row).toMatchObject({
      session_id: 's-1',
      session_type: 'Group',
      session_name: 'General',
      channel_id: 'c-1',
      status: 'active',
    });
    const [record] = await archivedRecords(built.path, `''`);
    expect(record?.hash).toBe(record && leafHash('sessions', record).toString('hex'));
  });

  test('of a coverage record', async () => {
    const unit = { ...UNIT, attempt: 1 };
    const candidate = coverageRecord(ACCOUNT, 'run-1', unit, {
      outcome: 'done',
      pages: 1,
      rows: 300,
      admitted: 1,
      sightings: 0,
      drift: 0,
      startedAt: NOW,
      finishedAt: NOW,
      fromDate: '2026-11-01',
      toDate: '2026-11-20',
      covers: { from: unit.from, to: unit.to },
    });
    const { session: _none, ...provenance } = PROVENANCE;
    const { built } = await buildSegment([candidate], [stagedRow([candidate], provenance)]);
    const [row] = await readParquet(built.path, 'from read_parquet($1)');
    expect(row).toMatchObject({
      kind: 'done',
      unit_stream: 'messages',
      session_id: 'session-1',
      mode: 'sent',
      outcome: 'done',
      covers_from: '2026-11-01 00:00:00+00',
      covers_to: '2026-11-20 00:00:00+00',
      rows: '300',
    });
  });

  test.each<Stream>(['messages', 'reactions', 'sessions', 'coverage'])(
    'of %s have their types',
    async (stream) => {
      const { built } = await buildSegment([message('one', {}, { stream })]);
      const found = await readParquet(
        built.path,
        'select column_name as name, column_type as type from (describe from read_parquet($1))',
      );
      expect(found).toEqual(columns(stream).map(({ name, type }) => ({ name, type })));
    },
  );
});

/** A file system of `size` bytes for the spool; undefined where this machine does not let us mount one. */
async function smallDisk(size: string): Promise<string | undefined> {
  const path = await folder();
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', path], { stdio: 'ignore' });
  } catch {
    return undefined;
  }
  onTestFinished(() => void execFileSync('umount', [path]));
  return path;
}

describe('a full spool', () => {
  const canMount = process.getuid?.() === 0;

  test.skipIf(!canMount).each([
    { what: 'the records do not fit', size: '256k' },
    { what: 'the segment does not fit beside them', size: '1100k' },
  ])('is spool-full when $what, and no harm', async ({ size }) => {
    const spool = await smallDisk(size);
    if (spool === undefined) return expect.soft(spool, 'tmpfs cannot be mounted here').toBeUndefined();
    const builder = await SegmentBuilder.create({ spool });
    try {
      // Noise, so that zstd cannot make it small.
      const noise = (index: number): string => createHash('sha512').update(String(index)).digest('base64');
      const many = Array.from({ length: 4_000 }, (_, index) =>
        message(`m${index}`, { message: noise(index) }),
      );
      const building = builder.build(ACCOUNT, planOf(many), batches([stagedRow(many)]));
      await expect(building).rejects.toMatchObject({ code: 'spool-full' });
      expect((await readdir(spool)).filter((name) => name !== 'duckdb')).toEqual([]);
      const few = many.slice(0, 10);
      expect((await builder.build(ACCOUNT, planOf(few), batches([stagedRow(few)]))).records).toBe(10);
      expect(await readdir(spool)).toContainEqual(expect.stringMatching(/^segment-[0-9a-f]{8}-1\.parquet$/));
    } finally {
      builder.close();
    }
  });
});
