import { readdir, writeFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { ArchiverError } from '../../src/errors.ts';
import type { Lease } from '../../src/ledger/lease.ts';
import { scopeTag } from '../../src/record.ts';
import type { SealEvents } from '../../src/segments/seal.ts';
import type { Sink } from '../../src/sinks/sink.ts';
import { type Ledger, leaseOf, NOW, openLedger, POSTGRES } from '../ledger/ledgers.ts';
import { KINDS } from '../sinks/places.ts';
import { folder } from './building.ts';
import {
  type Admitted,
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

  test('stops at other bytes under its key, loses nothing and touches nothing', async () => {
    const { target, admitted, ...run } = await ready(kind);
    // What the first segment will be called, learnt from a run into another place.
    const keys: string[] = [];
    const rehearsal = await DIRECTORY.open();
    const put: Sink['put'] = async (request) => {
      keys.push(request.key);
      throw new ArchiverError('sink-unreachable', 'rehearsal');
    };
    await expect(sealAll({ ...run, sink: { ...rehearsal.sink, put } })).rejects.toThrow('rehearsal');
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
    expect(told.slice(0, 4)).toEqual(['publish', '1 published', 'plan', '6 planned']);
    // Coverage comes last, when all that it speaks of is committed.
    expect(told.filter((one) => one.endsWith(' planned'))).toEqual(['6 planned', '1 planned']);
    for (const step of ['build', 'put', 'commit']) expect(told.filter((one) => one === step)).toHaveLength(7);
    expect(told.filter((one) => one.endsWith('true'))).toHaveLength(7);
    expect(told.slice(-3)).toEqual(['publish', '8 published', 'plan']);
  });
});
