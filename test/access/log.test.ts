/** The access log as it is written: by one, by many at once, in every kind of sink. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { accessEntryBytes, type DeedEntry, parseAccessEntry } from '../../src/access/entry.ts';
import { type AccessLog, beginAccessLog } from '../../src/access/log.ts';
import { parseSignerKey } from '../../src/proof/key.ts';
import { ROLES, WHOLE_ARCHIVE } from '../../src/query/reader.ts';
import { batchKey, parseBatchKey } from '../../src/segments/layout.ts';
import { boundSink, DIRECTORY, openRealS3 } from '../segments/sealing.ts';
import { SIGNING_KEY } from '../support/log.ts';
import { check, expectSound, PLACES, questions } from './keeping.ts';
import { ARCHIVE, asking, begin, numbers, open, options, READER } from './opening.ts';

const ask = (log: AccessLog, question: string): Promise<void> => log.record(READER, asking(question), null);

describe.each(PLACES)('in $name', (kind) => {
  test('what was asked stands in the log when the record resolves, in order', async () => {
    const { sink, rubbish } = await kind.open();
    expect(await begin(sink)).toEqual({ created: true });
    expect(await begin(sink)).toEqual({ created: false });
    const log = await open(sink);
    for (const question of numbers(0, 5)) {
      await ask(log, question);
      expect(await questions(sink)).toEqual(numbers(0, Number(question) + 1));
    }
    await expectSound(sink);
    expect(await rubbish()).toEqual([]);
  });

  test('of many writers at once none loses an entry, and each keeps his order', async () => {
    const { sink, rubbish } = await kind.open();
    await Promise.all([begin(sink), begin(sink), begin(sink)]);
    const writers = await Promise.all(numbers(0, 4).map(() => open(sink)));
    await Promise.all(
      writers.map(async (log, writer) => {
        for (let turn = 0; turn < 6; turn += 1)
          await Promise.all([ask(log, `${writer} ${2 * turn}`), ask(log, `${writer} ${2 * turn + 1}`)]);
      }),
    );
    const asked = await questions(sink);
    for (const [writer] of writers.entries()) {
      const own = asked.filter((question) => question.startsWith(`${writer} `));
      expect(own).toEqual(numbers(0, 12).map((turn) => `${writer} ${turn}`));
    }
    expect(asked).toHaveLength(48);
    await expectSound(sink);
    // Where the store lets a second put through, a later version stands behind the batch that counts.
    const broken = await rubbish();
    expect(broken.filter((what) => !/^overwrite .*access\/batch\//.test(what))).toEqual([]);
    if (!kind.name.includes('Ceph')) expect(broken).toEqual([]);
  });

  test('grows over full tiles, which are locked; who was away for long goes on', async () => {
    const { sink } = await kind.open();
    await begin(sink);
    const [busy, away] = [await open(sink), await open(sink)];
    await ask(away, 'first');
    await Promise.all(numbers(0, 600).map((question) => ask(busy, question)));
    await ask(away, 'last');
    await ask(await open(sink), 'and another');
    expect(await questions(sink)).toEqual(['first', ...numbers(0, 600), 'last', 'and another']);
    for (const key of ['access/tile/0/001', 'access/tile/entries/000', batchKey(0)])
      expect((await sink.head(key))?.lock).toMatchObject({ mode: 'governance' });
    expect((await sink.head('access/tile/0/002.p/90'))?.lock ?? null).toBeNull();
    await expectSound(sink);
  });
});

test('what comes together is written together', async () => {
  const { sink } = await DIRECTORY.open();
  await begin(sink);
  let batches = 0;
  const counted = {
    ...boundSink(sink),
    put: (...args: Parameters<typeof sink.put>) => {
      if (parseBatchKey(args[0].key) !== undefined) batches += 1;
      return sink.put(...args);
    },
  };
  const log = await open(counted);
  await Promise.all(numbers(0, 256).map((question) => ask(log, question)));
  expect(batches).toBe(1);
  await Promise.all(numbers(256, 600).map((question) => ask(log, question)));
  expect(batches).toBe(3);
  expect(await questions(sink)).toEqual(numbers(0, 600));
});

test('the log holds who, in which role and scope, did what, by which head', async () => {
  const { sink } = await DIRECTORY.open();
  await begin(sink);
  const log = await open(sink);
  const scope = { ...WHOLE_ARCHIVE, channels: ['deal-*'], from: '2026-01-01' };
  const head = { origin: ARCHIVE, size: 7, root: Buffer.alloc(32, 1), extensions: [] };
  const asked = { action: 'export', input: { text: 'bid\n\u2028"\ud83d', none: undefined } } as const;
  await log.record({ name: 'Zoë', role: 'auditor', scope }, asked, head);
  const current = await sink.current('access/tile/entries/000.p/2');
  const bytes = current?.bytes ?? Buffer.alloc(0);
  const entry = JSON.parse(bytes.subarray(bytes.readUInt16BE() + 4).toString());
  expect(entry).toMatchObject({
    name: 'Zoë',
    role: 'auditor',
    scope,
    action: 'export',
    input: { text: 'bid\n\u2028"\ud83d' },
    archive: { origin: ARCHIVE, size: 7, root: Buffer.alloc(32, 1).toString('base64') },
  });
  await expectSound(sink);
});

describe('nothing is recorded', () => {
  test.each(ROLES)('of what a role may not do: %s', async (role) => {
    const { sink } = await DIRECTORY.open();
    await begin(sink);
    const log = await open(sink);
    const written: string[] = [];
    for (const action of ['search', 'access-log', 'retention', 'coverage'] as const) {
      const allowed =
        role === 'officer' || action === 'coverage' || (role === 'auditor') === (action === 'search');
      const done = log.record({ ...READER, role }, { action, input: { text: action } }, null);
      if (!allowed) await expect(done).rejects.toMatchObject({ code: 'access-denied' });
      else written.push(await done.then(() => action));
    }
    expect(await questions(sink)).toEqual(written);
  });

  test.each([
    ['too long', { text: 'x'.repeat(66_000) }],
    ['no JSON', { text: 1n }],
  ])('of a question that is %s', async (_what, input) => {
    const { sink } = await DIRECTORY.open();
    await begin(sink);
    const log = await open(sink);
    const recorded = log.record(READER, { action: 'search', input }, null);
    await expect(recorded).rejects.toMatchObject({ code: 'access-unrecorded' });
    await ask(log, 'a short one');
    expect(await questions(sink)).toEqual(['a short one']);
  });
});

describe('is not opened', () => {
  test('where it was never begun', async () => {
    const { sink } = await DIRECTORY.open();
    await expect(open(sink)).rejects.toMatchObject({ code: 'archive-missing' });
    await expect(check(sink)).rejects.toMatchObject({ code: 'archive-missing' });
  });

  test('with the key of the archive, nor for another archive, nor with another key', async () => {
    const { sink } = await DIRECTORY.open();
    const archives = { ...options(sink), lock: null, signer: parseSignerKey(SIGNING_KEY) };
    await expect(beginAccessLog(archives)).rejects.toMatchObject({ code: 'archive-mismatch' });
    await begin(sink);
    const other = { ...options(sink), lock: null, archive: 'archive.example.com/other' };
    await expect(beginAccessLog(other)).rejects.toMatchObject({ code: 'archive-mismatch' });
    const stranger = { ...options(sink), lock: null, archive: 'x', signer: parseSignerKey(SIGNING_KEY) };
    await expect(beginAccessLog(stranger)).rejects.toMatchObject({ code: 'proof-invalid' });
    await expectSound(sink);
  });
});

test('an entry read back is the entry, whatever was asked', () => {
  const text = fc.string({ unit: 'binary', minLength: 1, maxLength: 50 });
  fc.assert(
    fc.property(text, fc.jsonValue({ noUnicodeString: false }), fc.uuid(), (name, input, id) => {
      const entry: DeedEntry = {
        type: 'access',
        at: '2026-05-01T00:00:00.000Z',
        id,
        name,
        role: 'auditor',
        scope: { matters: [name], custodians: [], channels: [], from: null, to: null },
        action: 'search',
        // -0 is 0 in JSON.
        input: JSON.parse(JSON.stringify(input)),
        archive: null,
      };
      const bytes = accessEntryBytes(entry);
      expect(bytes.includes('\n')).toBe(false);
      expect(parseAccessEntry(bytes)).toEqual(entry);
    }),
    { numRuns: 100 },
  );
});

test.runIf(process.env.S3_TEST_ENDPOINT !== undefined)('in a real S3, two writers at once', async () => {
  const { sink } = await openRealS3();
  await begin(sink);
  const writers = [await open(sink), await open(sink)];
  await Promise.all(writers.flatMap((log, writer) => numbers(0, 5).map((n) => ask(log, `${writer} ${n}`))));
  expect(await questions(sink)).toHaveLength(10);
  await expectSound(sink);
});
