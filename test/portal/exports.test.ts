import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ArchiverError } from '../../src/errors.ts';
import type { PortalVerbs } from '../../src/portal/verbs.ts';
import { type Client, EXPORTED, signedIn, stage } from './stage.ts';

const ORDER = { of: { kind: 'matter', matter: 'M-1' }, reason: 'discovery' };
const ZIP = Buffer.from(Array.from({ length: 5000 }, (_, index) => index % 251));

/** An export that is on record, and ends when the test says so. */
function slowExport() {
  const open: (() => void)[] = [];
  const exportSlice: PortalVerbs['exportSlice'] = async (ctx, input, { out, onProgress }) => {
    await ctx.record({ action: 'export', input });
    onProgress?.({ phase: 'rendering', done: 40, of: 100 });
    await new Promise<void>((resolve, reject) => {
      open.push(resolve);
      ctx.signal.addEventListener('abort', () => reject(ctx.signal.reason));
    });
    out.end(ZIP);
    return { ...EXPORTED, bytes: ZIP.length };
  };
  return {
    exportSlice,
    finish: () => {
      for (const go of open.splice(0)) go();
    },
  };
}

/** Asks until it is as it should be; every answer is a turn of the server. */
async function until(client: Client, id: string, state: string) {
  for (;;) {
    const { json } = await client.get(`/api/exports/${id}`);
    if (json.state === state) return json;
  }
}

async function finished(client: Client): Promise<string> {
  const { json } = await client.post('/api/exports', ORDER);
  await until(client, json.id, 'done');
  return json.id;
}

