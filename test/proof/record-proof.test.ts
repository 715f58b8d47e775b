import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cosign } from '../../src/proof/cosignature.ts';
import type { SegmentEntry } from '../../src/proof/entry.ts';
import { generateSignerKey, noteKeyOf, witnessKeyOf } from '../../src/proof/key.ts';
import { formatNote } from '../../src/proof/note.ts';
import { formatProofFile, type ProofFile, parseProofFile } from '../../src/proof/proof-file.ts';
import { checkRecordProof, proverOf } from '../../src/proof/record-proof.ts';
import { canonicalJson, type Json } from '../../src/record.ts';
import { naivePath } from './naive-tree.ts';
import {
  FACT,
  KEY,
  logWith,
  recordBytes,
  recordHashes,
  SIGNER,
  segmentEntry,
  someRecords,
} from './proving.ts';

const base64 = (list: readonly Uint8Array[]): string[] =>
  list.map((one) => Buffer.from(one).toString('base64'));

/** Proof of one record of a segment of `count`, in a log of `size`. */
async function proven(row: number, count: number, index: number, size: number) {
  const records = someRecords(count);
  const made = logWith(segmentEntry(records), index, size);
  const prove = await proverOf(made.log, made.placed, recordHashes(records));
  return { ...made, records, record: records[row] ?? Buffer.of(), proof: await prove(row) };
}

const place = (most: number) =>
  fc.integer({ min: 1, max: most }).chain((n) => fc.tuple(fc.nat(n - 1), fc.constant(n)));

test('a proof has the paths of the recursive definition, and holds', async () => {
  await fc.assert(
    fc.asyncProperty(place(60), place(300), async ([row, count], [index, size]) => {
      const { proof, record, records, entries, log, placed } = await proven(row, count, index, size);
      const [head = '', ...checkpoint] = proof.split('\n\n');
      const [version, extra = '', at, ...path] = head.split('\n');
      expect(version).toBe('c2sp.org/tlog-proof@v1');
      expect(at).toBe(`index ${index}`);
      expect(path).toEqual(base64(naivePath(index, entries)));
      expect(checkpoint.join('\n\n')).toBe(log.text);
      expect(JSON.parse(Buffer.from(extra.slice('extra '.length), 'base64').toString())).toEqual({
        v: 1,
        entry: entries[index]?.toString(),
        index: row,
        count,
        path: base64(naivePath(row, records)),
      });
      expect(checkRecordProof(proof, record, KEY, [])).toEqual({
        holds: true,
        fact: FACT,
        messageId: `abc-${row}`,
        recordHash: recordHashes([record])[0]?.toString('hex'),
        origin: SIGNER.name,
        size,
        entry: placed.entry,
        witnesses: [],
      });
    }),
    { numRuns: 60 },
  );
});

describe('no proof is made', () => {
  const invalid = expect.objectContaining({ code: 'proof-invalid' });
  const records = someRecords(7);
  const leaves = recordHashes(records);
  const { log, placed } = logWith(segmentEntry(records), 3, 10);

  test.each<[string, Buffer[]]>([
    ['a changed record', leaves.map((leaf, row) => (row === 2 ? Buffer.alloc(32) : leaf))],
    ['a record too few', leaves.slice(0, -1)],
    ['a record too many', [...leaves, ...leaves.slice(0, 1)]],
    ['another order', leaves.toReversed()],
    ['no records', []],
  ])('of rows with %s', async (_what, rows) => {
    await expect(proverOf(log, placed, rows)).rejects.toEqual(invalid);
  });

  test('of an entry that is not in the log, or elsewhere in it', async () => {
    const other = { ...placed, bytes: Buffer.from(canonicalJson({ ...placed.entry, version: 'v2' })) };
    await expect(proverOf(log, other, leaves)).rejects.toEqual(invalid);
    await expect(proverOf(log, { ...placed, index: 4 }, leaves)).rejects.toEqual(invalid);
  });

  test('of a row that the segment does not have', async () => {
    const prove = await proverOf(log, placed, leaves);
    await expect(prove(7)).rejects.toMatchObject({ code: 'internal' });
  });
});

