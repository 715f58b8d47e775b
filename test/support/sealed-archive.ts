/** A small archive that is collected and sealed, with a message in it of which there is much to prove. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { startEmulator } from '../../emulator/server.ts';
import { openArchiver } from './archiver.ts';
import { writeConfig } from './command.ts';
import { writeCorpus } from './corpus.ts';
import { createSchema } from './postgres.ts';

/** A record as DuckDB alone shows it. */
export interface RecordRow {
  readonly stream: string;
  readonly kind: string;
  readonly session: string;
  /** Without braces, in lower case. */
  readonly messageId: string;
  /** Lower-case hex. */
  readonly hash: string;
  /** Of its segment. */
  readonly key: string;
}

export interface SealedArchive {
  readonly folder: string;
  /** Where the archive is. */
  readonly root: string;
  /** Of the archiver that wrote it. */
  readonly config: string;
  /** Of the streams `messages` and `reactions`. */
  readonly records: readonly RecordRow[];
  /** Key of a chat file's bytes. */
  readonly object: string;
  /** Records of one message: several versions, and reactions. */
  readonly subject: readonly [RecordRow, ...RecordRow[]];
  remove(): Promise<void>;
}

/** Made outside of a test, so that many share it; the caller removes it. */
export async function sealedArchive(): Promise<SealedArchive> {
  const folder = await mkdtemp(join(tmpdir(), 'sealed-archive-'));
  const schema = await createSchema();
  const file = join(folder, 'corpus.ndjson.gz');
  await writeCorpus(file, 2, 120);
  const emulator = await startEmulator({ limits: false, source: { kind: 'corpus', file } });
  const parts = { ledger: { url: schema.url }, streams: { files: { enabled: true } } };
  const archiver = await openArchiver(emulator, folder, parts);
  try {
    for (let pass = 0; pass < 3; pass += 1) {
      emulator.act(150);
      emulator.moveClock(20 * 60_000);
      await archiver.collect();
      await archiver.seal(true);
    }
  } finally {
    await archiver.close();
    await emulator.close();
    await schema.drop();
  }
  const records = await readRecords(archiver.root, 'messages');
  const reactions = await readRecords(archiver.root, 'reactions');
  const [object] = await query(
    archiver.root,
    'files',
    'select object_key from $files where object_key is not null',
  );
  const all = [...records, ...reactions];
  const versions = reactions
    .map(({ messageId }) => all.filter((row) => row.messageId === messageId))
    .sort((one, other) => other.length - one.length)[0];
  const [first, ...rest] = versions ?? [];
  if (first === undefined || rest.length < 2 || object === undefined) throw new Error('nothing to prove');
  return {
    folder,
    root: archiver.root,
    config: await writeConfig(folder, 'http://127.0.0.1:9', parts),
    records: all,
    object: String(object.object_key),
    subject: [first, ...rest],
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

async function readRecords(root: string, stream: string): Promise<RecordRow[]> {
  const rows = await query(
    root,
    stream,
    'select kind, session_id, message_id, lower(hex(record_hash)) as hash, filename from $files order by all',
  );
  return rows.map((row) => ({
    stream,
    kind: String(row.kind),
    session: String(row.session_id),
    messageId: String(row.message_id),
    hash: String(row.hash),
    key: String(row.filename).slice(root.length + 1),
  }));
}

async function query(root: string, stream: string, sql: string) {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  try {
    const files = `read_parquet('${root}/segments/stream=${stream}/**/*.parquet', filename = true, hive_partitioning = false)`;
    return (await connection.runAndReadAll(sql.replace('$files', files))).getRowObjectsJson();
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}
