/** Every way the emulator can go wrong while a pass runs: the archive is complete in the end, and equal to the truth. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Emulator, Fault } from '../../emulator/server.ts';
import { ArchiverError } from '../../src/errors.ts';
import { type Archiver, openArchiver } from '../support/archiver.ts';
import { writeCorpus } from '../support/corpus.ts';
import { createSchema } from '../support/postgres.ts';
import {
  type Beginning,
  beginning,
  emulate,
  finish,
  NOON,
  patient,
  requests,
  until,
  workFolder,
} from './campaign.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

interface Scene {
  readonly emulator: Emulator;
  readonly archiver: Archiver;
  readonly start: Beginning;
}

/** Few days and several pages a session, people have edited and deleted, and more of it happens in the passes. */
async function scene(sessions = 3): Promise<Scene> {
  const folder = await workFolder();
  const file = join(folder, 'corpus.ndjson.gz');
  await writeCorpus(file, sessions, 350);
  const emulator = await emulate({ now: NOON, source: { kind: 'corpus', file } });
  emulator.act(120);
  const { url } = await createSchema();
  const archiver = await openArchiver(emulator, folder, { ledger: { url } }, patient(emulator));
  onTestFinished(() => archiver.close());
  const start = beginning(emulator);
  emulator.startActing(200);
  return { emulator, archiver, start };
}

async function comeToRest({ emulator, archiver, start }: Scene): Promise<void> {
  emulator.stopActing();
  emulator.clearFaults();
  emulator.moveClock(20 * MINUTE);
  await finish(emulator, archiver, start);
}

describe('what a pass rides out', () => {
  const cases: readonly (Fault & { readonly note?: string })[] = [
    { kind: 'status', status: 500, after: 5, times: 2 },
    { kind: 'status', status: 503, endpoint: 'sessions' },
    { kind: 'status', status: 502, endpoint: 'token' },
    { kind: 'reset', after: 12, times: 2 },
    { kind: 'reset', endpoint: 'token' },
    { kind: 'reset', when: 'mid-body', after: 9 },
    { kind: 'slow-body', ms: 200, after: 10 },
    { kind: 'truncated-json', after: 11, times: 2 },
    { kind: 'truncated-json', endpoint: 'sessions', after: 1 },
    { kind: 'html', after: 8 },
    { kind: 'html', endpoint: 'token' },
    { kind: 'token-expired', after: 10 },
    { kind: 'repeated-page-token', endpoint: 'messages' },
    { kind: 'repeated-rows', endpoint: 'messages', rows: 30, times: 3 },
    { kind: 'expired-page-token', endpoint: 'messages', times: 2 },
    { kind: 'missing-rate-headers', times: 20 },
    { kind: 'second-limit', after: 10 },
    { kind: 'concurrency-limit', after: 10 },
    { kind: 'redirect', to: 'same-host', after: 3, times: 2 },
  ];
  test.each(cases)('$kind $endpoint $status $when', async (fault) => {
    const stage = await scene();
    stage.emulator.inject(fault);
    const { complete, failed } = await stage.archiver.collect();
    expect({ complete, failed }).toEqual({ complete: true, failed: 0 });
    expect(stage.emulator.faultsHit()).toEqual({ [fault.kind]: fault.times ?? 1 });
    await comeToRest(stage);
  });

  test('the access token expires in the middle', async () => {
    const stage = await scene();
    const { emulator, archiver } = stage;
    const pass = archiver.collect();
    await until(() => requests(emulator) >= 20);
    emulator.moveClock(2 * HOUR);
    expect(await pass).toMatchObject({ complete: true });
    expect(emulator.stats().requests['token 200']).toBeGreaterThan(1);
    await comeToRest(stage);
  });

  test('page tokens expire in the middle', async () => {
    const stage = await scene();
    const { emulator, archiver } = stage;
    const refused = (): number => emulator.stats().requests['messages 400'] ?? 0;
    let passed = false;
    const pass = archiver.collect().finally(() => {
      passed = true;
    });
    // Until a clock moves between a page and the request for the next one.
    for (let seen = 12; refused() === 0 && !passed; seen += 1) {
      await until(() => passed || requests(emulator) >= seen);
      emulator.moveClock(16 * MINUTE);
    }
    expect(await pass).toMatchObject({ complete: true });
    expect(refused()).toBeGreaterThan(0);
    await comeToRest(stage);
  });
});

