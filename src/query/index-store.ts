/**
 * The index of an archive, in parts that are made of verified segments, kept in a folder between runs:
 *
 *     <folder>/parts.json        which parts there are, of which segments, and the hashes of their files
 *     <folder>/<id>/*.parquet    a part; never written again
 *
 * It only says where to look; but what it does not say is not found, so a list counts only with its last line: a hash of
 * it under the secret of whoever made it. All of it can be deleted at any time; what is missing, of other bytes than
 * `parts.json` says, or of segments that are not in the log any more, is made anew. Several processes may use it: each adds parts of
 * its own, and the last list that is written counts.
 */
import { createHmac, randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type DuckDBConnection, listValue } from '@duckdb/node-api';
import { z } from 'zod';
import { literal } from '../duckdb.ts';
import type { SegmentEntry } from '../proof/entry.ts';
import { ifThere } from '../proof/local-files.ts';
import type { PlacedEntry } from '../proof/published.ts';
import { digestOfFile } from '../proof/stamps.ts';
import { INDEX_FORM, INDEX_TABLE_NAMES, type IndexTable, noRows, partFile, writePart } from './index-part.ts';
import type { ViewedSegment } from './views.ts';

type Segment = PlacedEntry<SegmentEntry>;

const partForm = z.strictObject({
  id: z.uuid(),
  /** Place in the log and SHA-256 of each segment. */
  segments: z.array(z.tuple([z.int(), z.string()])),
  /** SHA-256 of each file, by table. */
  files: z.record(z.string(), z.string()),
});
type Part = z.infer<typeof partForm>;
const listForm = z.strictObject({ form: z.string(), parts: z.array(partForm) });

/** Segments of one part: what is made of them must fit into memory. */
const MOST_SEGMENTS = 512;
/** More parts than this are put together: each costs time with every question. */
const MOST_PARTS = 12;
/** The largest stay as they are when the others are put together. */
const KEPT_PARTS = 6;
/** A part that no list names may be in use by somebody who read an older list. */
const STALE_MS = 3_600_000;

export interface IndexMaking {
  /** Made where it is missing. */
  readonly folder: string;
  /** In memory, or on which it works. */
  readonly connection: DuckDBConnection;
  /** What the program and its engine are: other versions may fold and hash otherwise. */
  readonly form: string;
  /** Under which the list stands; empty where there is none, and then anybody who may write there can make a list. */
  readonly secret: Uint8Array;
  /** Every segment of the log that has something to tell. */
  readonly segments: readonly Segment[];
  /** Their files, each compared with its entry; and again once they were read. */
  readonly bring: (segments: readonly Segment[]) => Promise<readonly ViewedSegment[]>;
  readonly unchanged: (segments: readonly Segment[]) => Promise<void>;
}

export interface OpenedIndex {
  /** SQL of each table, over all parts. */
  readonly tables: Readonly<Record<IndexTable, string>>;
  /** Whether its files are those that they were. */
  intact(): Promise<boolean>;
}

/** Makes what is missing. */
export async function openIndex(making: IndexMaking): Promise<OpenedIndex> {
  const { folder, segments, secret } = making;
  const form = `${INDEX_FORM} ${making.form} unicode ${process.versions.unicode ?? ''}`;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const before = await readParts(folder, form, secret);
  const wanted = new Map(segments.map(({ index, entry }) => [index, entry.sha256]));
  const isWanted = ([index, sha256]: Part['segments'][number]): boolean => wanted.get(index) === sha256;
  const parts: Part[] = [];
  const dropped: Part[] = [];
  for (const part of before) {
    const own = part.segments.filter(isWanted);
    if (own.length < part.segments.length) dropped.push(part);
    if (own.length === 0 || !(await isIntact(folder, part))) continue;
    // A part that tells of something that was destroyed is written anew without it.
    parts.push(own.length === part.segments.length ? part : await together(making, [part], own));
  }
  const covered = new Set(parts.flatMap((part) => part.segments.map(([index]) => index)));
  const missing = segments.filter(({ index }) => !covered.has(index));
  for (let from = 0; from < missing.length; from += MOST_SEGMENTS)
    parts.push(await makePart(making, missing.slice(from, from + MOST_SEGMENTS)));
  if (parts.length > MOST_PARTS) {
    parts.sort((one, other) => other.segments.length - one.segments.length);
    const small = parts.splice(KEPT_PARTS);
    parts.push(
      await together(
        making,
        small,
        small.flatMap((part) => part.segments),
      ),
    );
  }
  if (parts.length !== before.length || parts.some((part, place) => part.id !== before[place]?.id)) {
    await writeParts(folder, form, parts, secret);
    for (const { id } of dropped) await rm(join(folder, id), { recursive: true, force: true });
    await removeStale(folder, new Set(parts.map(({ id }) => id)));
  }
  return {
    tables: tablesOf(folder, parts),
    intact: async () => (await Promise.all(parts.map((part) => isIntact(folder, part)))).every(Boolean),
  };
}

