/** `verify` against a bucket that somebody tampers with, and `cosign` by a witness. */
import { appendFile, cp, mkdtemp, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  PutObjectCommand,
  PutObjectRetentionCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { openCheckpoint, signCheckpoint } from '../../src/proof/checkpoint.ts';
import { noteKeyOf, parseSignerKey } from '../../src/proof/key.ts';
import { type Ended, runArchiver } from '../support/command.ts';
import { PUBLIC_KEY, SIGNING_KEY } from '../support/log.ts';
import { startS3Fake } from '../support/s3-fake.ts';
import { type SealedArchive, sealedArchive } from '../support/sealed-archive.ts';
import { setStage } from './stage.ts';

async function temporary(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'verify-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

interface Finding {
  readonly check: string;
  readonly what: string;
  readonly key: string;
}

function findingsOf({ code, stdout }: Ended): readonly Finding[] {
  expect(code).toBe(19);
  return JSON.parse(stdout).findings;
}

describe('a bucket', () => {
  test('holds, and every version that is replaced, hidden, freed or deleted is found', async () => {
    const forbidden: string[] = [];
    const s3 = await startS3Fake({ forbidden });
    onTestFinished(() => s3.close());
    const { bucket, url: endpoint, credentials, region } = s3;
    const stage = await setStage({
      sink: { s3: { bucket, prefix: 'zoom', endpoint, forcePathStyle: true, ...credentials } },
      retention: { default: { mode: 'governance' } },
    });
    for (const args of [['init'], ['collect'], ['seal', '--all']]) await stage.succeeds(...args);
    const verify = (...args: string[]): Promise<Ended> =>
      runArchiver(
        [
          'verify',
          '--json',
          '--archive',
          `s3://${bucket}/zoom`,
          '--endpoint',
          endpoint,
          '--key',
          PUBLIC_KEY,
          ...args,
        ],
        { AWS_ACCESS_KEY_ID: credentials.accessKeyId, AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey },
      );
    const good = await verify();
    expect(good).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(good.stdout)).toMatchObject({ ok: true, findings: [] });
    expect(JSON.parse((await verify('--sample', '2')).stdout)).toMatchObject({ ok: true, read: 2 });

    // Auditors may have no right to read retention; then nothing is known of the locks, and it is said once.
    forbidden.push('GET object?retention');
    const blind = JSON.parse((await verify()).stdout);
    expect(blind).toMatchObject({ ok: true, findings: [], locksUnseen: blind.objects });
    expect(s3.requests.filter((request) => /^GET .*\?retention$/.test(request))).toHaveLength(1);
    forbidden.length = 0;

    const client = new S3Client({ endpoint, region, credentials, forcePathStyle: true });
    onTestFinished(() => client.destroy());
    const [hidden = '', freed = '', deleted = '', replaced = '', longer = '', twice = ''] = s3
      .objects()
      .map(({ key }) => key)
      .filter((key) => key.startsWith('zoom/segments/stream=messages/'));
    const own = (key: string): string => key.slice('zoom/'.length);
    const put = (Key: string) => client.send(new PutObjectCommand({ Bucket: bucket, Key, Body: 'forged' }));
    const remove = async (Key: string): Promise<void> => {
      const { VersionId } = await client.send(new GetObjectCommand({ Bucket: bucket, Key }));
      await client.send(
        new DeleteObjectCommand({ Bucket: bucket, Key, VersionId, BypassGovernanceRetention: true }),
      );
    };
    await put(hidden);
    await client.send(
      new PutObjectRetentionCommand({
        Bucket: bucket,
        Key: freed,
        Retention: { Mode: 'GOVERNANCE', RetainUntilDate: new Date(Date.now() + 60_000) },
        BypassGovernanceRetention: true,
      }),
    );
    await remove(deleted);
    await remove(replaced);
    await put(replaced);
    const bytesOf = (wanted: string) => s3.objects().find(({ key }) => key === wanted)?.bytes ?? Buffer.of();
    s3.tamper(longer, Buffer.concat([bytesOf(longer), Buffer.alloc(4_000_000)]));
    // The same bytes once more hide nothing.
    await client.send(new PutObjectCommand({ Bucket: bucket, Key: twice, Body: bytesOf(twice) }));
    // Of the log: what has a lock was published, and must not be hidden; what has none may have been replaced before.
    const tile = 'zoom/log/tile/0/009';
    const spare = 'zoom/log/tile/0/008';
    const lock = {
      ObjectLockMode: 'GOVERNANCE',
      ObjectLockRetainUntilDate: new Date(Date.now() + 86_400_000),
    } as const;
    await client.send(new PutObjectCommand({ Bucket: bucket, Key: tile, Body: 'hashes', ...lock }));
    await put(spare);
    for (const Key of [tile, spare, 'zoom/archive.json']) {
      await client.send(new DeleteObjectCommand({ Bucket: bucket, Key }));
    }
    const found = findingsOf(await verify()).map(({ check, what, key }) => ({ check, what, key }));
    expect(found).toContainEqual({
      check: 'object',
      what: 'a later version or a delete marker hides the object',
      key: own(hidden),
    });
    expect(found).toContainEqual({
      check: 'lock',
      what: 'the lock is weaker than the entry says',
      key: own(freed),
    });
    expect(found).toContainEqual({ check: 'object', what: 'the object is missing', key: own(deleted) });
    expect(found).toContainEqual({
      check: 'object',
      what: 'the object has another version',
      key: own(replaced),
    });
    expect(found).toContainEqual({
      check: 'object',
      what: 'the object is longer than its entry says',
      key: own(longer),
    });
    for (const Key of [tile, 'zoom/archive.json']) {
      const what = 'a later version or a delete marker hides the object';
      expect(found).toContainEqual({ check: 'object', what, key: own(Key) });
    }
    expect(new Set(found.map(({ key }) => key))).toEqual(
      new Set([hidden, freed, deleted, replaced, longer, tile, 'zoom/archive.json'].map(own)),
    );
  });
});

describe('an archive in a folder', () => {
  let archive: SealedArchive;
  beforeAll(async () => {
    archive = await sealedArchive();
  });
  afterAll(() => archive.remove());

  async function copy(): Promise<string> {
    const root = join(await temporary(), 'archive');
    await cp(archive.root, root, { recursive: true });
    return root;
  }
  const on = (command: string, root: string, ...args: string[]): Promise<Ended> =>
    runArchiver([command, '--json', '--archive', root, '--key', PUBLIC_KEY, ...args]);
  const key = async (folder: string, name: string): Promise<{ file: string; witnessKey: string }> => {
    const file = join(folder, name.replaceAll('/', '-'));
    const made = await runArchiver(['keygen', '--json', '--name', name, '--out', file]);
    return { file, ...JSON.parse(made.stdout) };
  };

  test('is verified by its configuration too, and against a head saved before only what is new is read', async () => {
    const folder = await temporary();
    const saved = join(folder, 'checkpoint');
    const first = await runArchiver(['verify', '--config', archive.config, '--save', saved]);
    expect(first).toMatchObject({ code: 0, stderr: '' });
    expect(first.stdout).toContain('Everything holds.');
    expect(first.stdout).toMatch(/^messages covered from 2026-\S+Z to 2026-\S+Z$/m);
    expect(first.stdout).toContain(await readFile(saved, 'utf8').then((text) => text.trimEnd()));
    const again = await runArchiver(['verify', '--json', '--config', archive.config, '--since', saved]);
    expect(JSON.parse(again.stdout)).toMatchObject({ ok: true, entries: 0, objects: 0 });
  });

  test('is cosigned by a witness, who is then demanded', async () => {
    const root = await copy();
    const folder = await temporary();
    const witness = await key(folder, 'witness.example.org/one');
    const state = join(folder, 'state');
    const demand = ['--require-witness', witness.witnessKey];
    expect(findingsOf(await on('verify', root, ...demand))).toMatchObject([{ check: 'witness' }]);
    const cosign = (...args: string[]): Promise<Ended> =>
      on('cosign', root, '--witness-key', witness.file, '--state', state, ...args);
    // A witness who lost his memory must not take any head for a good one.
    expect(await cosign()).toMatchObject({ code: 2 });
    expect(await cosign('--first')).toMatchObject({ code: 0 });
    expect(await cosign('--first')).toMatchObject({ code: 2 });
    expect(await on('verify', root, ...demand)).toMatchObject({ code: 0 });
    expect(await cosign()).toMatchObject({ code: 0 });
    expect((await readdir(folder)).filter((name) => name.startsWith('state'))).toEqual(['state']);
    const told = await on('verify', root, ...demand);
    expect(told).toMatchObject({ code: 0 });
    const { checkpoint, testimonies } = JSON.parse(told.stdout);
    expect(testimonies).toEqual([
      { name: 'witness.example.org/one', size: checkpoint.size, time: expect.any(Number) },
    ]);
    const evidence = join(folder, 'evidence');
    const wanted = [
      '--message',
      archive.subject[0].messageId,
      '--out',
      evidence,
      '--witness',
      witness.witnessKey,
    ];
    expect(await on('prove', root, ...wanted)).toMatchObject({ code: 0 });
    const [proof = ''] = (await readdir(evidence)).filter((name) => name.endsWith('.tlog-proof'));
    const held = ['verify-proof', join(evidence, proof), '--key', PUBLIC_KEY];
    expect(await runArchiver([...held, ...demand])).toMatchObject({ code: 0 });
    expect((await runArchiver([...held, '--require-witness', PUBLIC_KEY])).code).not.toBe(0);
    const stranger = await key(folder, 'witness.example.org/two');
    expect(
      findingsOf(await on('verify', root, ...demand, '--require-witness', stranger.witnessKey)),
    ).toMatchObject([{ check: 'witness', what: 'the witness has cosigned nothing' }]);
  });

  test.each([
    ['went back', 'the log went back', (size: number) => size - 1],
    ['was forked at the same size', 'trees are not consistent', (size: number) => size],
  ])('that %s is not cosigned, though its own key signed it', async (_name, what, sizeOf) => {
    const root = await copy();
    const folder = await temporary();
    const witness = await key(folder, 'witness.example.org/one');
    const state = join(folder, 'state');
    await on('cosign', root, '--witness-key', witness.file, '--state', state, '--first');
    const kept = await readFile(state, 'utf8');
    const signer = parseSignerKey(SIGNING_KEY);
    const { checkpoint } = openCheckpoint(kept, noteKeyOf(signer), signer.name);
    const forged = { ...checkpoint, size: sizeOf(checkpoint.size), root: Buffer.alloc(32, 7) };
    await rm(join(root, 'log/checkpoint'));
    await writeFile(join(root, 'log/checkpoint'), signCheckpoint(forged, signer));
    const refused = await on('cosign', root, '--witness-key', witness.file, '--state', state);
    expect(refused).toMatchObject({ code: 19 });
    expect(refused.stderr).toContain(what);
    expect(refused.stderr).toContain('nothing was signed');
    expect(await readFile(state, 'utf8')).toBe(kept);
    expect(findingsOf(await on('verify', root, '--require-witness', witness.witnessKey))[0]).toMatchObject({
      check: 'witness',
    });
  });

  test('with a state file that another key signed is not cosigned', async () => {
    const root = await copy();
    const folder = await temporary();
    const [one, two] = [
      await key(folder, 'witness.example.org/one'),
      await key(folder, 'witness.example.org/two'),
    ];
    const state = join(folder, 'state');
    expect(await on('cosign', root, '--witness-key', one.file, '--state', state, '--first')).toMatchObject({
      code: 0,
    });
    expect(await on('cosign', root, '--witness-key', two.file, '--state', state)).toMatchObject({ code: 19 });
  });

  test.each(['segments', 'segments/stream=messages'])(
    'with a link in the place of %s is found out',
    async (folder) => {
      const root = await copy();
      const away = join(await temporary(), 'away');
      await rename(join(root, folder), away);
      await symlink(away, join(root, folder));
      expect(
        findingsOf(await on('verify', root)).map(({ check, key: found }) => `${check} ${found}`),
      ).toContain(`unlogged ${folder}`);
    },
  );

  test('in a folder with a name that DuckDB could read as a column holds all the same', async () => {
    const folder = join(await temporary(), 'account=somebody', 'kind=deleted');
    const root = join(folder, 'archive');
    await cp(archive.root, root, { recursive: true });
    expect(await on('verify', root)).toMatchObject({ code: 0 });
    const [{ messageId }] = archive.subject;
    const proven = await on('prove', root, '--message', messageId, '--out', join(folder, 'evidence'));
    expect(proven).toMatchObject({ code: 0 });
    expect(JSON.parse(proven.stdout).records).toHaveLength(archive.subject.length);
  });

  test('without key, or with another one, is not called right', async () => {
    const root = await copy();
    const folder = await temporary();
    await key(folder, 'archive.example.com/test');
    expect(await runArchiver(['verify', '--archive', root])).toMatchObject({ code: 2 });
    await appendFile(join(root, 'log/checkpoint'), 'x').catch(() => undefined);
    expect(await on('verify', root)).toMatchObject({ code: 19 });
  });
});
