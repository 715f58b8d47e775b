import { expect, test } from 'vitest';
import { ArchiverError } from '../../src/errors.ts';
import { Verification } from '../../src/portal/verification.ts';
import { signedIn, stage } from './stage.ts';

const FINDING = { check: 'object', what: 'has other bytes', key: 'segments/x.parquet' };

const report = (findings: readonly object[]): string =>
  JSON.stringify({
    ok: findings.length === 0,
    checkpoint: { origin: 'archive.example.com/test', size: 3, root: 'AAAA' },
    entries: 3,
    lost: 1,
    covered: [{ stream: 'messages', from: '2026-01-01T00:00:00.000Z', to: '2026-02-01T00:00:00.000Z' }],
    findings,
  });

/** A verification that ends when the test says so. */
function waiting() {
  let end: (text: string | Error) => void = () => undefined;
  let runs = 0;
  const verify = (signal: AbortSignal): Promise<string> => {
    runs += 1;
    return new Promise((resolve, reject) => {
      end = (text) => (typeof text === 'string' ? resolve(text) : reject(text));
      signal.addEventListener('abort', () => reject(signal.reason));
    });
  };
  return { verify, end: (text: string | Error) => end(text), runs: () => runs };
}

test('a verification runs once at a time, and its findings are there when it ended', async () => {
  const run = waiting();
  const { url } = await stage({ verify: run.verify });
  const client = await signedIn(url, 'adam');
  expect((await client.get('/api/verification')).json).toMatchObject({ state: 'never', at: null, size: 0 });
  expect((await client.post('/api/verification')).json).toMatchObject({ state: 'running' });
  expect((await client.post('/api/verification')).json).toMatchObject({ state: 'running' });
  expect(run.runs()).toBe(1);
  run.end(report([FINDING]));
  let state = (await client.get('/api/verification')).json;
  while (state.state === 'running') state = (await client.get('/api/verification')).json;
  expect(state).toEqual({
    state: 'failed',
    at: '2026-11-20T12:00:00.000Z',
    size: 3,
    root: 'AAAA',
    origin: 'archive.example.com/test',
    key: expect.stringContaining('archive.example.com/test+'),
    seconds: 0,
    findings: [{ ...FINDING, expected: '', found: '' }],
    more: 0,
    covered: [{ stream: 'messages', from: '2026-01-01T00:00:00.000Z', to: '2026-02-01T00:00:00.000Z' }],
    lost: 1,
    error: null,
  });
});

test.each([
  ['nothing', [], 'holds'],
  ['holes in the coverage', [{ ...FINDING, check: 'coverage' }], 'holds'],
  ['an altered object', [{ ...FINDING, check: 'coverage' }, FINDING], 'failed'],
])('that found %s', async (_, findings, state) => {
  const verification = build(async () => report(findings));
  await verification.run();
  expect(verification.state).toMatchObject({ state, findings: findings.map((one) => ({ ...one })) });
});

test('lists so many findings that a page can show them, and counts the others', async () => {
  const verification = build(async () => report(Array(700).fill(FINDING)));
  await verification.run();
  expect(verification.state.findings).toHaveLength(500);
  expect(verification.state.more).toBe(200);
});

test.each([
  [
    'came to no verdict',
    new ArchiverError('incomplete', 'the verification came to no verdict'),
    'the verification came to no verdict',
  ],
  ['crashed', new Error('secret'), 'it ended without a report'],
])('one that %s is a failure that says so', async (_, error, why) => {
  const verification = build(async () => {
    throw error;
  });
  await verification.run();
  expect(verification.state).toMatchObject({ state: 'failed', error: why });
});

test('is known after a restart, of the same log only', async () => {
  let kept: unknown;
  const first = build(
    async () => report([]),
    (state) => {
      kept = JSON.parse(JSON.stringify(state));
    },
  );
  await first.run();
  expect(build(async () => '', undefined, kept).state).toEqual(first.state);
  expect(build(async () => '', undefined, kept, 'another+key').state.state).toBe('never');
  expect(build(async () => '', undefined, { state: 'holds' }).state.state).toBe('never');
});

test('is stopped with the server, and what was known stays', async () => {
  const run = waiting();
  const verification = build(run.verify);
  const running = verification.run();
  await verification.close();
  await running;
  expect(verification.state.state).toBe('never');
});

function build(
  run: (signal: AbortSignal) => Promise<string>,
  keep: (state: unknown) => void = () => undefined,
  kept: unknown = undefined,
  key = 'the+key',
): Verification {
  return new Verification({
    origin: 'archive.example.com/test',
    key,
    run,
    kept,
    keep: async (state) => keep(state),
    now: () => Date.parse('2026-11-20T12:00:00Z'),
  });
}
