/** docs/verify-by-hand.md word for word: its shell blocks, and no code of ours, on good and on tampered archives. */
import { execFile, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { encodeBundle } from '../../src/proof/entry-bundle.ts';
import { EMPTY_FRONTIER, grow } from '../../src/proof/frontier.ts';
import { formatVerifierKey, generateSignerKey, noteKeyOf } from '../../src/proof/key.ts';
import { formatNote, parseNote, signText } from '../../src/proof/note.ts';
import { formatProofFile, parseProofFile } from '../../src/proof/proof-file.ts';
import { proverOf } from '../../src/proof/record-proof.ts';
import { bundlesBetween } from '../../src/proof/tiles.ts';
import { entryHash } from '../../src/proof/tree.ts';
import { canonicalJson } from '../../src/record.ts';
import { bundleKey, tileKey } from '../../src/segments/layout.ts';
import { logWith, recordHashes, segmentEntry, someRecords } from '../proof/proving.ts';
import { runArchiver } from '../support/command.ts';
import { PUBLIC_KEY } from '../support/log.ts';
import { type SealedArchive, sealedArchive } from '../support/sealed-archive.ts';

const TOOLS = ['sh', 'awk', 'sed', 'xxd', 'base64', 'sha256sum', 'jq', 'openssl'];
const lacking = TOOLS.filter((tool) => spawnSync('sh', ['-c', `command -v ${tool}`]).status !== 0);
const skipped = lacking.length === 0 ? '' : ` (skipped: ${lacking.join(', ')} not installed)`;
if (skipped !== '') console.warn(`docs/verify-by-hand.md${skipped}`);

const PAGE = await readFile(join(import.meta.dirname, '../../docs/verify-by-hand.md'), 'utf8');
const SCRIPT = [...PAGE.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block = '']) => block).join('');

/** What a technician has in hand. */
interface Given {
  readonly KEY: string;
  readonly ARCHIVE: string;
  readonly PROOF: string;
  readonly FILE: string;
}

function runPage(given: Given): Promise<{ code: number; stdout: string; stderr: string }> {
  const env = { PATH: process.env.PATH, HOME: process.env.HOME, ...given };
  return new Promise((resolve) => {
    const child = execFile('sh', ['-s'], { env }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
    );
    child.stdin?.end(SCRIPT);
  });
}

async function temporary(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'by-hand-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

async function write(path: string, bytes: string | Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, bytes);
}

/** Changes one bit in the middle of a file. */
async function flip(path: string, at?: number): Promise<void> {
  const bytes = await readFile(path);
  const place = at ?? bytes.length >> 1;
  bytes.writeUInt8((bytes[place] ?? 0) ^ 1, place);
  await writeFile(path, bytes);
}

const recordOf = (proof: string): string => proof.replace('.tlog-proof', '.record');

test.skipIf(lacking.length > 0)(`the page says how to take its script out of it${skipped}`, async () => {
  const [, command = ''] = /^\$ (sed .*) verify-by-hand\.md > verify\.sh$/m.exec(PAGE) ?? [];
  const { stdout } = spawnSync('sh', ['-c', command], { input: PAGE, encoding: 'utf8' });
  expect(stdout).toBe(SCRIPT);
  expect(SCRIPT.length).toBeGreaterThan(3000);
  expect(SCRIPT).not.toMatch(/node_modules|zoom-chat-archiver|\bnode [a-z]/);
});