describe('an export', () => {
  test('is made in the background, tells how far it is, and can be had in parts', async () => {
    const slow = slowExport();
    const { url, recorded, watched, folder } = await stage({ verbs: { exportSlice: slow.exportSlice } });
    const client = await signedIn(url, 'ada@example.com');
    const { status, json } = await client.post('/api/exports', ORDER);
    expect(status).toBe(202);
    const running = (await client.get(`/api/exports/${json.id}`)).json;
    expect(running).toEqual({
      id: json.id,
      by: 'ada@example.com',
      at: '2026-11-20T12:00:00.000Z',
      reason: 'discovery',
      input: { ...ORDER, zone: 'UTC', formats: ['rsmf'], proofs: true },
      state: 'running',
      phase: 'rendering',
      done: 40,
      of: 100,
      expires: '2026-11-21T12:00:00.000Z',
    });
    expect((await client.get(`/api/exports/${json.id}/download`)).json.error.code).toBe('not-ready');
    slow.finish();
    expect(await until(client, json.id, 'done')).toMatchObject({ summary: { bytes: 5000, holes: 0 } });

    const whole = await fetchBytes(url, client, json.id);
    expect(whole.bytes.equals(ZIP)).toBe(true);
    expect(whole.headers.get('content-disposition')).toBe(
      `attachment; filename="export-2026-11-20-${json.id.slice(0, 8)}.zip"; filename*=UTF-8''export-2026-11-20-${json.id.slice(0, 8)}.zip`,
    );
    expect(whole.headers.get('content-type')).toBe('application/zip');
    const part = await fetchBytes(url, client, json.id, 'bytes=100-199');
    expect([part.status, part.headers.get('content-range')]).toEqual([206, 'bytes 100-199/5000']);
    expect(part.bytes.equals(ZIP.subarray(100, 200))).toBe(true);
    expect((await fetchBytes(url, client, json.id, 'bytes=-10')).bytes.equals(ZIP.subarray(4990))).toBe(true);
    expect((await fetchBytes(url, client, json.id, 'bytes=4990-')).bytes.equals(ZIP.subarray(4990))).toBe(
      true,
    );
    expect((await fetchBytes(url, client, json.id, 'bytes=5000-')).status).toBe(416);
    expect((await fetchBytes(url, client, json.id, 'bytes=0-1,5-6')).bytes.length).toBe(5000);

    // Each time that bytes leave, it is written down which.
    expect(recorded.slice(0, 2).map(({ access }) => access)).toEqual([
      { action: 'export', input: { ...ORDER, zone: 'UTC', formats: ['rsmf'], proofs: true } },
      { action: 'export', input: { download: json.id, sha256: EXPORTED.sha256 } },
    ]);
    expect(watched).toContainEqual({ kind: 'export', outcome: 'done' });
    expect(await readdir(join(folder, 'exports', json.id))).toEqual(['export.json', 'export.zip']);
    expect((await client.send('DELETE', `/api/exports/${json.id}`)).status).toBe(204);
    expect(await readdir(join(folder, 'exports'))).toEqual([]);
    expect((await client.get(`/api/exports/${json.id}`)).status).toBe(404);
  });

  test('is seen by whoever ordered it, and by officers who may see all of it', async () => {
    const { url } = await stage();
    const [ada, max, olga] = await Promise.all(
      ['ada@example.com', 'max', 'olga@example.com'].map((name) => signedIn(url, name)),
    );
    if (ada === undefined || max === undefined || olga === undefined) throw new Error('nobody');
    const id = await finished(ada);
    const own = await finished(max);
    const seen = async (client: Client) =>
      (await client.get('/api/exports')).json.exports.map((each: { id: string }) => each.id).sort();
    expect(await seen(ada)).toEqual([id]);
    expect(await seen(max)).toEqual([own]);
    expect(await seen(olga)).toEqual([id, own].sort());
    for (const path of [`/api/exports/${id}`, `/api/exports/${id}/download`])
      expect((await max.get(path)).status).toBe(404);
    expect((await max.send('DELETE', `/api/exports/${id}`)).status).toBe(404);
    expect((await olga.get(`/api/exports/${id}/download`)).status).toBe(200);
  });

  test('is kept from whoever may see less now than when he ordered it', async () => {
    const { url, users } = await stage();
    const client = await signedIn(url, 'ada@example.com');
    const id = await finished(client);
    const text = await readFile(users, 'utf8');
    await writeFile(
      users,
      text.replace(
        'ada@example.com, role: auditor, scope: all',
        'ada@example.com, role: auditor, scope: { matters: [M-2] }',
      ),
    );
    const { status, json } = await client.get(`/api/exports/${id}/download`);
    expect([status, json.error.code]).toEqual([403, 'access-denied']);
  });

  test('is limited by person, by server and by space', async () => {
    const slow = slowExport();
    const { url } = await stage({ verbs: { exportSlice: slow.exportSlice } });
    const [ada, max] = [await signedIn(url, 'ada@example.com'), await signedIn(url, 'max')];
    const order = async (client: Client) => (await client.post('/api/exports', ORDER)).status;
    expect([await order(ada), await order(ada), await order(ada)]).toEqual([202, 202, 429]);
    expect([await order(max), await order(max)]).toEqual([202, 429]);
    slow.finish();

    const small = await stage({
      options: {
        exports: { folder: `${(await stage()).folder}/x`, keep: 1e6, perPerson: 2, atOnce: 2, space: 14 },
      },
    });
    const client = await signedIn(small.url);
    await finished(client);
    expect((await client.post('/api/exports', ORDER)).status).toBe(507);
  });

  test('that fails says why, and leaves no part of a ZIP', async () => {
    const exportSlice: PortalVerbs['exportSlice'] = async (ctx, input, { out }) => {
      await ctx.record({ action: 'export', input });
      out.write('half');
      throw new ArchiverError('proof-invalid', 'a segment was altered', { detail: 'segments/x.parquet' });
    };
    const { url, folder, watched } = await stage({ verbs: { exportSlice } });
    const client = await signedIn(url);
    const { json } = await client.post('/api/exports', ORDER);
    const failed = await until(client, json.id, 'failed');
    expect(failed.error).toMatchObject({ code: 'proof-invalid', detail: 'segments/x.parquet' });
    expect(await readdir(join(folder, 'exports', json.id))).toEqual(['export.json']);
    expect((await client.get(`/api/exports/${json.id}/download`)).status).toBe(409);
    expect(watched).toContainEqual({ kind: 'export', outcome: 'failed' });
  });

  test('that is refused before it is on record is refused to whoever ordered it', async () => {
    const exportSlice: PortalVerbs['exportSlice'] = async () => {
      throw new ArchiverError('record-not-found', 'there is no such matter');
    };
    const { url, folder } = await stage({ verbs: { exportSlice } });
    const client = await signedIn(url);
    expect((await client.post('/api/exports', ORDER)).status).toBe(404);
    expect((await client.post('/api/exports', { ...ORDER, reason: '' })).status).toBe(400);
    expect(await readdir(join(folder, 'exports'))).toEqual([]);
  });

  test('is deleted when its time is over', async () => {
    const { url, clock, folder } = await stage();
    const id = await finished(await signedIn(url));
    clock.now += 86_400_000;
    const client = await signedIn(url);
    expect((await client.get('/api/exports')).json).toEqual({ exports: [] });
    expect((await client.get(`/api/exports/${id}`)).status).toBe(404);
    expect(await readdir(join(folder, 'exports'))).toEqual([]);
  });

  test('that runs can be stopped by deleting it', async () => {
    const slow = slowExport();
    const { url, folder, watched } = await stage({ verbs: { exportSlice: slow.exportSlice } });
    const client = await signedIn(url);
    const { json } = await client.post('/api/exports', ORDER);
    expect((await client.send('DELETE', `/api/exports/${json.id}`)).status).toBe(204);
    expect(await readdir(join(folder, 'exports'))).toEqual([]);
    expect(watched).toContainEqual({ kind: 'export', outcome: 'interrupted' });
  });
});

