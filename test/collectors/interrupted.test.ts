/** A pass that dies between any two steps of fetching something loses nothing, and nothing is there twice. */
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Database, Queryable } from '../../src/ledger/database.ts';
import type { Sink } from '../../src/sinks/sink.ts';
import { compareContent } from '../e2e/content.ts';
import { type S3Fake, startS3Fake } from '../support/s3-fake.ts';
import { sendFile, stage } from './stage.ts';

const HOUR = 3_600_000;
const ALL = {
  files: { enabled: true },
  forwarded: { enabled: true },
  legalHold: { enabled: true },
};

/** Dies once, before or after the step: the `nth` time that it comes. */
class Death {
  readonly #when: 'before' | 'after';
  #left: number;
  died = false;

  constructor(when: 'before' | 'after', nth: number) {
    this.#when = when;
    this.#left = nth;
  }

  async step<T>(work: () => Promise<T>): Promise<T> {
    this.#left -= 1;
    if (this.#left !== 0) return await work();
    if (this.#when === 'after') await work();
    this.died = true;
    throw new Error('killed');
  }
}

function dyingSink(sink: Sink, death: Death): Sink {
  return {
    check: (mode) => sink.check(mode),
    probe: (mode, signal) => sink.probe(mode, signal),
    head: (key, version) => sink.head(key, version),
    seesLocks: (key, version) => sink.seesLocks(key, version),
    read: (key, version) => sink.read(key, version),
    current: (key) => sink.current(key),
    list: (prefix) => sink.list(prefix),
    replace: (...args) => sink.replace(...args),
    extend: (...args) => sink.extend(...args),
    placeHold: (...args) => sink.placeHold(...args),
    liftHold: (...args) => sink.liftHold(...args),
    destroy: (...args) => sink.destroy(...args),
    close: () => sink.close(),
    put: (request, signal) => {
      const put = () => sink.put(request, signal);
      return request.key.startsWith('objects/') ? death.step(put) : put();
    },
  };
}

type Values = Parameters<Queryable['query']>[1];

function dyingLedger(
  db: Database,
  death: Death,
  isStep: (text: string, values: Values) => boolean,
): Database {
  return {
    engine: db.engine,
    query: (text, values) => {
      const query = () => db.query(text, values);
      return (isStep(text, values) ? death.step(query) : query()) as never;
    },
    transaction: (work) => db.transaction(work),
    close: () => db.close(),
  };
}

const STEPS: Readonly<Record<string, (text: string, values: Values) => boolean>> = {
  'links found': (text) => text.includes('insert into links'),
  'object planned': (text) => text.includes('insert into objects'),
  'object committed': (text) => text.includes('update objects set'),
  'file admitted': (text, values) => text.includes('insert into staged') && values?.[13] === 'files',
  'zip admitted': (text, values) => text.includes('insert into staged') && values?.[13] === 'hold_files',
  'forward admitted': (text, values) => text.includes('insert into staged') && values?.[13] === 'forwarded',
  'link ended': (text) => text.includes('update links set open'),
  'matters kept': (text, values) =>
    text.includes('insert into learned') && values?.[2] === 'legal-hold-matters',
};

const CASES = [...Object.keys(STEPS), 'object put'].flatMap((step) =>
  (['before', 'after'] as const).flatMap((when) =>
    // The first of several at once, and one in the middle.
    (step === 'matters kept' || step === 'forward admitted' ? [1] : [1, 3]).map((nth) => ({
      step,
      when,
      nth,
    })),
  ),
);

describe('death', () => {
  test.each(CASES)('$when $step, time $nth', async ({ step, when, nth }) => {
    const death = new Death(when, nth);
    const isStep = STEPS[step];
    const set = await stage(
      { switches: { holdZipMinutes: 0 } },
      ALL,
      isStep === undefined
        ? { sink: (sink) => dyingSink(sink, death) }
        : { db: (db) => dyingLedger(db, death, isStep) },
    );
    const { emulator, archiver } = set;
    const sessionId = emulator.sessions()[0]?.id ?? '';
    for (const size of [0, 10_000, 2_000_000]) await sendFile(emulator, size);
    emulator.perform({ verb: 'send', sessionId, text: 'look', forward: true });
    await expect(archiver.collect()).rejects.toThrow();
    expect(death.died).toBe(true);
    emulator.moveClock(2 * HOUR);
    expect(await archiver.collect()).toMatchObject({ complete: true, failed: 0 });
    await archiver.seal(true);
    expect(await compareContent(emulator, archiver.root)).toEqual([]);
    expect(await readdir(archiver.context.config.seal.spool)).toEqual([]);
  });
});

describe('a bucket', () => {
  const PREFIX = 'zoom/';

  /** What stands in the bucket, as files. */
  async function dump(s3: S3Fake): Promise<string> {
    const root = await mkdtemp(join(tmpdir(), 'bucket-'));
    onTestFinished(() => rm(root, { recursive: true, force: true }));
    for (const { key, bytes } of s3.objects()) {
      const path = join(root, key.slice(PREFIX.length));
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, bytes);
    }
    return root;
  }

  test.each(['lost', 'applied'] as const)('that answers nothing to what was %s', async (effect) => {
    const s3 = await startS3Fake({ prefix: PREFIX });
    onTestFinished(() => s3.close());
    const { bucket, url: endpoint, credentials } = s3;
    const set = await stage(
      { switches: { holdZipMinutes: 0 } },
      ALL,
      {},
      {
        sink: { s3: { bucket, prefix: PREFIX, endpoint, forcePathStyle: true, ...credentials } },
        retention: { mode: 'compliance', keep: '7y' },
      },
    );
    for (const size of [0, 10_000, 2_000_000]) await sendFile(set.emulator, size);
    const keyPrefix = `${PREFIX}objects/`;
    s3.failNext({ method: 'PUT', keyPrefix, effect, how: 'reset' });
    s3.failNext({ method: 'PUT', keyPrefix, effect, how: '503' });
    s3.failNext({ method: 'HEAD', keyPrefix, effect, how: 'reset' });
    expect(await set.archiver.collect()).toMatchObject({ complete: true, failed: 0 });
    await set.archiver.seal(true);
    const root = await dump(s3);
    expect(await compareContent(set.emulator, root)).toEqual([]);
    expect(s3.violations).toEqual([]);
    const locks = s3.objects().filter(({ key }) => key.startsWith(keyPrefix));
    expect(locks.length).toBeGreaterThan(3);
    expect(locks.filter(({ lock }) => lock === null)).toEqual([]);
  });
});