describe('what ends a pass, and the next one repairs', () => {
  test.each(['iso', 'http-date', 'seconds'] as const)('the daily limit, written as %s', async (notation) => {
    const stage = await scene();
    const { emulator, archiver } = stage;
    emulator.inject({ kind: 'daily-limit', after: 20, notation, retryAfterMs: 3 * HOUR });
    const error = await failure(archiver);
    expect(error).toMatchObject({ code: 'zoom-rate-limited', exitCode: 14 });
    expect(error.message).toContain(new Date(error.retryAt ?? 0).toISOString());
    const wait = (error.retryAt ?? 0) - NOON;
    expect(Math.abs(wait - 3 * HOUR)).toBeLessThan(MINUTE);
    emulator.moveClock(wait + MINUTE);
    expect(await archiver.collect()).toMatchObject({ complete: true });
    await comeToRest(stage);
  });

  test('a missing scope, which is named', async () => {
    const stage = await scene();
    stage.emulator.inject({ kind: 'missing-scope', after: 15 });
    const error = await failure(stage.archiver);
    expect(error).toMatchObject({ code: 'zoom-scope', exitCode: 13 });
    expect(error.message).toContain('report:read:chat_session:admin');
    expect(await stage.archiver.collect()).toMatchObject({ complete: true });
    await comeToRest(stage);
  });

  test('one session is refused: the others go on, and it is asked again after a while', async () => {
    const stage = await scene();
    const { emulator, archiver } = stage;
    emulator.inject({ kind: 'status', status: 404, code: 3001, endpoint: 'messages', after: 30 });
    expect(await archiver.collect()).toMatchObject({ complete: false, failed: 1 });
    emulator.moveClock(16 * MINUTE);
    expect(await archiver.collect()).toMatchObject({ complete: true, failed: 0 });
    await comeToRest(stage);
  });

  test('a redirect to a foreign host, which is never asked', async () => {
    const seen: string[] = [];
    const foreign = createServer((request, response) => {
      seen.push(request.url ?? '');
      response.end('{}');
    }).listen(0, '127.0.0.1');
    await once(foreign, 'listening');
    onTestFinished(() => void foreign.close());
    const stage = await scene();
    const { emulator, archiver } = stage;
    const { port } = foreign.address() as AddressInfo;
    emulator.inject({ kind: 'redirect', to: 'foreign', port, endpoint: 'messages', after: 30 });
    expect(await archiver.collect()).toMatchObject({ complete: false, failed: 1 });
    expect(seen).toEqual([]);
    emulator.moveClock(16 * MINUTE);
    expect(await archiver.collect()).toMatchObject({ complete: true, failed: 0 });
    await comeToRest(stage);
  });

  test('Zoom stays silent', async () => {
    // As many at once as it takes to give up, so that they fail together.
    const stage = await scene(6);
    const { emulator, archiver } = stage;
    emulator.inject({ kind: 'reset', after: 15, times: 1000 });
    const error = await failure(archiver);
    expect(error).toMatchObject({ code: 'zoom-unreachable', exitCode: 11 });
    emulator.clearFaults();
    emulator.moveClock(16 * MINUTE);
    expect(await archiver.collect()).toMatchObject({ complete: true, failed: 0 });
    await comeToRest(stage);
  });

  test('it is interrupted', async () => {
    const stage = await scene();
    const { emulator, archiver } = stage;
    const interrupt = new AbortController();
    const pass = failure(archiver, interrupt.signal);
    await until(() => requests(emulator) >= 25);
    interrupt.abort(new ArchiverError('interrupted', 'stopped at once'));
    expect(await pass).toMatchObject({ code: 'interrupted', exitCode: 130 });
    await comeToRest(stage);
  });

  test('it is drained', async () => {
    const stage = await scene();
    const { emulator, archiver } = stage;
    const drain = new AbortController();
    const pass = archiver.collect({ drain: drain.signal });
    await until(() => requests(emulator) >= 25);
    drain.abort();
    expect(await pass).toMatchObject({ complete: false, failed: 0 });
    await comeToRest(stage);
  });
});

async function failure(archiver: Archiver, interrupt?: AbortSignal): Promise<ArchiverError> {
  const signals = interrupt === undefined ? {} : { interrupt };
  const error: unknown = await archiver.collect(signals).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(ArchiverError);
  return error as ArchiverError;
}