describe('over a restart', () => {
  test('finished exports are there, and those that ran are marked as interrupted', async () => {
    const slow = slowExport();
    const { url, portal, again } = await stage({ verbs: { exportSlice: slow.exportSlice } });
    const client = await signedIn(url);
    const [done, cut] = [
      (await client.post('/api/exports', ORDER)).json.id,
      (await client.post('/api/exports', ORDER)).json.id,
    ];
    slow.finish();
    await until(client, done, 'done');
    await until(client, cut, 'done');
    const third = (await client.post('/api/exports', ORDER)).json.id;
    await portal.stop();

    const next = await signedIn((await again()).url);
    const { exports } = (await next.get('/api/exports')).json;
    expect(exports.map(({ id, state }: { id: string; state: string }) => [id, state]).sort()).toEqual(
      [
        [done, 'done'],
        [cut, 'done'],
        [third, 'failed'],
      ].sort(),
    );
    expect((await next.get(`/api/exports/${third}`)).json.error.code).toBe('interrupted');
    expect((await next.get(`/api/exports/${done}/download`)).status).toBe(200);
  });

  test('one whose process was killed is given up when it was silent for long enough', async () => {
    const slow = slowExport();
    const { url, again, clock } = await stage({ verbs: { exportSlice: slow.exportSlice } });
    const { id } = (await (await signedIn(url)).post('/api/exports', ORDER)).json;
    // Beside the first server, which for the second one might as well be gone.
    const other = await signedIn((await again()).url);
    expect((await other.get(`/api/exports/${id}`)).json.state).toBe('running');
    clock.now += 90_000;
    expect((await other.get(`/api/exports/${id}`)).json).toMatchObject({
      state: 'failed',
      error: { code: 'interrupted' },
    });
    slow.finish();
    await until(other, id, 'done');
  });
});

async function fetchBytes(url: string, client: Client, id: string, range?: string) {
  const response = await fetch(`${url}/api/exports/${id}/download`, {
    headers: {
      cookie: [...client.cookies].map(([name, value]) => `${name}=${value}`).join('; '),
      ...(range === undefined ? {} : { range }),
    },
  });
  const bytes = Buffer.from(await response.arrayBuffer());
  return { status: response.status, headers: response.headers, bytes };
}
