import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { DuckDBInstance } from '@duckdb/node-api';
import { describe, expect, test } from 'vitest';
import { ArchiverError } from '../../src/errors.ts';
import type { Lease } from '../../src/ledger/lease.ts';
import { scopeTag } from '../../src/record.ts';
import type { SealEvents } from '../../src/segments/seal.ts';
import type { PutRequest, Sink } from '../../src/sinks/sink.ts';
import { type Ledger, leaseOf, NOW, openLedger, POSTGRES } from '../ledger/ledgers.ts';
import { KINDS } from '../sinks/places.ts';
import { folder } from './building.ts';
import {
  type Admitted,
  boundSink,
  DIRECTORY,
  type FaultySink,
  fillLedger,
  LOCK,
  openRealS3,
  SINKS,
  sealAll,
  sha256,
  verifyArchive,
} from './sealing.ts';

interface Ready extends Ledger {
  readonly target: FaultySink;
  readonly sink: Sink;
  readonly spool: string;
  readonly admitted: Admitted;
}

async function ready(kind = DIRECTORY): Promise<Ready> {
  const ledger = await openLedger(POSTGRES);
  const admitted = await fillLedger(ledger);
  const target = await kind.open();
  return { ...ledger, target, sink: target.sink, spool: await folder(), admitted };
}

function eventsWith(sealed: SealEvents['sealed']): SealEvents {
  return { planned() {}, step() {}, sealed, published() {} };
}

describe.each(SINKS)('sealing into $name', (kind) => {
  test('archives all that was admitted, once, and then finds nothing to do', async () => {
    const { target, admitted, place, ...run } = await ready(kind);
    const summary = await sealAll(run);
    expect(summary.records).toBe(admitted.records.length);
    expect(summary.segments).toBeGreaterThan(6);
    await verifyArchive(place, target, admitted);
    expect(await sealAll(run)).toEqual({ segments: 0, records: 0, bytes: 0 });
  });

  test('the ledger knows the lock that was put, where the planned one was over by then', async () => {
    const { target, ...run } = await ready(kind);
    const past = new Date(NOW - 1000);
    // Stores go by a clock of their own.
    const now = (): number => Math.ceil(Date.now() / 1000) * 1000;
    await sealAll(run, { now, lockFor: () => ({ mode: 'governance', retainUntil: past }) });
    const rows = await run.db.query<{ key: string; version: string; retain_until: Date }>(
      'select key, version, retain_until from segments',
    );
    expect(rows.length).toBeGreaterThan(1);
    for (const { key, version, retain_until: retainUntil } of rows)
      expect((await run.sink.head(key, version))?.lock).toEqual({ mode: 'governance', retainUntil });
  });

  test('stops at other bytes under its key, loses nothing and touches nothing', async () => {
    const { target, admitted, ...run } = await ready(kind);
    // What the first segment will be called, learnt from a run that puts none.
    const keys: string[] = [];
    const put: Sink['put'] = async (request) => {
      keys.push(request.key);
      throw new ArchiverError('sink-unreachable', 'rehearsal');
    };
    await expect(sealAll({ ...run, sink: { ...boundSink(run.sink), put } })).rejects.toThrow('rehearsal');
    const [key = ''] = keys;
    const other = Buffer.from('not a segment');
    await run.sink.put({
      key,
      body: other,
      size: other.length,
      sha256: sha256(other),
      lock: LOCK,
      contentType: 'text/plain',
    });

    await expect(sealAll(run)).rejects.toMatchObject({ code: 'sink-conflict' });
    await expect(sealAll(run)).rejects.toMatchObject({ code: 'sink-conflict' });
    const [kept] = await run.db.query<{ records: number }>(
      `select (select sum(records) from staged)
         + (select coalesce(sum(records), 0) from segments where state = 'committed') as records`,
    );
    expect(kept?.records).toBe(admitted.records.length);
    expect(await run.db.query('select 1 from segments where key = $1', [key])).toEqual([]);
    expect((await run.sink.head(key))?.size).toBe(other.length);
    expect(await target.rubbish()).toEqual([]);
  });
});

describe('sealing over what a lost ledger left', () => {
  const PADDING = ['log/tile/0/000', 'log/tile/entries/000', 'log/tile/0/001.p/2'];

  test.each(SINKS)('replaces parts of the log that no checkpoint names, into $name', async (kind) => {
    const { target, admitted, place, ...run } = await ready(kind);
    for (const key of PADDING) await run.sink.replace(key, Buffer.from('other'), null, 'text/plain');
    await sealAll(run);
    await verifyArchive(place, target, admitted);
  });

  test.each(SINKS)(
    'stops at locked ones: a head that covered them was published, into $name',
    async (kind) => {
      const { target, admitted: _admitted, place: _place, ...run } = await ready(kind);
      const [key = ''] = PADDING;
      const bytes = Buffer.from('other');
      await run.sink.replace(key, bytes, null, 'text/plain');
      await run.sink.lock(key, bytes, LOCK);
      const refusal = { code: 'log-diverged', detail: key };
      await expect(sealAll(run)).rejects.toMatchObject(refusal);
      await expect(sealAll(run)).rejects.toMatchObject(refusal);
      expect((await run.sink.current(key))?.bytes).toEqual(bytes);
      expect(await target.rubbish()).toEqual([]);
    },
  );
});

