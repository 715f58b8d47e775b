import { createHash, createHmac } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { chmod, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { people } from '../../src/query/people.ts';
import { type SearchInput, search } from '../../src/query/search.ts';
import { withPlainDuckDB } from '../support/plain-duckdb.ts';
import { contextOf, type WrittenArchive, writtenArchive } from '../support/searched-archive.ts';
import { ABOUT, type ChatRow, chatRows, DAY, messageRecord } from './chat.ts';

const ROWS = chatRows(2);
const later = (row: ChatRow, days: number): ChatRow => ({
  ...row,
  messageId: `${row.messageId}-later`,
  sentAt: row.sentAt + days * DAY,
  actionAt: row.actionAt + days * DAY,
});

let written: WrittenArchive;
let index: string;
beforeEach(async () => {
  written = await writtenArchive([...ROWS.map(messageRecord), ...ABOUT]);
  index = join(written.root, '..', 'index');
  onTestFinished(() => written.remove());
});

async function count(question: SearchInput = {}): Promise<number> {
  const { total } = await search(contextOf(await written.open(index)), question);
  return total.revisions;
}

/** A segment of messages, and its file. */
function someSegment(nth = 0): { readonly key: string; readonly path: string } {
  const keys = written.entries.flatMap((entry) =>
    entry.type === 'segment' && entry.stream === 'messages' ? [entry.key] : [],
  );
  const key = keys.at(nth) ?? '';
  return { key, path: join(written.root, key) };
}

/** The file with one byte in its middle changed, and its length as before. */
async function alter(path: string): Promise<() => Promise<void>> {
  const before = await readFile(path);
  const bytes = Buffer.from(before);
  const middle = Math.floor(bytes.length / 2);
  bytes[middle] = (bytes[middle] ?? 0) ^ 0xff;
  await chmod(path, 0o600);
  await writeFile(path, bytes);
  return () => writeFile(path, before);
}

describe('a segment', () => {
  test('that is altered between two searches fails the second by its name', async () => {
    const archive = await written.open(index);
    await search(contextOf(archive), {});
    const { key, path } = someSegment();
    const mend = await alter(path);
    await expect(search(contextOf(archive), {})).rejects.toMatchObject({
      code: 'proof-invalid',
      message: expect.stringContaining(key),
    });
    await mend();
    expect((await search(contextOf(archive), {})).total.revisions).toBe(ROWS.length);
    await rm(path);
    await expect(search(contextOf(archive), {})).rejects.toMatchObject({
      code: 'proof-invalid',
      message: expect.stringContaining(key),
    });
  });

  test('that is altered between a search and a look at what was found fails that by its name', async () => {
    const archive = await written.open(index);
    const { hits } = await search(contextOf(archive), { text: 'letter' });
    const place = hits[0]?.revision.place;
    await alter(join(written.root, place?.segment ?? ''));
    const view = async (): Promise<void> => {
      const entries = new Set([place?.entry ?? -1]);
      const sql = 'select record from messages';
      for await (const _rows of archive.select({ streams: ['messages'], slice: {}, entries, sql }));
    };
    await expect(view()).rejects.toMatchObject({
      code: 'proof-invalid',
      message: expect.stringContaining(place?.segment ?? ''),
    });
  });

  test('that is altered while it is read fails the answer by its name', async () => {
    const archive = await written.open(index);
    const { key, path } = someSegment();
    const segments = archive.segments({ streams: ['messages'] });
    await expect(archive.within(segments, () => alter(path))).rejects.toMatchObject({
      code: 'proof-invalid',
      message: expect.stringContaining(key),
    });
  });

  test('that was altered before is in no index and no answer', async () => {
    const { key, path } = someSegment(-1);
    await alter(path);
    await expect(count()).rejects.toMatchObject({
      code: 'proof-invalid',
      message: expect.stringContaining(key),
    });
  });

  test('of which nothing is asked is not looked at', async () => {
    const archive = await written.open(index);
    await search(contextOf(archive), {});
    await alter(someSegment().path);
    const { total } = await search(contextOf(archive), { from: '2030-01-01' });
    expect(total.revisions).toBe(0);
  });
});

describe('pages', () => {
  test('stay in order and lose nothing while the archive grows', async () => {
    const old = [...ROWS].map(({ messageId, kind, actionAt }) => `${messageId} ${kind} ${actionAt}`);
    const found: string[] = [];
    let after: string | undefined;
    let grown = 0;
    do {
      const ctx = contextOf(await written.open(index));
      const page = await search(ctx, { limit: 40, ...(after === undefined ? {} : { after }) });
      for (const { revision } of page.hits)
        found.push(`${revision.messageId} ${revision.kind} ${Date.parse(revision.actionAt)}`);
      after = page.next ?? undefined;
      if (grown < 2) {
        grown += 1;
        // Some before what was shown, some behind it.
        const days = grown === 1 ? -9 : 9;
        await written.append(ROWS.slice(0, 20).map((row) => messageRecord(later(row, days))));
      }
    } while (after !== undefined);
    expect(found.filter((name) => old.includes(name)).sort()).toEqual(old.sort());
    expect(new Set(found).size).toBe(found.length);
    expect(found.length).toBe(old.length + 20);
    expect(await count()).toBe(ROWS.length + 40);
  });
});

describe('the index', () => {
  const parts = (): readonly string[] => {
    const [origin = ''] = readdirSync(index);
    return readdirSync(join(index, origin)).filter((name) => name !== 'parts.json');
  };
  const at = (...names: readonly string[]): string => join(index, readdirSync(index)[0] ?? '', ...names);

  test('is made once, and kept', async () => {
    await count();
    const [only, ...others] = parts();
    expect(others).toEqual([]);
    await count();
    expect(parts()).toEqual([only]);
  });

  test('that was deleted is made anew', async () => {
    const questions = [{ text: 'minutes' }, { person: 'Ann Small' }, { deleted: true }] as const;
    const before = await Promise.all(questions.map(count));
    await rm(index, { recursive: true });
    expect(await Promise.all(questions.map(count))).toEqual(before);
    await rm(at(parts()[0] ?? '', 'texts.parquet'));
    expect(await Promise.all(questions.map(count))).toEqual(before);
    expect(before.every((number) => number > 0)).toBe(true);
  });

  test.each(['places', 'people', 'ids', 'changed', 'outside', 'texts'])(
    'of which %s has other bytes is made anew',
    async (table) => {
      const before = await count({ text: 'minutes' });
      const [part = ''] = parts();
      await alter(at(part, `${table}.parquet`));
      expect(await count({ text: 'minutes' })).toBe(before);
      expect(parts()).not.toEqual([part]);
    },
  );

  test.each(['', '{}', 'no JSON\nnor a hash'])('whose list is %j is made anew', async (list) => {
    const before = await count({ text: 'minutes' });
    await writeFile(at('parts.json'), list);
    expect(await count({ text: 'minutes' })).toBe(before);
  });

  /** The index without what is told beside the column `text`, its list as somebody writes it who has this secret. */
  async function forge(secret: Uint8Array): Promise<void> {
    const [json = ''] = (await readFile(at('parts.json'), 'utf8')).split('\n');
    const list = JSON.parse(json);
    const texts = at(list.parts[0].id, 'texts.parquet');
    await withPlainDuckDB((duckdb) =>
      duckdb.run(`copy (from '${texts}' limit 0) to '${texts}.new' (format parquet)`),
    );
    await rename(`${texts}.new`, texts);
    list.parts[0].files.texts = createHash('sha256')
      .update(await readFile(texts))
      .digest('hex');
    const forged = JSON.stringify(list);
    const sum = createHmac('sha256', secret).update(forged).digest('hex');
    await writeFile(at('parts.json'), `${forged}\n${sum}\n`);
  }

  test('is believed only as whoever has the secret made it', async () => {
    const secret = Buffer.from('of this archive');
    const found = async (): Promise<number> => {
      const archive = await written.open(index, secret);
      return (await search(contextOf(archive), { text: 'minutes' })).total.revisions;
    };
    const before = await found();
    expect(before).toBeGreaterThan(0);
    for (const other of [new Uint8Array(), Buffer.from('of another')]) {
      await forge(other);
      expect(await found()).toBe(before);
    }
    // What the secret is for: its owner is believed.
    await forge(secret);
    expect(await found()).toBe(0);
  });

  test('whose files change while the archive is open hides nothing', async () => {
    const archive = await written.open(index, Buffer.from('of this archive'));
    const questions = [{ text: 'minutes' }, { person: 'Ann Small' }] as const;
    const found = async (): Promise<readonly number[]> => {
      const totals = [];
      for (const question of questions) totals.push((await search(contextOf(archive), question)).total);
      return totals.map(({ revisions }) => revisions);
    };
    const before = await found();
    expect(Math.min(...before)).toBeGreaterThan(0);
    await forge(new Uint8Array());
    expect(await found()).toEqual(before);
    const [part = ''] = parts();
    await rm(at(part), { recursive: true });
    expect(await found()).toEqual(before);
  });

  test('gets a part for what is new', async () => {
    await count();
    await written.append(ROWS.slice(0, 30).map((row) => messageRecord(later(row, 9))));
    expect(await count({ edited: true })).toBe(
      2 * ROWS.slice(0, 30).filter(isOfEdited(ROWS.slice(0, 30))).length + rest(ROWS),
    );
    expect(parts()).toHaveLength(2);
  });

  test('forgets what was destroyed', async () => {
    expect(await count({ text: 'minutes' })).toBeGreaterThan(0);
    const [before = ''] = parts();
    const disposals = written.entries.flatMap((entry) => {
      if (entry.type !== 'segment' || entry.stream !== 'messages') return [];
      const { at: when, key, version, sha256, bytes, class: className } = entry;
      return [
        {
          type: 'disposal',
          at: when,
          key,
          version,
          sha256,
          bytes,
          class: className,
          by: 'ann',
          approved_by: null,
          reason: 'over',
        } as const,
      ];
    });
    await written.append([], disposals);
    expect(await count({ text: 'minutes' })).toBe(0);
    expect(parts()).not.toContain(before);
    for (const part of parts())
      expect((await readFile(at(part, 'texts.parquet'))).includes('inutes')).toBe(false);
    expect((await people(contextOf(await written.open(index)), { text: 'ann small' })).people).toEqual([]);
  });

  test('is made by several at once', async () => {
    const archives = await Promise.all([written.open(index), written.open(index), written.open(index)]);
    const totals = await Promise.all(
      archives.map(async (archive) => (await search(contextOf(archive), { text: 'minutes' })).total),
    );
    expect(new Set(totals.map((total) => JSON.stringify(total))).size).toBe(1);
    expect(await count({ text: 'minutes' })).toBe(totals[0]?.revisions);
  });

  test('leads to every segment with a message', async () => {
    const archive = await written.open(index);
    const wanted = new Set<number>();
    const message = ROWS.find(({ kind }) => kind === 'edited')?.messageId ?? '';
    for (const [entry, { key }] of written.entries
      .map((one) => ('key' in one ? one : { key: '' }))
      .entries()) {
      if (!key.includes('stream=messages')) continue;
      const sql = `select 1 from messages where message_id = $message`;
      for await (const rows of archive.select({
        streams: ['messages'],
        slice: {},
        entries: new Set([entry]),
        sql,
        values: { message },
      }))
        if (rows.length > 0) wanted.add(entry);
    }
    expect(wanted.size).toBe(2);
    expect(await archive.segmentsOfMessage(message)).toEqual(wanted);
  });
});

/** Whether a row is of a message that was edited in these. */
function isOfEdited(rows: readonly ChatRow[]): (row: ChatRow) => boolean {
  const ids = new Set(rows.filter(({ kind }) => kind === 'edited').map(({ messageId }) => messageId));
  return ({ messageId }) => ids.has(messageId);
}

/** Rows of edited messages that were not written a second time. */
function rest(rows: readonly ChatRow[]): number {
  return rows.slice(30).filter(isOfEdited(rows)).length;
}
