/** What somebody with write access to an archive may do to it, and which object a verifier has to blame. */
import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { appendFile, copyFile, mkdir, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { openCheckpoint, signCheckpoint } from '../../src/proof/checkpoint.ts';
import { generateSignerKey, noteKeyOf, parseSignerKey } from '../../src/proof/key.ts';
import { SIGNING_KEY } from '../support/log.ts';

export interface Blame {
  /** A check of `src/proof/verify/finding.ts`. */
  readonly check: string;
  readonly key: string;
}

export interface Tampering {
  readonly name: string;
  /** Each must be found. */
  readonly blames: readonly Blame[];
  apply(root: string): Promise<void>;
}

/** What of the archive can be tampered with. */
export interface Targets {
  readonly segments: readonly string[];
  readonly objects: readonly string[];
  /** Heads published on the way, the last one last. */
  readonly heads: readonly string[];
}

export function targetsOf(root: string, heads: readonly string[]): Targets {
  const files = readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
    .filter((path) => !path.startsWith('.'))
    .sort();
  return {
    segments: files.filter((path) => path.startsWith('segments/')),
    objects: files.filter((path) => path.startsWith('objects/')),
    heads,
  };
}

const CHECKPOINT = 'log/checkpoint';
const ENTRIES = 'log/tile/entries/000';
const LEAVES = 'log/tile/0/000';

/** A hundred of them and more. */
export function tamperings({ segments, objects, heads }: Targets): readonly Tampering[] {
  const [messages] = segments.filter((key) => key.includes('stream=messages'));
  const [coverage] = segments.filter((key) => key.includes('stream=coverage'));
  const [books] = segments.filter((key) => key.includes('class=books'));
  const large = objects.find((key) => key.includes(LARGE)) ?? '';
  const few = objects.filter((key) => key !== large).slice(0, 6);
  const some = segments.slice(0, 6);
  const list: Tampering[] = [];
  const add = (name: string, blames: readonly Blame[], apply: Tampering['apply']): void =>
    void list.push({ name, blames, apply });
  const blame = (check: string, key: string): Blame => ({ check, key });

  for (const [index, key] of some.entries()) {
    for (const part of [0.3, 0.7]) {
      add(`bit of segment ${index} flipped at ${part}`, [blame('object', key)], (root) =>
        flip(join(root, key), part),
      );
    }
    add(`segment ${index} removed`, [blame('object', key)], (root) => rm(join(root, key)));
    add(`segment ${index} cut short`, [blame('object', key)], (root) => shorten(join(root, key)));
    add(
      `record of segment ${index} changed, its hash not`,
      [blame('object', key), blame('record', `${key}#0`), blame('segment', key)],
      (root) =>
        rewrite(
          join(root, key),
          'select * replace (case when row = 0 then record || $$ $$ else record end as record)',
        ),
    );
    add(
      `hash beside a record of segment ${index} changed`,
      [blame('object', key), blame('record', `${key}#0`)],
      (root) =>
        rewrite(
          join(root, key),
          `select * replace (case when row = 0 then unhex(sha256('forged')) else record_hash end as record_hash)`,
        ),
    );
    add(`row of segment ${index} removed`, [blame('object', key), blame('segment', key)], (root) =>
      rewrite(join(root, key), 'select *', 'where row > 0'),
    );
    add(`row of segment ${index} doubled`, [blame('object', key), blame('segment', key)], (root) =>
      rewrite(join(root, key), 'select *', '', 'union all by name select * from source where row = 0'),
    );
  }
  if (messages !== undefined) {
    add('rows in another order', [blame('object', messages), blame('segment', messages)], (root) =>
      rewrite(join(root, messages), 'select *', 'order by row desc'),
    );
    add(
      'record changed, and its hash with it',
      [blame('object', messages), blame('segment', messages)],
      (root) =>
        rewrite(
          join(root, messages),
          `select * replace (record || ' ' as record, unhex(sha256('\\x00'::blob || encode('{"account":' || to_json(account)
            || ',"kind":' || to_json(kind) || ',"observed_at":' || epoch_ms(observed_at) || ',"session_id":'
            || to_json(session_id) || ',"stream":"messages"}' || chr(10) || record || ' '))) as record_hash)`,
        ),
    );
    add('rows of another account', [blame('object', messages), blame('segment', messages)], (root) =>
      rewrite(join(root, messages), `select * replace ('somebody-else' as account)`),
    );
    add(
      'kind changed from sent to deleted',
      [blame('object', messages), blame('record', `${messages}#0`)],
      (root) => rewrite(join(root, messages), `select * replace ('deleted' as kind)`),
    );
    add(
      'moment of observation changed',
      [blame('object', messages), blame('record', `${messages}#0`)],
      (root) =>
        rewrite(join(root, messages), `select * replace (observed_at + interval 1 hour as observed_at)`),
    );
    add('session changed', [blame('object', messages), blame('record', `${messages}#0`)], (root) =>
      rewrite(join(root, messages), `select * replace ('session-2' as session_id)`),
    );
  }
  const [one = '', other = ''] = segments;
  add('two segments swapped', [blame('object', one), blame('object', other)], (root) =>
    swap(root, one, other),
  );
  const [small = '', next = ''] = few;
  add('two objects swapped', [blame('object', small), blame('object', next)], (root) =>
    swap(root, small, next),
  );
  for (const [index, key] of few.entries()) {
    add(`object ${index} removed`, [blame('object', key)], (root) => rm(join(root, key)));
    add(`bit of object ${index} flipped`, [blame('object', key)], (root) => flip(join(root, key), 0.5));
    add(`object ${index} longer`, [blame('object', key)], (root) => appendTo(join(root, key), 'x'));
    add(`object ${index} emptied`, [blame('object', key)], (root) => overwrite(join(root, key), ''));
  }
  add('large object cut short', [blame('object', large)], (root) => shorten(join(root, large)));

  for (const key of [messages, coverage, books, few[0], few[1]].filter((found) => found !== undefined)) {
    const note = `.locks/${key}.jsonl`;
    add(`lock of ${place(key)} removed`, [blame('lock', key)], (root) => rm(join(root, note)));
    add(`lock of ${place(key)} shortened`, [blame('lock', key)], (root) =>
      edit(join(root, note), '2099-', '2030-'),
    );
  }
  if (books !== undefined) {
    add('lock weakened from compliance to governance', [blame('lock', books)], (root) =>
      edit(join(root, `.locks/${books}.jsonl`), 'compliance', 'governance'),
    );
  }

  for (const [name, from, to] of [
    ['account', 'account-1', 'account-2'],
    ['origin', '"archive.example.com/test"', '"archive.example.com/forged"'],
    ['created_at', '2026-', '2025-'],
    ['key', '+4b3aa6d8+', '+4b3aa6d9+'],
  ] as const) {
    add(`archive.json says another ${name}`, [blame('identity', 'archive.json')], (root) =>
      edit(join(root, 'archive.json'), from, to),
    );
  }
  add('archive.json removed', [blame('identity', 'archive.json')], (root) => rm(join(root, 'archive.json')));
  add('archive.json is no JSON', [blame('identity', 'archive.json')], (root) =>
    overwrite(join(root, 'archive.json'), 'hello'),
  );

  const size = lineOf(heads.at(-1), 1);
  const head = (name: string, apply: Tampering['apply'], check = 'checkpoint'): void =>
    add(`checkpoint: ${name}`, [blame(check, CHECKPOINT)], apply);
  head('size changed', (root) => edit(join(root, CHECKPOINT), `\n${size}\n`, `\n${Number(size) - 1}\n`));
  head('root changed', (root) =>
    edit(join(root, CHECKPOINT), `\n${lineOf(heads.at(-1), 2).slice(0, 4)}`, '\nAAAA'),
  );
  head('origin changed', (root) =>
    edit(join(root, CHECKPOINT), 'archive.example.com/test\n', 'archive.example.com/other\n'),
  );
  head('signature changed', (root) => flipSignature(join(root, CHECKPOINT)));
  head('signature removed', (root) => edit(join(root, CHECKPOINT), /\n\n[^\n]+\n$/, '\n\n'));
  head('emptied', (root) => overwrite(join(root, CHECKPOINT), ''));
  head('signed by another key of the same name', (root) => resign(join(root, CHECKPOINT)));
  head('extension added', (root) => edit(join(root, CHECKPOINT), '\n\n', '\nforged\n\n'));
  const [old] = heads.slice(-2);
  add(
    'checkpoint rolled back to an earlier one',
    objects.map((key) => blame('unlogged', key)),
    (root) => overwrite(join(root, CHECKPOINT), old ?? ''),
  );

  const partial = Number(size) - 256;
  for (const tile of [LEAVES, `log/tile/0/001.p/${partial}`, 'log/tile/1/000.p/1']) {
    add(`tile ${tile} has another hash`, [blame('log', tile)], (root) => flip(join(root, tile), 0.5));
    add(`tile ${tile} cut short`, [blame('log', tile)], (root) => truncateTo(join(root, tile), 31));
    add(`tile ${tile} removed`, [blame('log', tile)], (root) => rm(join(root, tile)));
  }
  for (const bundle of [ENTRIES, `log/tile/entries/001.p/${partial}`]) {
    add(`bundle ${bundle} cut short`, [blame('log', bundle)], (root) => shorten(join(root, bundle)));
    add(`bundle ${bundle} removed`, [blame('log', bundle)], (root) => rm(join(root, bundle)));
    add(`entry of ${bundle} dropped`, [blame('log', bundle)], (root) => dropEntry(join(root, bundle)));
    add(`entry added to ${bundle}`, [blame('log', bundle)], (root) =>
      appendTo(join(root, bundle), '\u0000\u0002{}'),
    );
  }
  // Well-formed all the same, so what does not fit is the tile and the head.
  add(
    'two entries swapped',
    [blame('log', LEAVES), blame('log', 'log/tile/1/000.p/1'), blame('log', CHECKPOINT)],
    (root) => swapEntries(join(root, ENTRIES)),
  );
  add(
    'entry says another number of records',
    [blame('log', LEAVES), blame('log', 'log/tile/1/000.p/1'), blame('log', CHECKPOINT)],
    (root) => edit(join(root, `log/tile/entries/000`), /"count":9/, '"count":8'),
  );

  for (const [index, key] of [messages, coverage].filter((found) => found !== undefined).entries()) {
    const forged = key.replace(/[0-9a-f]{64}/, createHash('sha256').update(String(index)).digest('hex'));
    add(`segment ${place(forged)} that the log does not name`, [blame('unlogged', forged)], (root) =>
      copyTo(root, key, forged),
    );
  }
  for (const text of ['one', 'two']) {
    const sha256 = createHash('sha256').update(text).digest('hex');
    const key = `objects/sha256/${sha256.slice(0, 2)}/${sha256}`;
    add(`object "${text}" that the log does not name`, [blame('unlogged', key)], async (root) => {
      await mkdir(dirname(join(root, key)), { recursive: true });
      await writeFile(join(root, key), text);
    });
  }
  return list;
}

/** The object of many bytes. */
const LARGE = createHash('sha256').update('file 0\n'.repeat(2000)).digest('hex');

function lineOf(text = '', line: number): string {
  return text.split('\n')[line] ?? '';
}

function place(key: string): string {
  return key.replace(/[0-9a-f]{56}(?=\.parquet$|$)/, '');
}

async function overwrite(path: string, bytes: string | Uint8Array): Promise<void> {
  // Files of an archive are read-only.
  await rm(path, { force: true });
  await writeFile(path, bytes);
}

async function flip(path: string, part: number): Promise<void> {
  const bytes = await readFile(path);
  const at = Math.floor(bytes.length * part);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  await overwrite(path, bytes);
}

async function shorten(path: string): Promise<void> {
  const bytes = await readFile(path);
  await overwrite(path, bytes.subarray(0, -3));
}

async function truncateTo(path: string, length: number): Promise<void> {
  await overwrite(path, await readFile(path));
  await truncate(path, length);
}

async function appendTo(path: string, text: string): Promise<void> {
  await overwrite(path, await readFile(path));
  await appendFile(path, text);
}

async function edit(path: string, from: string | RegExp, to: string): Promise<void> {
  // Byte for byte: bundles are no text.
  const text = (await readFile(path)).toString('latin1');
  const edited = text.replace(from, to);
  if (edited === text) throw new Error(`${path} has nothing to edit`);
  await overwrite(path, Buffer.from(edited, 'latin1'));
}

async function swap(root: string, one: string, other: string): Promise<void> {
  await rename(join(root, one), join(root, 'swapping'));
  await rename(join(root, other), join(root, one));
  await rename(join(root, 'swapping'), join(root, other));
}

async function copyTo(root: string, from: string, to: string): Promise<void> {
  await mkdir(dirname(join(root, to)), { recursive: true });
  await copyFile(join(root, from), join(root, to));
}

async function flipSignature(path: string): Promise<void> {
  const text = await readFile(path, 'utf8');
  const [body = '', signature = ''] = text.trimEnd().split(/ (?=[^ ]*$)/);
  const bytes = Buffer.from(signature, 'base64');
  bytes[20] = (bytes[20] ?? 0) ^ 1;
  await overwrite(path, `${body} ${bytes.toString('base64')}\n`);
}

async function resign(path: string): Promise<void> {
  const key = noteKeyOf(parseSignerKey(SIGNING_KEY));
  const { checkpoint } = openCheckpoint(await readFile(path), key, key.name);
  await overwrite(path, signCheckpoint(checkpoint, generateSignerKey(key.name)));
}

async function dropEntry(path: string): Promise<void> {
  const bytes = await readFile(path);
  await overwrite(path, bytes.subarray(2 + bytes.readUInt16BE(0)));
}

async function swapEntries(path: string): Promise<void> {
  const bytes = await readFile(path);
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = at + 2 + bytes.readUInt16BE(at);
    parts.push(bytes.subarray(at, end));
    at = end;
  }
  const [zero, one, two, ...rest] = parts;
  if (zero === undefined || one === undefined || two === undefined) throw new Error('too few entries');
  await overwrite(path, Buffer.concat([zero, two, one, ...rest]));
}

/** The segment written anew with the same metadata; `source` has its rows, and their numbers in `row`. */
async function rewrite(path: string, select: string, where = '', also = ''): Promise<void> {
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
  const connection = await instance.connect();
  const quoted = `'${path}'`;
  try {
    const pairs = await connection.runAndReadAll(
      `select decode(key), decode(value) from parquet_kv_metadata(${quoted})`,
    );
    const metadata = pairs.getRows().map(([name, value]) => `${String(name)}: '${String(value)}'`);
    await connection.run(
      `create table source as select *, file_row_number as row from read_parquet(${quoted}, file_row_number = true)`,
    );
    await connection.run(
      `copy (select * exclude (row, file_row_number) from (${select} from source ${where} ${also}))
       to '${path}.new' (format parquet, compression zstd, kv_metadata {${metadata.join(', ')}})`,
    );
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
  await rm(path);
  await rename(`${path}.new`, path);
}
