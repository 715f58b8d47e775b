/** How fast auditors are answered, from an archive of BENCH_QUERY_REVISIONS revisions; by default a million. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { literal, openDuckDB } from '../src/duckdb.ts';
import { parseNoteKey } from '../src/proof/key.ts';
import { type IntactFiles, intactInPlace } from '../src/proof/local-files.ts';
import { OpenArchive } from '../src/query/archive.ts';
import { type AuditContext, WHOLE_ARCHIVE } from '../src/query/reader.ts';
import { REVISION_COLUMNS, revisionOf } from '../src/query/revision-row.ts';
import { type SearchInput, search } from '../src/query/search.ts';
import { createDirectorySink } from '../src/sinks/directory.ts';
import { PUBLIC_KEY } from '../test/support/log.ts';
import { RARE_WORD, writeQueryArchive } from './query-archive.ts';
import { markdown, mb, whole } from './table.ts';

const REVISIONS = Number(process.env.BENCH_QUERY_REVISIONS ?? 1_000_000);
const SEGMENTS = Number(process.env.BENCH_QUERY_SEGMENTS ?? Math.max(100, Math.round(REVISIONS / 10_000)));
/** Keeps the archive between runs. */
const FOLDER = process.env.BENCH_QUERY_FOLDER;
const ROUNDS = 5;

export async function query(): Promise<string> {
  const folder = FOLDER ?? mkdtempSync(join(tmpdir(), 'zoom-chat-archiver-bench-'));
  const root = join(folder, 'archive');
  try {
    if (!existsSync(join(root, 'log'))) await writeQueryArchive(root, REVISIONS, SEGMENTS);
    return await measure(root, join(folder, 'index'));
  } finally {
    if (FOLDER === undefined) rmSync(folder, { recursive: true, force: true });
  }
}

async function measure(root: string, index: string): Promise<string> {
  const sink = createDirectorySink({ root });
  const files = intactInPlace(root, sink);
  const open = (read: IntactFiles): Promise<OpenArchive> =>
    OpenArchive.open(sink, parseNoteKey(PUBLIC_KEY), read, { folder: index });
  rmSync(index, { recursive: true, force: true });
  const [archive, opening] = await timed(() => open(files));
  const [, indexing] = await timed(() => archive.known());
  const again = await open(files);
  const [, loading] = await timed(() => again.known());
  const trusting = await open({
    ...files,
    intact: async ({ key }) => join(root, key),
    unchanged: async () => undefined,
  });
  const day = archive.segments({}).at(Math.floor(archive.segments({}).length / 2))?.entry.date ?? '';
  const [first] = (await search(contextOf(archive), { from: day, to: day, limit: 1 })).hits;
  if (first === undefined) throw new Error('nothing was found');
  const { messageId, session, sender } = first.revision;
  const month = { from: `${day.slice(0, 7)}-01`, to: `${day.slice(0, 7)}-28` };

  const rows: (readonly string[])[] = [];
  const measureBoth = async (
    what: string,
    demand: string,
    asked: (of: OpenArchive) => Promise<unknown>,
    beside: () => Promise<unknown> = async () => undefined,
  ): Promise<readonly [asked: Cost, beside: Cost]> => {
    const [believed, verified, other] = await medians([
      () => asked(trusting),
      () => asked(archive),
      beside,
    ] as const);
    rows.push([what, demand, ...shown(verified), ...shown(believed)]);
    return [verified, other];
  };
  await measureBoth('one message by id', '< 100 ms', (of) => byId(of, messageId));
  await measureBoth("a session's day", '< 100 ms', (of) => sessionDay(of, session.id, day));
  const [rare, scan] = await measureBoth(
    'a rare word over everything',
    '< 2 s',
    (of) => ask(of, { text: RARE_WORD }),
    () => ownScan(root, RARE_WORD),
  );
  await measureBoth('first page, a month of one person', '< 300 ms', (of) =>
    ask(of, { person: sender.email, ...month }),
  );
  await measureBoth('a common word over everything', '', (of) => ask(of, { text: 'budget' }));
  await measureBoth('everything, first page', '', (of) => ask(of, {}));
  rows.push(['the rare word, DuckDB alone over the same files', '', ...shown(scan), '', '']);
  const times = `The search for the rare word took ${(rare.ms / scan.ms).toFixed(2)} times as long as DuckDB alone, and ${(rare.cpu / scan.cpu).toFixed(2)} times its CPU.`;

  const bytes = archive.segments({}).reduce((sum, { entry }) => sum + entry.bytes, 0);
  const head = `${whole(REVISIONS)} revisions in ${archive.segments({}).length} segments, ${mb(bytes)}. Opening the log took ${opening.toFixed(0)} ms, making the index ${(indexing / 1000).toFixed(1)} s (every segment hashed in it), reading it ${loading.toFixed(0)} ms.`;
  archive.close();
  again.close();
  trusting.close();
  const columns = ['warm, median of 5', 'demand', 'ms', 'CPU ms', 'ms without verifying', 'its CPU ms'];
  return `${head}\n\n${markdown(columns, rows)}\n\n${times}`;
}