describe.skipIf(lacking.length > 0)(`an archive${skipped}`, () => {
  let archive: SealedArchive;
  let evidence: string;
  let proofs: readonly string[];

  beforeAll(async () => {
    archive = await sealedArchive();
    evidence = join(archive.folder, 'evidence');
    const id = archive.subject[0].messageId;
    const made = await runArchiver(['prove', '--message', id, '--out', evidence, '--config', archive.config]);
    expect(made).toMatchObject({ code: 0 });
    proofs = (await readdir(evidence)).filter((name) => name.endsWith('.tlog-proof')).sort();
    expect(proofs.length).toBeGreaterThan(2);
  });
  afterAll(() => archive.remove());

  /** A copy of the archive and of the proofs. */
  async function copied(): Promise<Given> {
    const folder = await temporary();
    await cp(archive.root, join(folder, 'archive'), { recursive: true });
    await cp(evidence, join(folder, 'evidence'), { recursive: true });
    return {
      KEY: PUBLIC_KEY,
      ARCHIVE: join(folder, 'archive'),
      PROOF: join(folder, 'evidence', proofs[0] ?? ''),
      FILE: archive.object,
    };
  }

  test('holds: every proof, a segment, an object', async () => {
    const given = await copied();
    const files = [archive.object, ...archive.subject.map(({ key }) => key)];
    for (const [index, proof] of proofs.entries()) {
      const FILE = files[index % files.length] ?? '';
      const PROOF = join(dirname(given.PROOF), proof);
      const { code, stdout, stderr } = await runPage({ ...given, FILE, PROOF });
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(stdout).toMatch(/everything holds\n$/);
      expect(stdout).toContain(`ok: ${FILE} is what was archived`);
      const record = (await readFile(recordOf(PROOF), 'utf8')).split('\n')[1] ?? '';
      expect(stdout).toContain(JSON.parse(record).id);
    }
  });

  type Tampering = (given: Given) => Promise<Partial<Given>> | Promise<void>;

  const changeProof =
    (how: (text: string) => string): Tampering =>
    async ({ PROOF }) => {
      const text = await readFile(PROOF, 'utf8');
      expect(how(text)).not.toBe(text);
      await writeFile(PROOF, how(text));
    };
  const otherHash = (hash: string): string => (hash.startsWith('A') ? 'B' : 'A') + hash.slice(1);
  /** The same head, signed by another key of the same name. */
  const stranger = generateSignerKey('archive.example.com/test');
  const signedByStranger = (checkpoint: string): string => {
    const { text } = parseNote(checkpoint);
    return formatNote({ text, signatures: [signText(text, stranger)] });
  };
  const head = ({ ARCHIVE }: Given): string => join(ARCHIVE, 'log/checkpoint');
  const edge = async (given: Given, level: string): Promise<string> => {
    const size = (await readFile(head(given), 'utf8')).split('\n')[1];
    return join(given.ARCHIVE, `log/tile/${level}/000.p/${size}`);
  };

  test.each<[string, string, Tampering]>([
    ['a byte of the record', 'the record is not in the segment', ({ PROOF }) => flip(recordOf(PROOF))],
    [
      'the kind of the record',
      'the record is not in the segment',
      async ({ PROOF }) => {
        const text = await readFile(recordOf(PROOF), 'utf8');
        await writeFile(recordOf(PROOF), text.replace(/"kind":"\w+"/, '"kind":"forged"'));
      },
    ],
    [
      'the record of another proof',
      'the record is not in the segment',
      ({ PROOF }) => cp(recordOf(join(dirname(PROOF), proofs[1] ?? '')), recordOf(PROOF)),
    ],
    [
      'a hash of the path to the segment',
      'the record is not in the segment',
      changeProof((text) => {
        const file = parseProofFile(text);
        const extra = JSON.parse(Buffer.from(file.extra ?? []).toString());
        extra.path[0] = otherHash(extra.path[0]);
        return formatProofFile({ ...file, extra: Buffer.from(canonicalJson(extra)) });
      }),
    ],
    [
      'the entry',
      'the entry of the segment is not in the log',
      changeProof((text) => {
        const file = parseProofFile(text);
        const extra = JSON.parse(Buffer.from(file.extra ?? []).toString());
        extra.entry = extra.entry.replace(/"class":"\w+"/, '"class":"other"');
        return formatProofFile({ ...file, extra: Buffer.from(canonicalJson(extra)) });
      }),
    ],
    [
      'a hash of the path to the checkpoint',
      'the entry of the segment is not in the log',
      changeProof((text) =>
        text.replace(/^(index \d+\n)(.*)$/m, (_, index, hash) => index + otherHash(hash)),
      ),
    ],
    [
      'a hash too many',
      'the path is too long',
      changeProof((text) => text.replace(/^(index \d+\n)(.*\n)/m, '$1$2$2')),
    ],
    [
      'the place in the log',
      'FAILED',
      changeProof((text) => text.replace(/^index (\d+)/m, (_, at) => `index ${Number(at) - 1}`)),
    ],
    [
      'the checkpoint of the proof, by that of another key',
      'the checkpoint is not signed with this key',
      changeProof((text) => {
        const file = parseProofFile(text);
        return formatProofFile({ ...file, checkpoint: signedByStranger(file.checkpoint) });
      }),
    ],
    [
      'the root in the checkpoint of the proof',
      'the signature does not hold',
      changeProof((text) => {
        const file = parseProofFile(text);
        const lines = file.checkpoint.split('\n');
        return formatProofFile({ ...file, checkpoint: lines.with(2, otherHash(lines[2] ?? '')).join('\n') });
      }),
    ],
    [
      'the checkpoint of the archive, by that of another key',
      'the checkpoint is not signed with this key',
      async (given) => writeFile(head(given), signedByStranger(await readFile(head(given), 'utf8'))),
    ],
    [
      'the size in the checkpoint of the archive',
      'the signature does not hold',
      async (given) => {
        const text = await readFile(head(given), 'utf8');
        await writeFile(head(given), text.replace(/\n\d+\n/, '\n5\n'));
      },
    ],
    [
      'the key, by another of the same name',
      'the checkpoint is not signed with this key',
      async () => ({ KEY: formatVerifierKey(noteKeyOf(stranger)) }),
    ],
    [
      'the key, by that of another log',
      'the checkpoint is of another log',
      async () => ({ KEY: formatVerifierKey(noteKeyOf(generateSignerKey('example.com/other'))) }),
    ],
    ['a digit of the key', 'the key has a slip', async ({ KEY }) => ({ KEY: KEY.replace('+4b', '+4c') })],
    ['a byte of the object', 'has other bytes', ({ ARCHIVE, FILE }) => flip(join(ARCHIVE, FILE))],
    [
      'the length of the object',
      'has another length',
      ({ ARCHIVE, FILE }) => truncate(join(ARCHIVE, FILE), 3),
    ],
    [
      'a byte of the segment',
      'has other bytes',
      async ({ ARCHIVE }) => {
        const FILE = archive.subject[0].key;
        await flip(join(ARCHIVE, FILE));
        return { FILE };
      },
    ],
    [
      'the file, by one that the log does not name',
      'the log does not name',
      async ({ ARCHIVE }) => {
        const FILE = 'objects/sha256/00/0000';
        await write(join(ARCHIVE, FILE), 'forged');
        return { FILE };
      },
    ],
    [
      'file and entry',
      'the entries are not those of the tree',
      async (given) => {
        const { ARCHIVE, FILE } = given;
        const bundle = await edge(given, 'entries');
        const text = await readFile(bundle, 'latin1');
        const forged = Buffer.from(await readFile(join(ARCHIVE, FILE)));
        forged.writeUInt8((forged[0] ?? 0) ^ 1, 0);
        await writeFile(join(ARCHIVE, FILE), forged);
        const sha256 = createHash('sha256').update(forged).digest('hex');
        const changed = text.replace(/"sha256":"\w+"(?=[^}]*)/g, (all) =>
          all.includes(FILE.slice(-64)) ? `"sha256":"${sha256}"` : all,
        );
        expect(changed).not.toBe(text);
        await writeFile(bundle, changed, 'latin1');
      },
    ],
    [
      'a bundle, cut short',
      'the entries are not those of the tree',
      async (given) => {
        const bundle = await edge(given, 'entries');
        await truncate(bundle, (await readFile(bundle)).length - 1);
      },
    ],
    [
      'a hash of the tree',
      'the entries are not those of the tree',
      async (given) => flip(await edge(given, '0'), 3),
    ],
  ])('does not hold with another: %s', async (_what, failure, tamper) => {
    const given = await copied();
    const changed = (await tamper(given)) ?? {};
    const { code, stdout, stderr } = await runPage({ ...given, ...changed });
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining(failure) });
    expect(stderr).toContain('FAILED');
    expect(stdout).not.toContain('everything holds');
  });

  test.each(['KEY', 'ARCHIVE', 'PROOF', 'FILE'] as const)('is not checked without %s', async (name) => {
    const { [name]: _none, ...given } = await copied();
    const { code, stdout, stderr } = await runPage(given as Given);
    expect(code).not.toBe(0);
    expect(stderr).toContain(name);
    expect(stdout).not.toContain('everything holds');
  });
});

