/** Every format is read by a reader of others, and holds exactly what a reader of Parquet of others finds in the archive. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { parse } from 'csv-parse/sync';
import PostalMime from 'postal-mime';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ArchiverError } from '../../src/errors.ts';
import { type ExportInput, exportSlice, FORMATS } from '../../src/export/export.ts';
import { verifyExport } from '../../src/export/verify-export.ts';
import { parseNoteKey } from '../../src/proof/key.ts';
import type { OpenArchive } from '../../src/query/archive.ts';
import { PUBLIC_KEY } from '../support/log.ts';
import { contextOf, type WrittenArchive } from '../support/searched-archive.ts';
import {
  CHANNEL,
  DIRECT,
  exported,
  FILE_BYTES,
  HOSTILE,
  hostileArchive,
  removeTemporary,
  sorted,
  type TrueRevision,
  temporary,
  trueRevisions,
  unzipped,
  unzippedBytes,
  wellFormed,
} from './slices.ts';

let archive: WrittenArchive;
let open: OpenArchive;
let truth: readonly TrueRevision[];
let all: ReadonlyMap<string, Buffer>;
let path: string;
beforeAll(async () => {
  archive = await hostileArchive();
  open = await archive.open();
  truth = await trueRevisions(archive.root);
});
afterAll(async () => {
  await archive.remove();
  await removeTemporary();
});

const hashes = (list: readonly { readonly hash: string }[]): readonly string[] =>
  sorted(list).map(({ hash }) => hash);
const under = (folder: string, files = all): readonly (readonly [string, Buffer])[] =>
  [...files].filter(([name]) => name.startsWith(folder));

describe('an export in all formats', () => {
  test('is written, and holds', async () => {
    const ctx = contextOf(open);
    const made = await exported(ctx, { formats: [...FORMATS], zone: 'Europe/Amsterdam' });
    path = made.path;
    all = await unzipped(path);
    const bytes = await readFile(path);
    expect(made.summary).toMatchObject({
      revisions: truth.length,
      messages: HOSTILE.length,
      conversations: 2,
      files: 1,
      bytes: bytes.length,
      sha256: createHash('sha256').update(bytes).digest('hex'),
    });
    expect(ctx.recorded).toMatchObject([{ action: 'export', input: { reason: 'a test', proofs: true } }]);
    const verdict = await verifyExport(path, { key: parseNoteKey(PUBLIC_KEY), signal: ctx.signal });
    expect(verdict.findings).toEqual([]);
    expect(verdict.warnings).toEqual([]);
    expect(verdict).toMatchObject({ holds: true, trusted: true, proofs: truth.length });
  });

  test('has names that every file system takes, and a manifest with the hash of every file', () => {
    for (const name of all.keys()) expect(name).toMatch(/^[A-Za-z0-9_./-]{1,200}$/);
    const manifest = JSON.parse(all.get('manifest.json')?.toString() ?? '');
    const stated = manifest.members.map((one: { path: string; bytes: number; sha256: string }) => [
      one.path,
      one.sha256,
      one.bytes,
    ]);
    const found = [...all]
      .filter(([name]) => name !== 'manifest.json')
      .map(([name, bytes]) => [name, createHash('sha256').update(bytes).digest('hex'), bytes.length]);
    expect(stated.sort()).toEqual(found.sort());
    expect(manifest.made).toMatchObject({
      by: 'ann@example.com',
      reason: 'a test',
      at: '2026-11-20T12:00:00.000Z',
    });
    expect(manifest.question).toMatchObject({ zone: 'Europe/Amsterdam', of: { kind: 'search' } });
    const sums = all.get('SHA256SUMS')?.toString().trim().split('\n') ?? [];
    expect(sums.length).toBe(all.size - 2);
  });

  test('NDJSON: the records, byte for byte', () => {
    const lines = all.get('ndjson/revisions.ndjson')?.toString().trimEnd().split('\n') ?? [];
    const found = lines.map((line) => {
      const { hash, record, kind, session, message_id: messageId } = JSON.parse(line);
      expect(line.endsWith(`,"record":${truth.find((one) => one.hash === hash)?.record}}`)).toBe(true);
      return { session: session.id, messageId, kind, text: record.message, hash };
    });
    expect(sorted(found)).toEqual(truth.map(({ record: _record, ...one }) => one));
  });

  test('CSV: every text, and no formula', () => {
    const rows: Record<string, string>[] = parse(all.get('csv/revisions.csv') ?? '', {
      bom: true,
      columns: true,
    });
    const found = rows.map(
      ({ session_id: session, message_id: messageId, kind, text = '', record_hash: hash = '' }) => {
        for (const cell of [text, session ?? '']) expect(cell).not.toMatch(/^[\s]*[=+\-@＝＋－＠\t]/);
        return { session, messageId, kind, text: text.replace(/^'(?=[\s]*[=+\-@＝\t])/, ''), hash };
      },
    );
    const told = truth.map(({ record: _record, text, ...one }) => ({
      ...one,
      text: wellFormed(text).replaceAll('\0', '\ufffd'),
    }));
    expect(sorted(found)).toEqual(told);
    for (const row of rows) for (const cell of Object.values(row)) expect(cell).not.toMatch(/^[=+@-]/);
  });

  test('RSMF: a mail with a ZIP, every version in an event', async () => {
    const found: { hash: string; kind: string; messageId: string }[] = [];
    const bodies = new Map<string, string>();
    for (const [name, bytes] of under('rsmf/')) {
      expect(bytes.toString('latin1')).toMatch(/^X-RSMF-Version: 2\.0\.0\r\n/);
      const mail = await PostalMime.parse(bytes);
      expect(mail.attachments.map(({ filename, disposition }) => [filename, disposition])).toEqual([
        ['rsmf.zip', 'attachment'],
      ]);
      const inner = await unzippedBytes(Buffer.from(mail.attachments[0]?.content as ArrayBuffer));
      const manifest = JSON.parse(inner.get('rsmf_manifest.json')?.toString() ?? '');
      expect(name).toContain(manifest.events[0].timestamp.slice(0, 7));
      for (const event of manifest.events) {
        bodies.set(event.id, event.body);
        for (const { id } of event.attachments ?? []) expect([...inner.keys()]).toContain(id);
        for (const { name: label, value } of event.custom ?? [])
          if (label.startsWith('record.'))
            found.push({ hash: value, kind: label.slice(7), messageId: event.id });
      }
    }
    expect(sorted(found)).toEqual(truth.map(({ hash, kind, messageId }) => ({ hash, kind, messageId })));
    for (const [index, text] of HOSTILE.entries())
      if (index > 2 && ![6, 10].includes(index)) expect(bodies.get(`m-${index}/../..`)).toBe(text);
    expect(bodies.get('m-0/../..')).toBe('a day later =1');
    expect(bodies.get('m-1/../..')).toBe('');
  });

  test('EML: a mail a message, no header but ours, files beside it', async () => {
    const found: { hash: string }[] = [];
    for (const [, bytes] of under('eml/')) {
      const mail = await PostalMime.parse(bytes);
      const own = mail.headers
        .filter(({ key }) => key === 'x-zoom-record')
        .map(({ value }) => value.split(' ')[0] ?? '');
      found.push(...own.map((hash) => ({ hash })));
      expect(mail.headers.map(({ key }) => key)).not.toContain('bcc');
      const said = truth.findLast(({ hash, text }) => own.includes(hash) && text !== '');
      if (said !== undefined && own.length === 1)
        expect(mail.text?.replaceAll('\r\n', '\n')).toContain(
          wellFormed(said.text).replaceAll('\r\n', '\n').trim(),
        );
      if (said?.text.startsWith('<script>')) {
        expect(mail.attachments.map(({ content }) => Buffer.from(content as ArrayBuffer))[0]).toEqual(
          FILE_BYTES,
        );
        expect(mail.attachments.map(({ filename }) => filename)[1]).toMatch(/UNAVAILABLE\.txt$/);
        for (const { filename } of mail.attachments) expect(filename).not.toMatch(/[/\\\u202e]/);
      }
    }
    expect(hashes(found)).toEqual(hashes(truth));
    expect(under('eml/').length).toBe(HOSTILE.length);
  });

  test('HTML: every version, and nothing that could act', () => {
    const found: { hash: string }[] = [];
    for (const [name, bytes] of under('html/')) {
      const page = bytes.toString();
      expect(page).toContain(`Content-Security-Policy" content="default-src 'none'`);
      const style = /<style>([^<]*)<\/style>/.exec(page)?.[1] ?? '';
      expect(page).toContain(`'sha256-${createHash('sha256').update(style).digest('base64')}'`);
      const tags = new Set([...page.matchAll(/<([a-z!][a-z0-9]*)/gi)].map(([, tag]) => tag?.toLowerCase()));
      for (const tag of ['script', 'img', 'svg', 'iframe', 'i', 'b', 'form', 'link'])
        expect([...tags], name).not.toContain(tag);
      expect(page).not.toMatch(/<[^>]*\son[a-z]+=/i);
      expect(page).not.toMatch(/[\u0000-\u0008\u000b\u000c\u000e-\u001f]/);
      for (const [, hash = ''] of page.matchAll(/<div class="version" data-record="([^"]*)"/g))
        found.push({ hash });
    }
    expect(hashes(found)).toEqual(hashes(truth));
  });

  test('Concordance: numbers without gaps, a text for each message', () => {
    const text = all.get('dat/loadfile.dat')?.toString() ?? '';
    const lines = text
      .replace(/^\ufeff/, '')
      .split('\r\n')
      .filter((line) => line !== '');
    const [head = [], ...rows] = lines.map((line) =>
      line.split('\u0014').map((field) => /^þ([^þ]*)þ$/.exec(field)?.[1] ?? 'broken'),
    );
    const documents = rows.map((row) =>
      Object.fromEntries(head.map((name, index) => [name, row[index] ?? 'missing'])),
    );
    expect(documents.map(({ BEGDOC }) => BEGDOC)).toEqual(
      rows.map((_row, index) => `ZCA${String(index + 1).padStart(8, '0')}`),
    );
    const messages = documents.filter(({ DOCTYPE }) => DOCTYPE === 'message');
    const found = messages.flatMap(({ RECORDHASH = '' }) => RECORDHASH.split(';').map((hash) => ({ hash })));
    expect(hashes(found)).toEqual(hashes(truth));
    for (const { TEXTPATH = '', RECORDHASH } of messages) {
      const own = all.get(`dat/${TEXTPATH}`)?.toString() ?? '';
      const said = truth.find(({ hash }) => hash === RECORDHASH)?.text;
      if (said !== undefined) expect(own).toContain(wellFormed(said));
    }
    const file = documents.find(({ NATIVEPATH = '' }) => NATIVEPATH !== '');
    expect(all.get(file?.NATIVEPATH?.replace('../', '') ?? '')).toEqual(FILE_BYTES);
    expect(file?.BEGATTACH).not.toBe(file?.BEGDOC);
  });
});

describe('the same slice', () => {
  test('is the same bytes, and who asks when changes the manifest alone', async () => {
    const input = { formats: [...FORMATS] };
    const [one, again, other] = [
      await exported(contextOf(open), input),
      await exported(contextOf(open), input),
      await exported(contextOf(open, { name: 'bob' }), { ...input, reason: 'another' }, 1e12),
    ];
    expect(again.summary).toEqual(one.summary);
    const [a, b] = [await unzipped(one.path), await unzipped(other.path)];
    expect(
      [...a].filter(([name, bytes]) => b.get(name)?.equals(bytes) !== true).map(([name]) => name),
    ).toEqual(['manifest.json']);
  });

  test('is what was asked for: a conversation, a person, a day of a zone, hits of a search', async () => {
    const count = async (input: Parameters<typeof exported>[1]): Promise<number> =>
      (await exported(contextOf(open), { formats: ['ndjson'], proofs: false, ...input })).summary.revisions;
    const direct = truth.filter(({ session }) => session === DIRECT.id).length;
    expect(await count({ of: { kind: 'conversations', sessions: [DIRECT.id] } })).toBe(direct);
    expect(await count({ of: { kind: 'custodians', custodians: ['ANN@example.com'] } })).toBe(
      truth.length - direct,
    );
    expect(await count({ of: { kind: 'search', query: { text: 'other words', match: 'phrase' } } })).toBe(2);
    expect(await count({ of: { kind: 'search', query: { deleted: true } } })).toBe(4);
    const midnight = Date.parse('2026-05-04T22:00:00Z');
    const early = truth.filter(({ record }) => JSON.parse(record).timestamp < midnight).length;
    const day = { from: '2026-05-04', to: '2026-05-04' };
    expect(
      await count({
        zone: 'Europe/Amsterdam',
        of: { kind: 'conversations', sessions: [CHANNEL.id, DIRECT.id], ...day },
      }),
    ).toBe(early);
    expect(await count({ of: { kind: 'conversations', sessions: ['nobody'] } })).toBe(0);
  });

  test('is no more than the reader may see', async () => {
    const scope = { matters: [], custodians: [], channels: ['c1'], from: null, to: null };
    const made = await exported(contextOf(open, { scope }), { formats: ['csv', 'ndjson'] });
    const lines = (await unzipped(made.path)).get('ndjson/revisions.ndjson')?.toString() ?? '';
    expect(made.summary.conversations).toBe(1);
    expect(lines).not.toContain(DIRECT.id);
  });
});

/** The archive, but for what stands in place of one of its methods. */
function replacing<Name extends 'select' | 'index'>(
  of: OpenArchive,
  method: Name,
  instead: OpenArchive[Name],
): OpenArchive {
  return new Proxy(of, {
    get(target, name) {
      if (name === method) return instead;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

/** The archive, but the rows that are rendered are not all, or not those that are counted. */
function unfaithful(
  of: OpenArchive,
  change: (rows: readonly (readonly unknown[])[]) => readonly (readonly unknown[])[],
): OpenArchive {
  return replacing(of, 'select', async function* (selection) {
    for await (const rows of of.select(selection))
      yield selection.sql.includes('order by _day') ? change(rows) : rows;
  });
}

describe('refused', () => {
  const refusal = async (
    ctx: ReturnType<typeof contextOf>,
    more: { readonly input?: object; readonly out?: Writable } = {},
  ) => {
    const folder = await temporary();
    let written = 0;
    const out =
      more.out ??
      new Writable({
        write(chunk: Buffer, _encoding, done) {
          written += chunk.length;
          done();
        },
      });
    const input = {
      of: { kind: 'search', query: {} },
      formats: ['rsmf'],
      reason: 'x',
      ...more.input,
    } as const;
    const error = await exportSlice(ctx, input as unknown as ExportInput, {
      out,
      spool: join(folder, 'spool'),
      now: () => 0,
    }).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(out.destroyed).toBe(true);
    return { error, written };
  };

  test('where the role does not allow it, or it cannot be recorded: and then nothing is written', async () => {
    const admin = contextOf(open, { role: 'admin' });
    expect(await refusal(admin)).toMatchObject({ error: { code: 'access-denied' }, written: 0 });
    expect(admin.recorded).toEqual([]);
    const record = async (): Promise<void> => {
      throw new ArchiverError('access-unrecorded', 'no');
    };
    expect(await refusal({ ...contextOf(open), record })).toMatchObject({
      error: { code: 'access-unrecorded' },
      written: 0,
    });
  });

  test('for a question that is none', async () => {
    expect(await refusal(contextOf(open), { input: { zone: 'Mars/Base' } })).toMatchObject({
      error: { code: 'usage' },
    });
    expect(await refusal(contextOf(open), { input: { reason: '' } })).toMatchObject({
      error: { code: 'usage' },
    });
    expect(
      await refusal(contextOf(open), { input: { of: { kind: 'matter', matter: 'no such' } } }),
    ).toMatchObject({ error: { code: 'record-not-found' } });
  });

  test('where what was rendered is not what is archived: a version missing, twice, or changed', async () => {
    const changed = (rows: readonly (readonly unknown[])[]) =>
      rows.map((row) =>
        row.map((cell) => (typeof cell === 'string' ? cell.replace('plain words', 'other words') : cell)),
      );
    for (const change of [
      (rows: readonly (readonly unknown[])[]) => rows.slice(1),
      (rows: readonly (readonly unknown[])[]) => [...rows.slice(0, 1), ...rows],
      changed,
    ])
      expect(
        await refusal(contextOf(unfaithful(open, change)), { input: { formats: ['ndjson'] } }),
      ).toMatchObject({ error: { code: 'export-differs' }, written: 0 });
  });

  test('where the index does not know of a segment that has some of it', async () => {
    const forgetful = replacing(open, 'index', async (sql, values) =>
      (await open.index(sql, values)).slice(sql.startsWith('select distinct entry') ? 1 : 0),
    );
    const input = { of: { kind: 'conversations', sessions: [CHANNEL.id, DIRECT.id] }, formats: ['ndjson'] };
    expect(await refusal(contextOf(forgetful), { input })).toMatchObject({
      error: { code: 'export-differs' },
      written: 0,
    });
  });

  test('when it is stopped, and when nobody takes it or the disk is full', async () => {
    expect(await refusal({ ...contextOf(open), signal: AbortSignal.abort() })).toMatchObject({
      error: { code: 'interrupted' },
    });
    const gone = new Writable({ write: (_chunk, _encoding, done) => done() });
    gone.destroy();
    expect(await refusal(contextOf(open), { out: gone })).toMatchObject({ error: { code: 'interrupted' } });
    const full = new Writable({
      write: (_chunk, _encoding, done) => done(Object.assign(new Error('full'), { code: 'ENOSPC' })),
    });
    expect(await refusal(contextOf(open), { out: full })).toMatchObject({ error: { code: 'spool-full' } });
  });
});