function shown({ ms, cpu }: Cost): readonly [string, string] {
  return [ms.toFixed(0), cpu.toFixed(0)];
}

function contextOf(archive: OpenArchive): AuditContext {
  const reader = { name: 'bench', role: 'auditor', scope: WHOLE_ARCHIVE } as const;
  return { archive, reader, record: async () => undefined, signal: new AbortController().signal };
}

async function ask(archive: OpenArchive, input: SearchInput): Promise<void> {
  const { hits } = await search(contextOf(archive), input);
  if (hits.length === 0) throw new Error('nothing was found');
}

async function byId(archive: OpenArchive, messageId: string): Promise<void> {
  const entries = await archive.segmentsOfMessage(messageId);
  await readRows(archive, entries, 'message_id = $id', { id: messageId });
}

async function sessionDay(archive: OpenArchive, session: string, day: string): Promise<void> {
  const entries = await archive.segmentsOfSession(session, { from: day, to: day });
  await readRows(archive, entries, 'session_id = $session', { session });
}

async function readRows(
  archive: OpenArchive,
  entries: ReadonlySet<number>,
  where: string,
  values: Readonly<Record<string, string>>,
): Promise<void> {
  let found = 0;
  const sql = `select ${REVISION_COLUMNS} from messages where ${where}`;
  for await (const rows of archive.select({ streams: ['messages'], slice: {}, entries, sql, values }))
    for (const row of rows) if (revisionOf(row).messageId !== '') found += 1;
  if (found === 0) throw new Error('nothing was found');
}

/** What DuckDB takes for the same files when nobody verifies, sorts or counts. */
async function ownScan(root: string, word: string): Promise<void> {
  ownFiles ??= (await readdir(join(root, 'segments'), { recursive: true }))
    .filter((name) => name.endsWith('.parquet'))
    .map((name) => join(root, 'segments', name));
  const instance = await openDuckDB();
  const connection = await instance.connect();
  await connection.runAndReadAll(
    `select session_id, message_id, sent_at, text from read_parquet([${ownFiles.map(literal).join(', ')}], hive_partitioning = false)
     where contains(lower(text), ${literal(word)})`,
  );
  connection.closeSync();
  instance.closeSync();
}

let ownFiles: readonly string[] | undefined;

async function timed<T>(work: () => Promise<T>): Promise<readonly [T, number]> {
  const started = performance.now();
  const result = await work();
  return [result, performance.now() - started];
}

interface Cost {
  readonly ms: number;
  /** Milliseconds of all cores. */
  readonly cpu: number;
}

type Work = () => Promise<unknown>;

/** Medians, after a round that counts for nothing; in turns, so that what else runs here slows all of them alike. */
async function medians<Works extends readonly Work[]>(
  works: Works,
): Promise<{ readonly [Place in keyof Works]: Cost }> {
  const costs: Cost[][] = works.map(() => []);
  for (let round = 0; round <= ROUNDS; round += 1) {
    for (const [place, work] of works.entries()) {
      const before = process.cpuUsage();
      const [, ms] = await timed(work);
      const { user, system } = process.cpuUsage(before);
      if (round > 0) costs[place]?.push({ ms, cpu: (user + system) / 1000 });
    }
  }
  return costs.map(middleOf) as { readonly [Place in keyof Works]: Cost };
}

function middleOf(costs: readonly Cost[]): Cost {
  const middle = (of: (cost: Cost) => number): number =>
    costs.map(of).sort((one, other) => one - other)[Math.floor(ROUNDS / 2)] ?? 0;
  return { ms: middle(({ ms }) => ms), cpu: middle(({ cpu }) => cpu) };
}
