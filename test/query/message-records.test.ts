import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { StagedRow } from '../../src/ledger/staging.ts';
import { MessageSearch } from '../../src/query/message-records.ts';
import { type Candidate, messageId } from '../../src/record.ts';
import { ROW_GROUP } from '../../src/segments/format.ts';
import { message, PROVENANCE } from '../ledger/candidates.ts';
import {
  archivedRecords,
  buildSegment,
  folder,
  leafHash,
  naiveRoot,
  stagedRow,
} from '../segments/building.ts';

/** A segment as a file, and its root. */
async function segment(candidates: readonly Candidate[], rows?: readonly StagedRow[]) {
  const { built, bytes } = await buildSegment(candidates, rows);
  const path = join(await folder(), 'it is one.parquet');
  await writeFile(path, bytes);
  return { path, root: built.root };
}

async function search(): Promise<MessageSearch> {
  const opened = await MessageSearch.create();
  onTestFinished(() => opened.close());
  return opened;
}

const rootOf = (leaves: readonly Uint8Array[]): string =>
  naiveRoot(leaves.map((leaf) => Buffer.from(leaf))).toString('hex');

test('finds all versions, drift included, each in its row, with hashes of the documented form', async () => {
  const text = '\u0000 \ud83d “ü” 🙂 \\ "quoted"';
  const candidates = [
    message('a'),
    message('{M-1}', { text }),
    message('m-1', { text: 'edited' }, { kind: 'edited' }),
    message('b'),
  ];
  const drifted = stagedRow([message('M-1', { text: 'another' })], PROVENANCE, 2);
  const pages = [stagedRow(candidates), { ...drifted, lines: `1${drifted.lines.slice(1)}` }];
  const { path, root } = await segment([...candidates, message('M-1')], pages);
  const rows = await (await search()).find(path, 'messages', { messageId: messageId('m-1') });
  const archived = await archivedRecords(path);
  expect(rows?.leaves.map((leaf) => Buffer.from(leaf).toString('hex'))).toEqual(
    archived.map(({ hash }) => hash),
  );
  expect(rootOf(rows?.leaves ?? [])).toBe(root);
  const found = rows?.found ?? [];
  expect(found.map(({ fact, drift }) => `${fact.kind} ${drift}`).sort()).toEqual([
    'edited false',
    'sent false',
    'sent true',
  ]);
  for (const { row, fact, record, hash } of found) {
    const same = archived[row];
    if (same === undefined) throw new Error(`no row ${row}`);
    expect({ record, hash, kind: fact.kind, session: fact.session_id }).toEqual({
      record: same.record,
      hash: leafHash('messages', same).toString('hex'),
      kind: same.kind,
      session: 'session-1',
    });
  }
});

test('finds only the session and kind that are asked for', async () => {
  const { path } = await segment([message('m'), message('m', { text: 'e' }, { kind: 'edited' })]);
  const opened = await search();
  const kinds = async (wanted: { session?: string; kind?: string }) =>
    (await opened.find(path, 'messages', { messageId: messageId('m'), ...wanted }))?.found.map(
      ({ fact }) => fact.kind,
    );
  expect(await kinds({ kind: 'edited' })).toEqual(['edited']);
  expect((await kinds({ session: 'session-1' }))?.sort()).toEqual(['edited', 'sent']);
  expect(await kinds({ session: 'session-2' })).toBeUndefined();
  expect(await kinds({ kind: 'deleted' })).toBeUndefined();
  expect(await opened.find(path, 'messages', { messageId: messageId(`m' or '1'='1`) })).toBeUndefined();
});

test('keeps the order of rows over several row groups', async () => {
  const candidates = Array.from({ length: 2 * ROW_GROUP + 7 }, (_, index) => message(`m${index}`));
  const { path, root } = await segment(candidates);
  const opened = await search();
  const searches = ['m0', `m${ROW_GROUP}`, `m${2 * ROW_GROUP + 6}`].map((id) =>
    opened.find(path, 'messages', { messageId: messageId(id) }),
  );
  for (const rows of await Promise.all(searches)) {
    expect(rows?.leaves).toHaveLength(candidates.length);
    expect(rootOf(rows?.leaves ?? [])).toBe(root);
    const [{ row, hash } = { row: -1, hash: '' }] = rows?.found ?? [];
    expect(Buffer.from(rows?.leaves[row] ?? []).toString('hex')).toBe(hash);
  }
});
