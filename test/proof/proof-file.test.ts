import fc from 'fast-check';
import { expect, test } from 'vitest';
import { signCheckpoint } from '../../src/proof/checkpoint.ts';
import { generateSignerKey } from '../../src/proof/key.ts';
import { formatProofFile, type ProofFile, parseProofFile } from '../../src/proof/proof-file.ts';

const CHECKPOINT = signCheckpoint(
  { origin: 'example.com/log', size: 109_482, root: Buffer.alloc(32, 1), extensions: [] },
  generateSignerKey('example.com/log'),
);
const HASH = 'gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=';
const FILE = `c2sp.org/tlog-proof@v1\nextra c29tZQ==\nindex 73894\n${HASH}\n${HASH}\n\n${CHECKPOINT}`;
const invalid = expect.objectContaining({ code: 'proof-invalid' });

test('is the text of the specification', () => {
  const hash = Buffer.from(HASH, 'base64');
  const proof: ProofFile = {
    extra: Buffer.from('some'),
    index: 73_894,
    path: [hash, hash],
    checkpoint: CHECKPOINT,
  };
  expect(formatProofFile(proof)).toBe(FILE);
  expect(parseProofFile(FILE)).toEqual(proof);
});

test('of a log with one entry has neither path nor extra', () => {
  const text = `c2sp.org/tlog-proof@v1\nindex 0\n\n${CHECKPOINT}`;
  const proof = { extra: undefined, index: 0, path: [], checkpoint: CHECKPOINT };
  expect(formatProofFile(proof)).toBe(text);
  expect(parseProofFile(text)).toEqual(proof);
});

test('written and read back is the same', () => {
  const bytes = (length: { minLength?: number; maxLength: number }) =>
    fc.uint8Array(length).map((array) => Buffer.from(array));
  const proof = fc.record({
    extra: fc.option(bytes({ maxLength: 200 }), { nil: undefined }),
    index: fc.maxSafeNat(),
    path: fc.array(bytes({ minLength: 32, maxLength: 32 }), { maxLength: 53 }),
    checkpoint: fc.constant(CHECKPOINT),
  });
  fc.assert(
    fc.property(proof, (some) => {
      expect(parseProofFile(formatProofFile(some))).toEqual(some);
    }),
  );
});

test.each<[string, string]>([
  ['nothing', ''],
  ['only a checkpoint', CHECKPOINT],
  ['no first line', FILE.slice(FILE.indexOf('\n') + 1)],
  ['another version', FILE.replace('@v1', '@v2')],
  ['a space after the version', FILE.replace('@v1', '@v1 ')],
  ['carriage returns', FILE.replaceAll('\n', '\r\n')],
  ['extra that is no base64', FILE.replace('c29tZQ==', 'c29tZQ')],
  ['two lines of extra', FILE.replace('extra c29tZQ==\n', 'extra c29tZQ==\nextra c29tZQ==\n')],
  ['extra after the index', FILE.replace('extra c29tZQ==\nindex 73894\n', 'index 73894\nextra c29tZQ==\n')],
  ['extra without a space', FILE.replace('extra c29tZQ==', 'extra')],
  ['no index', FILE.replace('index 73894\n', '')],
  ['an empty index', FILE.replace('index 73894', 'index ')],
  ['an index with a leading zero', FILE.replace('index 73894', 'index 073894')],
  ['a negative index', FILE.replace('index 73894', 'index -1')],
  ['an index that no number holds', FILE.replace('index 73894', 'index 9007199254740992')],
  ['two spaces before the index', FILE.replace('index 73894', 'index  73894')],
  ['a short hash', FILE.replace(HASH, Buffer.alloc(31).toString('base64'))],
  ['a long hash', FILE.replace(HASH, Buffer.alloc(33).toString('base64'))],
  ['a hash without padding', FILE.replace(HASH, HASH.slice(0, -1))],
  ['a hash with other last bits', FILE.replace(HASH, HASH.replace('lQ=', 'lR='))],
  ['a hash with a space', FILE.replace(HASH, `${HASH} `)],
  ['no empty line', FILE.replace('\n\n', '\n')],
  ['no checkpoint', FILE.slice(0, FILE.indexOf('\n\n') + 2)],
  ['two empty lines', FILE.replace('\n\n', '\n\n\n\n').replace(CHECKPOINT, '')],
  ['a checkpoint without signatures', FILE.slice(0, FILE.indexOf('\n\n— ') + 2)],
  ['something after the checkpoint', `${FILE}more\n`],
])('is refused: %s', (_why, text) => {
  expect(() => parseProofFile(text)).toThrow(invalid);
});