function tablesOf(folder: string, parts: readonly Part[]): Readonly<Record<IndexTable, string>> {
  const table = (name: IndexTable): string => {
    const files = parts.map(({ id }) => literal(partFile(join(folder, id), name)));
    return files.length === 0
      ? `(${noRows(name)})`
      : `read_parquet([${files.join(', ')}], hive_partitioning = false)`;
  };
  return Object.fromEntries(INDEX_TABLE_NAMES.map((name) => [name, table(name)])) as Record<
    IndexTable,
    string
  >;
}

async function makePart(making: IndexMaking, segments: readonly Segment[]): Promise<Part> {
  const viewed = await making.bring(segments);
  return finished(
    making.folder,
    segments.map(({ index, entry }): [number, string] => [index, entry.sha256]),
    async (at) => {
      try {
        await writePart(making.connection, at, viewed);
      } finally {
        await making.unchanged(segments);
      }
    },
  );
}

/** Parts as one, of these of their segments. */
async function together(
  { folder, connection }: IndexMaking,
  parts: readonly Part[],
  segments: Part['segments'],
): Promise<Part> {
  const tables = tablesOf(folder, parts);
  const entries = listValue(segments.map(([index]) => index));
  return finished(folder, segments, async (at) => {
    await mkdir(at, { recursive: true, mode: 0o700 });
    for (const name of INDEX_TABLE_NAMES) {
      const order = `order by ${name === 'ids' ? 'id, entry' : 'entry'}`;
      await connection.run(
        'create or replace temp table kept_entries as select unnest($entries)::integer as entry',
        {
          entries,
        },
      );
      await connection.run(
        `copy (select * from ${tables[name]} where entry in (select entry from kept_entries) ${order})
         to ${literal(partFile(at, name))} (format parquet, compression zstd)`,
      );
    }
    await connection.run('drop table kept_entries');
  });
}

async function finished(
  folder: string,
  segments: [number, string][],
  write: (at: string) => Promise<void>,
): Promise<Part> {
  const id = randomUUID();
  const at = join(folder, id);
  try {
    await write(at);
    const files: Record<string, string> = {};
    for (const name of INDEX_TABLE_NAMES) files[name] = (await digestOfFile(partFile(at, name))).sha256;
    return { id, segments, files };
  } catch (error) {
    await rm(at, { recursive: true, force: true });
    throw error;
  }
}

async function isIntact(folder: string, { id, files }: Part): Promise<boolean> {
  for (const name of INDEX_TABLE_NAMES) {
    const found = await ifThere(digestOfFile(partFile(join(folder, id), name)));
    if (found === undefined || found.sha256 !== files[name]) return false;
  }
  return true;
}

const LIST = 'parts.json';

function sumOf(json: string, secret: Uint8Array): string {
  return createHmac('sha256', secret).update(json).digest('hex');
}

/** None where there is no list, or not one of this form and secret. */
async function readParts(folder: string, form: string, secret: Uint8Array): Promise<readonly Part[]> {
  const text = (await ifThere(readFile(join(folder, LIST), 'utf8'))) ?? '';
  const [json = '', sum] = text.split('\n');
  if (sum !== sumOf(json, secret)) return [];
  const list = listForm.safeParse(JSON.parse(json));
  return list.success && list.data.form === form ? list.data.parts : [];
}

async function writeParts(
  folder: string,
  form: string,
  parts: readonly Part[],
  secret: Uint8Array,
): Promise<void> {
  const json = JSON.stringify({ form, parts });
  const incoming = join(folder, `${LIST}.${randomUUID()}`);
  await writeFile(incoming, `${json}\n${sumOf(json, secret)}\n`, { mode: 0o600 });
  await rename(incoming, join(folder, LIST));
}

/** What was destroyed in the archive is in no part that is listed, and the others go. */
async function removeStale(folder: string, listed: ReadonlySet<string>): Promise<void> {
  for (const name of await readdir(folder)) {
    if (name === LIST || listed.has(name)) continue;
    const facts = await ifThere(stat(join(folder, name)));
    if (facts !== undefined && facts.mtimeMs < Date.now() - STALE_MS)
      await rm(join(folder, name), { recursive: true, force: true });
  }
}