describe.skipIf(lacking.length > 0)(`a long log${skipped}`, () => {
  /** An archive of one segment, whose bytes are no matter, with its entry at `index` of a log of `size`. */
  async function longArchive(index: number, size: number): Promise<Given> {
    const folder = await temporary();
    const [ARCHIVE, PROOF] = [join(folder, 'archive'), join(folder, 'one.tlog-proof')];
    const records = someRecords(5);
    const bytes = Buffer.from('a segment');
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const entry = segmentEntry(records, { sha256, bytes: bytes.length });
    const { entries, log, placed } = logWith(entry, index, size);
    for (const bundle of bundlesBetween(0, size))
      await write(join(ARCHIVE, bundleKey(bundle)), encodeBundle(entries.slice(bundle.from, bundle.to)));
    for (const tile of grow(EMPTY_FRONTIER, entries.map(entryHash)).tiles)
      await write(join(ARCHIVE, tileKey(tile)), tile.bytes);
    await write(join(ARCHIVE, 'log/checkpoint'), log.text);
    await write(join(ARCHIVE, entry.key), bytes);
    const prove = await proverOf(log, placed, recordHashes(records));
    await write(PROOF, await prove(3));
    await write(recordOf(PROOF), records[3] ?? '');
    return { KEY: PUBLIC_KEY, ARCHIVE, PROOF, FILE: entry.key };
  }

  test.each([
    [0, 1],
    [255, 256],
    [7, 257],
    [258, 300],
    [513, 700],
    [65_540, 65_800],
    [300, 65_537],
  ])('holds: entry %i of %i', async (index, size) => {
    const { code, stdout, stderr } = await runPage(await longArchive(index, size));
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/everything holds\n$/);
  });

  test.each([
    ['0/000', 'the entries are not those of the tree'],
    ['1/000.p/2', 'a tile is not that of the tree'],
    ['0/002.p/188', 'the tiles are not those of the checkpoint'],
  ])('does not hold with another tile %s', async (tile, failure) => {
    const given = await longArchive(7, 700);
    await flip(join(given.ARCHIVE, 'log/tile', tile), 9);
    const { code, stderr } = await runPage(given);
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining(failure) });
  });
});