/** One thing changed at a time, and what the verdict calls it. */
describe('a proof does not hold', async () => {
  const { proof, record, records, placed } = await proven(5, 9, 6, 11);
  const file = parseProofFile(proof);
  const extra = JSON.parse(Buffer.from(file.extra ?? []).toString());

  const withFile = (changes: Partial<ProofFile>): string => formatProofFile({ ...file, ...changes });
  const withExtra = (changes: Record<string, Json>): string =>
    withFile({ extra: Buffer.from(canonicalJson({ ...extra, ...changes })) });
  const withEntry = (changes: Partial<SegmentEntry>): string =>
    withExtra({ entry: canonicalJson(segmentEntry(records, changes)) });
  const flipped = (list: readonly Uint8Array[], at: number): Buffer[] =>
    list.map((hash, place) =>
      Buffer.from(hash.map((byte, index) => (place === at && index === 9 ? byte ^ 4 : byte))),
    );
  const rowPath: Buffer[] = extra.path.map((hash: string) => Buffer.from(hash, 'base64'));
  const stranger = generateSignerKey(SIGNER.name);
  const NOT_IN_LOG = 'the entry of the segment is not in the log';
  const NOT_IN_SEGMENT = 'the record is not in the segment';
  const NOT_READABLE = 'what leads from the record to its segment is not readable';

  test.each<[string, string, Uint8Array, readonly string[]]>([
    ['with another text', proof, Buffer.from(record.toString().replace('text', 'tExt')), [NOT_IN_SEGMENT]],
    [
      'with another kind',
      proof,
      Buffer.from(record.toString().replace('edited', 'deleted')),
      [NOT_IN_SEGMENT],
    ],
    ['of the next record', proof, records[6] ?? record, [NOT_IN_SEGMENT]],
    ['with a line feed behind it', proof, Buffer.concat([record, Buffer.from('\n')]), [NOT_IN_SEGMENT]],
    ['of no record', proof, Buffer.of(), ['the record file does not begin with a fact', NOT_IN_SEGMENT]],
    [
      'of a record that is no JSON',
      proof,
      recordBytes(FACT, 'text'),
      ['the record is no JSON', NOT_IN_SEGMENT],
    ],
    [
      'with a fact in other words',
      proof,
      Buffer.from(record.toString().replace('{"account"', '{ "account"')),
      ['the record file does not begin with a fact', NOT_IN_SEGMENT],
    ],
    ['at another row', withExtra({ index: 4 }), record, [NOT_IN_SEGMENT]],
    ['at a row after the last', withExtra({ index: 9 }), record, ['no such leaf in the tree: 9 of 9']],
    ['of fewer rows', withExtra({ count: 8 }), record, ['the segment has another number of records: 9']],
    ...rowPath.map((_, at): [string, string, Uint8Array, string[]] => [
      `with another hash ${at} to the segment`,
      withExtra({ path: base64(flipped(rowPath, at)) }),
      record,
      [NOT_IN_SEGMENT],
    ]),
    ['with a short path', withExtra({ path: extra.path.slice(1) }), record, ['inclusion path is too short']],
    [
      'with a long path',
      withExtra({ path: [...extra.path, extra.path[0]] }),
      record,
      ['inclusion path is too long'],
    ],
    ['with a hash that is none', withExtra({ path: ['x', ...extra.path.slice(1)] }), record, [NOT_READABLE]],
    [
      'with a short hash',
      withExtra({ path: ['AA==', ...extra.path.slice(1)] }),
      record,
      ['hash of a proof has another length: 1 bytes'],
    ],
    ['with an entry of another object', withEntry({ sha256: '7'.repeat(64) }), record, [NOT_IN_LOG]],
    ['with an entry of another version', withEntry({ version: 'v2' }), record, [NOT_IN_LOG]],
    [
      'with an entry of another root',
      withEntry({ root: 'a'.repeat(64) }),
      record,
      [NOT_IN_SEGMENT, NOT_IN_LOG],
    ],
    [
      'with an entry of another stream',
      withEntry({ stream: 'reactions' }),
      record,
      ['the record is of another stream than the segment: messages', NOT_IN_LOG],
    ],
    [
      'with the entry in other words',
      withExtra({ entry: JSON.stringify(placed.entry, null, 1) }),
      record,
      ['log entry is not readable'],
    ],
    [
      'with an entry of another type',
      withExtra({
        entry: canonicalJson({
          type: 'config',
          at: '2026-11-20T00:00:00.000Z',
          sha256: '1'.repeat(64),
          what: 'x',
        }),
      }),
      record,
      ['the entry is not one of a segment: config'],
    ],
    ['of another version', withExtra({ v: 2 }), record, [NOT_READABLE]],
    ['with more than it may say', withExtra({ more: 1 }), record, [NOT_READABLE]],
    [
      'with extra in other words',
      withFile({ extra: Buffer.from(JSON.stringify(extra, null, 1)) }),
      record,
      [NOT_READABLE],
    ],
    ['without extra', withFile({ extra: undefined }), record, [NOT_READABLE]],
    ['at another place in the log', withFile({ index: 5 }), record, [NOT_IN_LOG]],
    ['after the end of the log', withFile({ index: 11 }), record, ['no such leaf in the tree: 11 of 11']],
    ...file.path.map((_, at): [string, string, Uint8Array, string[]] => [
      `with another hash ${at} to the head`,
      withFile({ path: flipped(file.path, at) }),
      record,
      [NOT_IN_LOG],
    ]),
    [
      'with a short path to the head',
      withFile({ path: file.path.slice(1) }),
      record,
      ['inclusion path is too short'],
    ],
    [
      'with the head of another log',
      withFile({ checkpoint: logWith(segmentEntry(records), 6, 12).log.text }),
      record,
      [NOT_IN_LOG],
    ],
    [
      "with a head of another's key",
      withFile({ checkpoint: logWith(placed.entry, 6, 11, stranger).log.text }),
      record,
      ['note is not signed by a known key'],
    ],
    [
      'with another size',
      proof.replace('\n11\n', '\n12\n'),
      record,
      [`signature of a note does not hold: ${KEY.name}`],
    ],
    [
      'with another signature',
      proof.slice(0, -8) + (proof.at(-8) === 'A' ? 'B' : 'A') + proof.slice(-7),
      record,
      [`signature of a note does not hold: ${KEY.name}`],
    ],
    ['that is none', 'nothing', record, ['file is no proof']],
  ])('%s', (_what, changedProof, changedRecord, failures) => {
    expect(checkRecordProof(changedProof, changedRecord, KEY, [])).toEqual({ holds: false, failures });
  });

  test('for another key, of the same or another name', () => {
    for (const key of [noteKeyOf(stranger), noteKeyOf(generateSignerKey('example.com/other'))]) {
      const failures = ['note is not signed by a known key'];
      expect(checkRecordProof(proof, record, key, [])).toEqual({ holds: false, failures });
    }
  });

  test('when any bit of the record is another', () => {
    fc.assert(
      fc.property(fc.nat(record.length * 8 - 1), (bit) => {
        const changed = Buffer.from(record);
        changed.writeUInt8((changed[bit >> 3] ?? 0) ^ (1 << (bit & 7)), bit >> 3);
        expect(checkRecordProof(proof, changed, KEY, [])).toMatchObject({ holds: false });
      }),
    );
  });

  test('when any character of what is proven is another', () => {
    const lines = proof.slice(0, proof.lastIndexOf('\n\n')).length;
    fc.assert(
      fc.property(fc.nat(lines - 1), fc.constantFrom('A', 'b', '7', '=', '\n', ' '), (at, character) => {
        fc.pre(proof[at] !== character);
        const changed = proof.slice(0, at) + character + proof.slice(at + 1);
        expect(checkRecordProof(changed, record, KEY, [])).toMatchObject({ holds: false });
      }),
      { numRuns: 400 },
    );
  });
});

