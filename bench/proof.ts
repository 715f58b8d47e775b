/** (h) What the log costs when sealing, what verifying costs, and that publishing does not care for the log's length. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openPostgres } from '../src/ledger/database.ts';
import { acquireLease } from '../src/ledger/lease.ts';
import { notePublished } from '../src/ledger/log.ts';
import { migrate } from '../src/ledger/migrate.ts';
import { silentLog } from '../src/log.ts';
import { signCheckpoint } from '../src/proof/checkpoint.ts';
import { entryBytes } from '../src/proof/entry.ts';
import { EMPTY_FRONTIER, frontierBytes, frontierRoot, grow } from '../src/proof/frontier.ts';
import { parseSignerKey } from '../src/proof/key.ts';
import { entryHash } from '../src/proof/tree.ts';
import { CHECKPOINT_KEY } from '../src/segments/layout.ts';
import { publish, startLog } from '../src/segments/publish.ts';
import { createDirectorySink } from '../src/sinks/directory.ts';
import { PUBLIC_KEY, SIGNING_KEY } from '../test/support/log.ts';
import { startPostgres } from '../test/support/postgres-server.ts';
import { startRig } from './rig.ts';
import { markdown, mb, whole } from './table.ts';

const MESSAGES = Number(process.env.BENCH_PROOF_MESSAGES ?? 300_000);
const LENGTHS = [10, 1_000, 100_000, 1_000_000];
const ROUNDS = 5;

export async function proof(): Promise<string> {
  // Two sizes, because memory must not follow the archive's.
  const archives = [await measureArchive(MESSAGES / 4), await measureArchive(MESSAGES)];
  return [
    markdown(
      ['segments', 'records', 'seal', 'of it publishing the log', 'share'],
      archives.map(({ sealing }) => sealing),
    ),
    '',
    markdown(
      [
        'archive',
        'verify',
        'its CPU',
        'sha256sum and DuckDB side by side',
        'rate of verify to theirs',
        'peak RSS',
      ],
      archives.map(({ verifying }) => verifying),
    ),
    '',
    await publishing(),
  ].join('\n');
}

interface Measured {
  readonly sealing: readonly (string | number)[];
  readonly verifying: readonly (string | number)[];
}

async function measureArchive(messages: number): Promise<Measured> {
  const rig = await startRig({
    sessions: 100,
    messages,
    limits: false,
    zoom: 'share: 1\n  rates: { MEDIUM: 100000 }',
  });
  try {
    await rig.command(['collect', '--json']);
    const seal = await rig.command(['seal', '--all', '--json']);
    const { stages, segments, records } = seal.result as {
      stages: Record<string, number>;
      segments: number;
      records: number;
    };
    const archive = join(rig.folder, 'archive');
    const files = readdirSync(join(archive, 'segments'), { recursive: true })
      .map((name) => join(archive, 'segments', String(name)))
      .filter((path) => path.endsWith('.parquet'));
    const bytes = files.reduce((sum, path) => sum + statSync(path).size, 0);
    const verified: number[] = [];
    const baseline: number[] = [];
    const cpu: number[] = [];
    let rss = 0;
    for (let round = 0; round < ROUNDS; round += 1) {
      baseline.push(await readSideBySide(files, archive));
      const run = await rig.command(['verify', '--json', '--archive', archive, '--key', PUBLIC_KEY]);
      if (!(run.result as { ok: boolean }).ok) throw new Error('the archive does not verify');
      verified.push(run.seconds);
      cpu.push(run.cpuSeconds);
      rss = Math.max(rss, run.maxRss);
    }
    const [ours, theirs] = [median(verified), median(baseline)];
    const publish = stages.publish ?? 0;
    return {
      sealing: [
        segments,
        whole(records),
        `${seal.seconds.toFixed(1)} s`,
        `${publish.toFixed(2)} s`,
        `${((publish / seal.seconds) * 100).toFixed(1)}%`,
      ],
      verifying: [
        `${mb(bytes)} in ${files.length} files`,
        `${ours.toFixed(1)} s`,
        `${median(cpu).toFixed(1)} s`,
        `${theirs.toFixed(1)} s`,
        `${(median(verified.map((seconds, round) => (baseline[round] ?? 0) / seconds)) * 100).toFixed(0)}%`,
        mb(rss),
      ],
    };
  } finally {
    await rig.stop();
  }
}

/** Seconds until both have read all files: `sha256sum`, and DuckDB with every column. */
async function readSideBySide(files: readonly string[], archive: string): Promise<number> {
  const started = performance.now();
  const sums = spawn('xargs', ['-0', 'sha256sum'], { stdio: ['pipe', 'ignore', 'inherit'] });
  sums.stdin?.end(files.join('\0'));
  const scan = spawn(process.execPath, ['--import', 'tsx', join(import.meta.dirname, 'scan.ts'), archive], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  await Promise.all([once(sums, 'close'), once(scan, 'close')]);
  return (performance.now() - started) / 1000;
}

async function publishing(): Promise<string> {
  const postgres = await startPostgres();
  const folder = mkdtempSync(join(tmpdir(), 'zoom-chat-archiver-bench-'));
  const db = await openPostgres({ url: postgres.url, connections: 4, log: silentLog() });
  const signer = parseSignerKey(SIGNING_KEY);
  const signal = new AbortController().signal;
  const rows: (string | number)[][] = [];
  try {
    await migrate(db);
    for (const length of LENGTHS) {
      const account = `account-${length}`;
      const sink = createDirectorySink({ root: folder });
      await db.query('delete from log_entries');
      rmSync(join(folder, 'log'), { recursive: true, force: true });
      rmSync(join(folder, '.locks'), { recursive: true, force: true });
      await sink.check('none');
      const lease = await acquireLease(db, account, 'bench', 3_600_000);
      if (lease === undefined) throw new Error('no lease');
      const entry = (number: number): Buffer =>
        entryBytes({
          type: 'config',
          at: new Date(number).toISOString(),
          sha256: '0'.repeat(64),
          what: `entry ${number}`,
        });
      await startLog(db, account, {
        type: 'archive',
        at: new Date(0).toISOString(),
        format: 1,
        account,
        origin: signer.name,
        key: PUBLIC_KEY,
        created_at: new Date(0).toISOString(),
      });
      await db.query('delete from log_entries');
      // A log of this length, of which the ledger keeps the entries of the last bundle only, as after publishing it.
      const hashes = function* (): Generator<Uint8Array> {
        for (let number = 0; number < length; number += 1) yield entryHash(entry(number));
      };
      const { frontier } = grow(EMPTY_FRONTIER, hashes());
      await db.query('update log_heads set size = $2, frontier = $3 where account = $1', [
        account,
        length,
        frontierBytes(frontier),
      ]);
      for (let number = Math.floor(length / 256) * 256; number < length; number += 1) {
        await db.query('insert into log_entries (account, entry_index, entry) values ($1, $2, $3)', [
          account,
          number,
          entry(number).toString(),
        ]);
      }
      await notePublished(db, lease, { size: length, frontier: frontierBytes(frontier) }, 0);
      const head = { origin: signer.name, size: length, root: frontierRoot(frontier), extensions: [] };
      await sink.replace(CHECKPOINT_KEY, Buffer.from(signCheckpoint(head, signer)), null, 'text/plain');
      const times: number[] = [];
      for (let round = 0; round < 21; round += 1) {
        await db.query('insert into log_entries (account, entry) values ($1, $2)', [
          account,
          entry(length + round).toString(),
        ]);
        const started = performance.now();
        await publish({ db, lease, sink, signer, logLock: () => null, interrupt: signal, log: silentLog() });
        times.push(performance.now() - started);
      }
      rows.push([whole(length), `${median(times).toFixed(1)} ms`]);
    }
  } finally {
    await db.close();
    await postgres.stop();
    rmSync(folder, { recursive: true, force: true });
  }
  return markdown(['entries in the log', 'publish one more, median of 21'], rows);
}

function median(values: readonly number[]): number {
  return [...values].sort((one, other) => one - other)[Math.floor(values.length / 2)] ?? 0;
}