describe('sealing over a segment that another DuckDB wrote', () => {
  /** Puts in the place of the first segment what `rewrite` makes of it, as a crash after the put leaves it. */
  async function standing(run: Ready, rewrite: string): Promise<string> {
    let request: PutRequest | undefined;
    const path = `${run.spool}/standing.parquet`;
    const put: Sink['put'] = async (given) => {
      if (!given.key.includes('stream=messages') || 'byteLength' in given.body) return run.sink.put(given);
      if (request === undefined) {
        request = given;
        await copyParquet(given.body.path, path, rewrite);
      }
      throw new ArchiverError('sink-unreachable', 'killed');
    };
    await expect(sealAll({ ...run, sink: { ...boundSink(run.sink), put } })).rejects.toThrow('killed');
    if (request === undefined) throw new Error('no segment was put');
    const body = await readFile(path);
    await rm(path);
    await run.sink.put({ ...request, body, size: body.length, sha256: sha256(body) });
    return request.key;
  }

  test.each(SINKS)('adopts it as it stands, into $name', async (kind) => {
    const { target, admitted, place, ...rest } = await ready(kind);
    const run = { target, admitted, place, ...rest };
    const key = await standing(run, 'select * from $file');
    const before = await run.sink.head(key);
    await sealAll(run);
    expect(await run.sink.head(key)).toEqual(before);
    await verifyArchive(place, target, admitted);
    expect((await readdir(run.spool)).filter((name) => name !== 'duckdb')).toEqual([]);
  });

  test.each([
    ['the order of its rows', 'select * from $file order by record_hash desc'],
    ['a text beside the record', `select * replace (text || '!' as text) from $file`],
    ['a record too many', 'select * from $file union all by name (select * from $file limit 1)'],
    ['its columns', 'select * exclude (text) from $file'],
  ])('stops where it differs in %s', async (_, rewrite) => {
    const { target, admitted, place, ...rest } = await ready();
    const run = { target, admitted, place, ...rest };
    await standing(run, rewrite);
    await expect(sealAll(run)).rejects.toMatchObject({ code: 'sink-conflict' });
    await expect(sealAll(run)).rejects.toMatchObject({ code: 'sink-conflict' });
  });
});

