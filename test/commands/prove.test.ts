/** `prove` and `verify-proof` as they are run: from the archive alone, then with the files and the key alone. */
import { createHash } from 'node:crypto';
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import {
  formatVerifierKey,
  generateSignerKey,
  noteKeyOf,
  parseSignerKey,
  witnessKeyOf,
} from '../../src/proof/key.ts';
import { type Ended, runArchiver, writeConfig } from '../support/command.ts';
import { PUBLIC_KEY, SIGNING_KEY } from '../support/log.ts';
import { startS3Fake } from '../support/s3-fake.ts';
import { type SealedArchive, sealedArchive } from '../support/sealed-archive.ts';
import { expectRefusal, setStage } from './stage.ts';

let archive: SealedArchive;
/** What `prove` wrote of the subject. */
let evidence: string;
let proven: Ended;

beforeAll(async () => {
  archive = await sealedArchive();
  evidence = join(archive.folder, 'evidence');
  proven = await prove('--message', archive.subject[0].messageId, '--out', evidence, '--json');
});
afterAll(() => archive.remove());

const prove = (...args: readonly string[]): Promise<Ended> =>
  runArchiver(['prove', ...args, '--config', archive.config]);
const verify = (...args: readonly string[]): Promise<Ended> => runArchiver(['verify-proof', ...args]);