describe('witnesses', async () => {
  const { proof, record, log } = await proven(0, 3, 1, 5);
  const [one, other] = [generateSignerKey('witness.example/one'), generateSignerKey('witness.example/other')];
  const { note } = log;
  const cosigned = (text: string): string => {
    const signatures = [...note.signatures, cosign(text, one, 1_795_000_000)];
    return proof.replace(log.text, formatNote({ ...note, signatures }));
  };

  test('that are asked for must have cosigned', () => {
    expect(checkRecordProof(cosigned(note.text), record, KEY, [witnessKeyOf(one)])).toMatchObject({
      holds: true,
      witnesses: ['witness.example/one'],
    });
    expect(
      checkRecordProof(cosigned(note.text), record, KEY, [witnessKeyOf(one), witnessKeyOf(other)]),
    ).toEqual({
      holds: false,
      failures: ['checkpoint is not cosigned by a witness asked for: witness.example/other'],
    });
    expect(checkRecordProof(proof, record, KEY, [witnessKeyOf(one)])).toMatchObject({ holds: false });
  });

  test('must have cosigned this head', () => {
    const text = note.text.replace('\n5\n', '\n6\n');
    expect(checkRecordProof(cosigned(text), record, KEY, [witnessKeyOf(one)])).toEqual({
      holds: false,
      failures: ['cosignature does not hold: witness.example/one'],
    });
    expect(checkRecordProof(cosigned(text), record, KEY, [])).toMatchObject({ holds: true });
  });
});