/** The rows that `select` makes of `$file`, with its metadata, in another encoding. */
async function copyParquet(from: string, to: string, select: string): Promise<void> {
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
  const connection = await instance.connect();
  try {
    await connection.run(`set TimeZone = 'UTC'`);
    const metadata = await connection.runAndReadAll(
      `select decode(key), decode(value) from parquet_kv_metadata('${from}')`,
    );
    const pairs = metadata.getRows().map(([name, value]) => `${String(name)}: '${String(value)}'`);
    await connection.run(
      `copy (${select.replaceAll('$file', `read_parquet('${from}', hive_partitioning = false)`)}) to '${to}'
       (format parquet, compression snappy, row_group_size 2048, kv_metadata {${pairs.join(', ')}})`,
    );
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

const realS3 = KINDS.find(({ name }) => name === 'a real S3')?.missing ?? null;

test.skipIf(realS3 !== null)(
  `into a real S3, seals what verifies${realS3 === null ? '' : ` (${realS3})`}`,
  async () => {
    const ledger = await openLedger(POSTGRES);
    const admitted = await fillLedger(ledger);
    const target = await openRealS3();
    await sealAll({ ...ledger, sink: target.sink, spool: await folder() });
    await verifyArchive(ledger.place, target, admitted);
  },
);

describe('sealing', () => {
  test('drains between two segments, and the next run goes on', async () => {
    const { target, admitted, place, ...run } = await ready();
    const drain = new AbortController();
    let count = 0;
    const events = eventsWith(() => {
      count += 1;
      if (count === 2) drain.abort();
    });
    const { segments } = await sealAll(run, { drain: drain.signal, events });
    // What was in hand when the drain came is finished.
    expect(segments).toBeGreaterThanOrEqual(2);
    expect(segments).toBeLessThan(7);
    expect(await run.db.query(`select 1 from segments where state = 'committed'`)).toHaveLength(segments);
    await sealAll(run);
    await verifyArchive(place, target, admitted);
  });

  test('is interrupted before the next segment, and the next run goes on', async () => {
    const { target, admitted, place, ...run } = await ready();
    const interrupt = new AbortController();
    const events = eventsWith(() => interrupt.abort());
    const sealing = sealAll(run, { interrupt: interrupt.signal, events });
    await expect(sealing).rejects.toMatchObject({ code: 'interrupted' });
    await sealAll(run);
    await verifyArchive(place, target, admitted);
  });

  test('is interrupted in the middle of a put', async () => {
    const { target, admitted, place, ...run } = await ready();
    const interrupt = new AbortController();
    const put: Sink['put'] = (request, signal) => {
      interrupt.abort();
      return run.sink.put(request, signal);
    };
    const sealing = sealAll({ ...run, sink: { ...run.sink, put } }, { interrupt: interrupt.signal });
    await expect(sealing).rejects.toMatchObject({ code: 'interrupted' });
    expect((await readdir(run.spool)).filter((name) => name.startsWith('segment-'))).toEqual([]);
    await sealAll(run);
    await verifyArchive(place, target, admitted);
  });

  test('that ends because the lease is lost says so', async () => {
    const { ...run } = await ready();
    const lost = new AbortController();
    const events = eventsWith(() => lost.abort(new ArchiverError('lease-lost', 'the lease is lost')));
    const sealing = sealAll(run, { interrupt: AbortSignal.any([lost.signal]), events });
    await expect(sealing).rejects.toMatchObject({ code: 'lease-lost' });
  });

  test('by a holder that was taken over commits nothing; its successor adopts what it put', async () => {
    const { target, admitted, place, ...run } = await ready();
    let successor: Promise<Lease> | undefined;
    const put: Sink['put'] = async (request, signal) => {
      const result = await run.sink.put(request, signal);
      // Several segments are put side by side; the lease is taken once, before any of them is committed.
      successor ??= leaseOf(run.db);
      await successor;
      return result;
    };
    const sealing = sealAll({ ...run, sink: { ...run.sink, put } });
    await expect(sealing).rejects.toMatchObject({ code: 'lease-lost' });
    expect(await run.db.query(`select 1 from segments where state = 'committed'`)).toEqual([]);
    if (successor === undefined) throw new Error('nothing was put');
    await sealAll({ ...run, lease: await successor });
    await verifyArchive(place, target, admitted);
  });

  test.each([
    ['is over', `update lease set expires_at = '-infinity'`],
    ['was taken', 'update lease set generation = generation + 1'],
  ])('by a holder whose lease %s while it put the log publishes no checkpoint', async (_, change) => {
    const { target, admitted, place, ...run } = await ready();
    const replace: Sink['replace'] = async (key, ...rest) => {
      await run.db.query(change);
      return run.sink.replace(key, ...rest);
    };
    const sealing = sealAll({ ...run, sink: { ...run.sink, replace } });
    await expect(sealing).rejects.toMatchObject({ code: 'lease-lost' });
    expect(await run.sink.current('log/checkpoint')).toBeNull();
    await sealAll({ ...run, lease: await leaseOf(run.db) });
    await verifyArchive(place, target, admitted);
  });

  test('puts a planned segment under the lock of its plan, whatever the configuration says now', async () => {
    const { target, admitted, place, ...run } = await ready();
    target.failNextPut('lost', 'segments/');
    await expect(sealAll(run)).rejects.toThrow();
    const later = { mode: 'compliance', retainUntil: new Date(LOCK.retainUntil.getTime() + 1_000) } as const;
    const plannedOnly = () => ({ records: 60, bytes: 1_000_000, dueBefore: 0 });
    await sealAll(run, { lockFor: () => later, limits: plannedOnly });
    await sealAll(run);
    await verifyArchive(place, target, admitted);
  });

  test('overwrites a spool file that a crash left', async () => {
    const { target, admitted, place, ...run } = await ready();
    const name = `segment-${scopeTag(run.lease.account, '')}-1`;
    await writeFile(`${run.spool}/${name}.parquet`, 'half a segment');
    await writeFile(`${run.spool}/${name}.tsv`, 'half a line');
    await sealAll(run);
    await verifyArchive(place, target, admitted);
  });

  test('tells its steps in order', async () => {
    const { target: _target, admitted: _admitted, place: _place, ...run } = await ready();
    const told: string[] = [];
    await sealAll(run, {
      limits: () => ({ records: 1_000, bytes: 1_000_000, dueBefore: NOW + 1 }),
      events: {
        planned: (plans) => told.push(`${plans.length} planned`),
        step: (step) => told.push(step),
        sealed: (plan, size) => told.push(`${plan.stream} ${plan.day} ${size > 0}`),
        published: (size) => told.push(`${size} published`),
      },
    });
    expect(told.slice(0, 4)).toEqual(['publish', '251 published', 'plan', '6 planned']);
    // Coverage comes last, when all that it speaks of is committed.
    expect(told.filter((one) => one.endsWith(' planned'))).toEqual(['6 planned', '1 planned']);
    for (const step of ['build', 'put', 'commit']) expect(told.filter((one) => one === step)).toHaveLength(7);
    expect(told.filter((one) => one.endsWith('true'))).toHaveLength(7);
    expect(told.slice(-3)).toEqual(['publish', '258 published', 'plan']);
  });
});