async function temporary(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'prove-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** A copy of what `prove` wrote, as somebody else has it; paths of the proofs. */
async function copies(): Promise<readonly string[]> {
  const folder = await temporary();
  await cp(evidence, folder, { recursive: true });
  const names = await readdir(folder);
  return names.filter((name) => name.endsWith('.tlog-proof')).map((name) => join(folder, name));
}

const recordOf = (proof: string): string => proof.replace('.tlog-proof', '.record');

async function change(path: string, how: (text: string) => string): Promise<void> {
  const text = await readFile(path, 'latin1');
  const changed = how(text);
  expect(changed).not.toBe(text);
  await writeFile(path, changed, 'latin1');
}

describe('prove', () => {
  test('finds every version and the reactions, with the hashes that DuckDB sees', async () => {
    expect(proven).toMatchObject({ code: 0, stderr: '' });
    const { records, ...rest } = JSON.parse(proven.stdout);
    expect(rest).toEqual({
      message: archive.subject[0].messageId,
      log: { origin: 'archive.example.com/test', size: expect.any(Number) },
      key: PUBLIC_KEY,
      segments: new Set(archive.records.map(({ key }) => key)).size,
    });
    const known = archive.subject.map(({ stream, kind, session, hash, key }) => ({
      stream,
      kind,
      session,
      hash,
      segment: key,
    }));
    const shown = (records as (typeof known)[number][]).map(({ stream, kind, session, hash, segment }) => ({
      stream,
      kind,
      session,
      hash,
      segment,
    }));
    const byHash = (one: { hash: string }, other: { hash: string }): number =>
      one.hash < other.hash ? -1 : 1;
    expect(shown.sort(byHash)).toEqual(known.sort(byHash));
    expect(await readdir(evidence)).toHaveLength(2 * known.length);
    for (const { hash, record } of records) {
      const bytes = await readFile(record);
      expect(createHash('sha256').update(Buffer.of(0)).update(bytes).digest('hex')).toBe(hash);
    }
  });

  test('takes the id in braces and upper case, and only what is asked for', async () => {
    const [{ messageId, session }] = archive.subject;
    const kinds = new Set(
      archive.subject.filter(({ stream }) => stream === 'messages').map(({ kind }) => kind),
    );
    const kind = [...kinds].at(-1) ?? '';
    const folder = await temporary();
    const wanted = ['--message', `{${messageId.toUpperCase()}}`, '--session', session, '--kind', kind];
    const { code, stdout } = await prove(...wanted, '--out', folder, '--key', PUBLIC_KEY);
    expect({ code, stdout }).toMatchObject({ code: 0 });
    const expected = archive.subject.filter((row) => row.kind === kind).length;
    expect(stdout).toMatch(new RegExp(`^${expected} records proven by log archive.example.com/test`, 'm'));
    expect(stdout).toContain(`messages ${kind} in session ${session}`);
    expect(stdout).toContain(`verifies with ${PUBLIC_KEY}`);
    expect(await readdir(folder)).toHaveLength(2 * expected);
  });

  test('needs no configuration where place and key are given; a file may hold the key', async () => {
    const [{ messageId }] = archive.subject;
    const folder = await temporary();
    await writeFile(join(folder, 'key'), `${PUBLIC_KEY}\n`);
    const place = ['--archive', archive.root, '--key', join(folder, 'key')];
    const given = await runArchiver([
      ...['prove', '--message', messageId, '--out', join(folder, 'two'), '--json'],
      ...place,
    ]);
    expect(given).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(given.stdout)).toMatchObject({ key: PUBLIC_KEY });
    expect(await readdir(join(folder, 'two'))).toEqual(await readdir(evidence));
  });

  test('writes the same again, and never over other bytes', async () => {
    const [{ messageId }] = archive.subject;
    const [proof = '', other = ''] = await copies();
    const folder = join(proof, '..');
    expect(await prove('--message', messageId, '--out', folder)).toMatchObject({ code: 0 });
    await writeFile(recordOf(proof), 'mine');
    await rm(other);
    const refused = await prove('--message', messageId, '--out', folder);
    expectRefusal(refused, 2, basename(recordOf(proof)), 'another folder');
    expect(await readFile(recordOf(proof), 'utf8')).toBe('mine');
    expect(await readdir(folder)).not.toContain(basename(other));
  });

  test('does not find what is not there: 25, and says how many segments it looked at', async () => {
    const [{ messageId }] = archive.subject;
    const folder = join(await temporary(), 'none');
    const segments = new Set(archive.records.map(({ key }) => key)).size;
    const results = await Promise.all([
      prove('--message', 'nobody', '--out', folder),
      prove('--message', messageId, '--session', 'elsewhere', '--out', folder),
    ]);
    for (const result of results) expectRefusal(result, 25, `in ${segments} segments looked at`);
    await expect(readdir(folder)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('refuses another key than the log is signed with, and what is no key', async () => {
    const out = join(await temporary(), 'none');
    const id = archive.subject[0].messageId;
    const other = formatVerifierKey(noteKeyOf(generateSignerKey('archive.example.com/test')));
    const [stranger, none, kind] = await Promise.all([
      prove('--message', id, '--out', out, '--key', other),
      prove('--message', id, '--out', out, '--key', 'nothing'),
      prove('--message', id, '--out', out, '--kind', 'state'),
    ]);
    expectRefusal(stranger, 19, 'not signed');
    expectRefusal(none, 20, 'nothing');
    expectRefusal(kind, 2, 'state');
  });
});

describe('prove refuses an archive', () => {
  async function tampered(how: (root: string) => Promise<void>): Promise<Ended> {
    const folder = await temporary();
    const root = join(folder, 'archive');
    await cp(archive.root, root, { recursive: true });
    await how(root);
    const config = await writeConfig(folder, 'http://127.0.0.1:9', { ledger: { url: 'postgres://nowhere' } });
    const out = join(folder, 'out');
    const id = archive.subject[0].messageId;
    const ended = await runArchiver(['prove', '--message', id, '--out', out, '--config', config]);
    await expect(readdir(out)).rejects.toMatchObject({ code: 'ENOENT' });
    return ended;
  }
  const bit = (text: string): string => {
    const at = text.length >> 1;
    return text.slice(0, at) + String.fromCharCode(text.charCodeAt(at) ^ 1) + text.slice(at + 1);
  };
  const bundle = async (root: string): Promise<string> => {
    const size = (await readFile(join(root, 'log/checkpoint'), 'utf8')).split('\n')[1];
    return join(root, `log/tile/entries/000.p/${size}`);
  };

  test('with a bit of a segment flipped, also of one without the message', async () => {
    const { key } = archive.subject[0];
    expectRefusal(await tampered((root) => change(join(root, key), bit)), 19, key, 'other bytes');
    const own = new Set(archive.subject.map((row) => row.key));
    const other = archive.records.find((row) => !own.has(row.key))?.key ?? key;
    expectRefusal(await tampered((root) => change(join(root, other), bit)), 19, other);
  });

  test('without a segment that the log names', async () => {
    const { key } = archive.subject[0];
    expectRefusal(await tampered((root) => rm(join(root, key))), 19, key, 'missing');
  });

  test('with another entry in the log', async () => {
    const swap = (text: string): string => text.replace(/"bytes":(\d)/, (_, digit) => `"bytes":${9 - digit}`);
    const ended = await tampered(async (root) => change(await bundle(root), swap));
    expectRefusal(ended, 19, 'log');
  });

  test('with other hashes in its tiles', async () => {
    const tile = async (root: string): Promise<string> => (await bundle(root)).replace('entries', '0');
    const ended = await tampered(async (root) =>
      change(await tile(root), (text) => String.fromCharCode(text.charCodeAt(0) ^ 1) + text.slice(1)),
    );
    expectRefusal(ended, 19, 'not in the log');
  });

  test('with a changed checkpoint, or none', async () => {
    const head = (root: string): string => join(root, 'log/checkpoint');
    const size = (text: string): string =>
      text.replace(/\n(\d+)\n/, (_, digits) => `\n${Number(digits) - 1}\n`);
    expectRefusal(await tampered((root) => change(head(root), size)), 19, 'signature');
    expectRefusal(await tampered((root) => rm(head(root))), 6, 'checkpoint');
  });
});

test('prove fetches the versions that the log names from a bucket, and leaves nothing behind', async () => {
  const s3 = await startS3Fake();
  onTestFinished(() => s3.close());
  const { bucket, url: endpoint, credentials } = s3;
  const stage = await setStage({ sink: { s3: { bucket, endpoint, forcePathStyle: true, ...credentials } } });
  for (const args of [['init'], ['collect'], ['seal', '--all']]) await stage.succeeds(...args);
  const sql = 'select message_id, count(*) as n from messages group by all order by n desc limit 1';
  const [{ message_id: id, n }] = JSON.parse(await stage.succeeds('query', '--json', sql));
  const [out, scratch] = [await temporary(), await temporary()];
  const args = ['prove', '--message', id, '--out', out, '--config', stage.config];
  const ended = await runArchiver(args, { TMPDIR: scratch });
  expect(ended).toMatchObject({ code: 0, stderr: '' });
  const proofs = (await readdir(out)).filter((name) => name.endsWith('.tlog-proof'));
  expect(proofs.length).toBeGreaterThanOrEqual(Number(n));
  expect(await readdir(scratch)).toEqual([]);
  const paths = proofs.map((name) => join(out, name));
  expect(await verify(...paths, '--key', PUBLIC_KEY)).toMatchObject({ code: 0 });
});

describe('verify-proof', () => {
  test('holds for every proof, without a configuration, and shows what is proven', async () => {
    const proofs = await copies();
    const { code, stdout, stderr } = await verify(...proofs, '--key', PUBLIC_KEY);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout.match(/^holds: /gm)).toHaveLength(archive.subject.length);
    const { size } = JSON.parse(proven.stdout).log;
    for (const { stream, kind, session, messageId, key } of archive.subject) {
      for (const text of [
        'account     emulated-account',
        `stream      ${stream}`,
        `kind        ${kind}`,
        `session     ${session}`,
        `message id  ${messageId}`,
        key,
        `log         archive.example.com/test, size ${size}`,
      ])
        expect(stdout).toContain(text);
    }
    const json = JSON.parse((await verify(...proofs, '--key', PUBLIC_KEY, '--json')).stdout);
    expect(json.holds).toBe(true);
    const hashes = json.proofs.map(({ recordHash }: { recordHash: string }) => recordHash);
    expect(hashes.sort()).toEqual(archive.subject.map(({ hash }) => hash).sort());
  });

  test('names each failure, and one bad proof among good ones is enough: 19', async () => {
    const proofs = await copies();
    const [one = '', other = '', third = ''] = proofs;
    await change(recordOf(one), (text) => text.replace('"id"', '"iD"'));
    await change(other, (text) =>
      text.replace(/^index (\d+)/m, (_, digits) => `index ${Number(digits) - 1}`),
    );
    await rm(recordOf(third));
    const [ended, json] = await Promise.all([
      verify(...proofs, '--key', PUBLIC_KEY),
      verify(...proofs, '--key', PUBLIC_KEY, '--json'),
    ]);
    expectRefusal(ended, 19, `3 of ${proofs.length}`);
    for (const [proof, failure] of [
      [one, 'the record is not in the segment'],
      [other, 'the entry of the segment is not in the log'],
      [third, 'file cannot be read'],
    ])
      expect(ended.stdout).toContain(`does not hold: ${proof}\n  ${failure}`);
    expect(ended.stdout.match(/^holds: /gm) ?? []).toHaveLength(proofs.length - 3);
    expect(json.code).toBe(19);
    const { holds, proofs: verdicts } = JSON.parse(json.stdout);
    expect(holds).toBe(false);
    const bad = verdicts.filter((verdict: { holds: boolean }) => !verdict.holds);
    expect(bad[0]).toEqual({ file: one, holds: false, failures: ['the record is not in the segment'] });
    expect(bad).toHaveLength(3);
  });

  test('wants the key, and no other than the log’s', async () => {
    const [proof = ''] = await copies();
    const stranger = formatVerifierKey(noteKeyOf(generateSignerKey('archive.example.com/test')));
    const secret = join(proof, '../secret.key');
    await writeFile(secret, `${SIGNING_KEY}\n`);
    const [none, other, wrong, leaked] = await Promise.all([
      verify(proof),
      verify(proof, '--key', stranger),
      verify(proof, '--key', 'no key'),
      verify(proof, '--key', secret),
    ]);
    expectRefusal(none, 20, '--key is missing', 'must not come from the proof');
    expectRefusal(other, 19);
    expect(other.stdout).toContain('note is not signed by a known key');
    expectRefusal(wrong, 20, 'no key');
    expectRefusal(leaked, 20);
    expect(leaked.stdout + leaked.stderr).not.toContain(SIGNING_KEY.split('+').at(-1));
  });

  test('wants every witness that is named', async () => {
    const [proof = ''] = await copies();
    const witness = formatVerifierKey(witnessKeyOf(parseSignerKey(SIGNING_KEY)));
    const ended = await verify(proof, '--key', PUBLIC_KEY, '--require-witness', witness);
    expectRefusal(ended, 19);
    expect(ended.stdout).toContain('not cosigned by a witness asked for: archive.example.com/test');
    expectRefusal(await verify(proof, '--key', PUBLIC_KEY, '--require-witness', PUBLIC_KEY), 20);
  });

  test('wants proofs: 2', async () => {
    const [proof = ''] = await copies();
    const [none, record] = await Promise.all([
      verify('--key', PUBLIC_KEY),
      verify(recordOf(proof), '--key', PUBLIC_KEY),
    ]);
    expectRefusal(none, 2);
    expectRefusal(record, 2, '.tlog-proof');
  });
});
