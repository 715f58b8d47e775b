/**
 * Proofs of single records: from the record's bytes to its segment's root, from the segment's entry to a signed head of
 * the log (design section 5). They hold without the archive.
 */
import { z } from 'zod';
import { ArchiverError, hasCode } from '../errors.ts';
import { canonicalJson, messageId, type Stream } from '../record.ts';
import { type Fact, factText } from '../segments/format.ts';
import { decodeBase64, encodeBase64 } from './base64.ts';
import { openCheckpoint, parseCheckpoint } from './checkpoint.ts';
import { verifyCosignatures } from './cosignature.ts';
import { parseEntry, type SegmentEntry } from './entry.ts';
import { inclusionPath, inclusionRoot } from './inclusion.ts';
import type { NoteKey, WitnessKey } from './key.ts';
import { parseNote } from './note.ts';
import { formatProofFile, type ProofFile, parseProofFile } from './proof-file.ts';
import type { PlacedEntry, PublishedLog } from './published.ts';
import { entryHash, nodeHash, RootBuilder } from './tree.ts';

/** The proof's `extra`: what leads from the record to the entry that the proof file itself is about. */
const extraSchema = z.strictObject({
  v: z.literal(1),
  /** The segment's entry, exactly as it stands in the log. */
  entry: z.string(),
  /** Row of the record in its segment, from 0. */
  index: z.int().min(0),
  /** Rows of the segment. */
  count: z.int().min(1),
  /** From the record's sibling up, base64 of 32 bytes each. */
  path: z.array(z.string()),
});

/** Gives the proof file of one row. Fails with `internal` when the segment has no such row. */
type ProveRow = (row: number) => Promise<string>;

/**
 * Makes proofs of a segment's rows. First it checks what they will say: fails with `proof-invalid` when the rows are
 * not those of the entry, or the entry is not in the log.
 * @param leaves hashes of all of the segment's rows in their order, 32 bytes each
 */
export async function proverOf(
  log: PublishedLog,
  { index, bytes, entry }: PlacedEntry<SegmentEntry>,
  leaves: readonly Uint8Array[],
): Promise<ProveRow> {
  const count = leaves.length;
  if (count !== entry.count || hex(rootOver(leaves)) !== entry.root) {
    throw new ArchiverError('proof-invalid', 'a segment has other records than its entry says', {
      detail: entry.key,
    });
  }
  const { size, root } = log.checkpoint;
  const path = await inclusionPath(log.readSubtree, index, size);
  if (Buffer.compare(inclusionRoot(entryHash(bytes), index, size, path), root) !== 0) {
    throw new ArchiverError('proof-invalid', 'the entry of a segment is not in the log', {
      detail: entry.key,
    });
  }
  const levels = levelsOver(leaves);
  const [before, after] = canonicalJson({
    count,
    entry: Buffer.from(bytes).toString(),
    index: 0,
    v: 1,
  }).split('"index":0,');
  return async (row) => {
    if (!Number.isInteger(row) || row < 0 || row >= count)
      throw new ArchiverError('internal', 'no such leaf in the tree', { detail: `${row} of ${count}` });
    const rowPath = JSON.stringify(pathOf(levels, row));
    // Canonical: the members stand in their order, and neither numbers nor base64 are escaped.
    const extra = `${before}"index":${row},"path":${rowPath},${after}`;
    return formatProofFile({ extra: Buffer.from(extra), index, path, checkpoint: log.text });
  };
}

/** The nodes of the tree, level by level from its leaves, in base64; what has no sibling moves up. */
function levelsOver(leaves: readonly Uint8Array[]): readonly (readonly string[])[] {
  const levels: string[][] = [];
  for (let nodes = leaves; ; ) {
    levels.push(nodes.map(encodeBase64));
    if (nodes.length <= 1) return levels;
    const parents: Uint8Array[] = [];
    for (let at = 0; at < nodes.length; at += 2) {
      const [left, right] = [nodes[at], nodes[at + 1]];
      if (left !== undefined) parents.push(right === undefined ? left : nodeHash(left, right));
    }
    nodes = parents;
  }
}

/** From the leaf's sibling up: PATH of RFC 6962 section 2.1.1, for a node without sibling is that of the level above. */
function pathOf(levels: readonly (readonly string[])[], leaf: number): readonly string[] {
  const path: string[] = [];
  for (const [level, nodes] of levels.entries()) {
    const place = Math.floor(leaf / 2 ** level);
    const sibling = nodes[place % 2 === 0 ? place + 1 : place - 1];
    if (sibling !== undefined) path.push(sibling);
  }
  return path;
}

function rootOver(leaves: readonly Uint8Array[]): Uint8Array {
  const builder = new RootBuilder();
  for (const leaf of leaves) builder.add(leaf);
  return builder.root();
}

/** What a proof that holds shows. */
export interface ProvenRecord {
  readonly fact: Fact;
  /** Normalised; null where the record is neither a message nor its reactions. */
  readonly messageId: string | null;
  /** Lower-case hex. */
  readonly recordHash: string;
  /** Of the log. */
  readonly origin: string;
  /** Entries of the log that the checkpoint covers. */
  readonly size: number;
  readonly entry: SegmentEntry;
  /** Names of the witnesses that were asked for. */
  readonly witnesses: readonly string[];
}

export type RecordVerdict =
  | ({ readonly holds: true } & ProvenRecord)
  /** Each reason in a phrase of its own; at least one. */
  | { readonly holds: false; readonly failures: readonly string[] };

/**
 * Checks a record against its proof, with nothing but the key of the log. Every link is checked even when another does
 * not hold, so that all that is wrong is named. Fails never: what is wrong is in the verdict.
 * @param record the bytes that were hashed: the fact, a line feed, the record
 * @param witnesses each must have cosigned the checkpoint
 */
export function checkRecordProof(
  proof: string,
  record: Uint8Array,
  key: NoteKey,
  witnesses: readonly WitnessKey[],
): RecordVerdict {
  const failures: string[] = [];
  const attempt = <T>(check: () => T): T | undefined => {
    try {
      return check();
    } catch (error) {
      if (!hasCode(error, 'proof-invalid')) throw error;
      failures.push(error.message);
      return undefined;
    }
  };

  const file = attempt(() => parseProofFile(proof));
  const segment = file && attempt(() => segmentOf(file));
  const stated = attempt(() => readRecord(record));
  if (segment !== undefined) attempt(() => checkRow(segment, record));
  if (segment !== undefined && stated !== undefined) attempt(() => checkStream(segment.entry, stated.fact));
  const head = file && attempt(() => parseCheckpoint(parseNote(file.checkpoint).text));
  if (segment !== undefined && head !== undefined) {
    attempt(() => {
      const root = inclusionRoot(entryHash(segment.bytes), file?.index ?? 0, head.size, file?.path ?? []);
      if (Buffer.compare(root, head.root) !== 0) throw invalid('the entry of the segment is not in the log');
    });
  }
  const opened = file && attempt(() => openCheckpoint(file.checkpoint, key, key.name));
  for (const witness of opened === undefined ? [] : witnesses) {
    attempt(() => {
      if (opened === undefined || verifyCosignatures(opened.note, [witness]).length === 0)
        throw invalid('checkpoint is not cosigned by a witness asked for', witness.name);
    });
  }

  if (failures.length > 0 || stated === undefined || segment === undefined || opened === undefined)
    return { holds: false, failures };
  const { origin, size } = opened.checkpoint;
  return {
    holds: true,
    ...stated,
    recordHash: hex(entryHash(record)),
    origin,
    size,
    entry: segment.entry,
    witnesses: witnesses.map(({ name }) => name),
  };
}

interface ProvenSegment {
  readonly entry: SegmentEntry;
  readonly bytes: Uint8Array;
  readonly index: number;
  readonly count: number;
  readonly path: readonly Uint8Array[];
}

function segmentOf({ extra = Buffer.of() }: ProofFile): ProvenSegment {
  const text = Buffer.from(extra).toString();
  const parsed = extraSchema.safeParse(parseJson(text));
  if (!parsed.success || canonicalJson(parsed.data) !== text) {
    throw invalid('what leads from the record to its segment is not readable');
  }
  const { index, count } = parsed.data;
  const bytes = Buffer.from(parsed.data.entry);
  const entry = parseEntry(bytes);
  if (entry.type !== 'segment') throw invalid('the entry is not one of a segment', entry.type);
  const path = parsed.data.path.map((hash) => {
    const decoded = decodeBase64(hash);
    if (decoded === undefined) throw invalid('what leads from the record to its segment is not readable');
    return decoded;
  });
  return { entry, bytes, index, count, path };
}

function checkRow({ entry, index, count, path }: ProvenSegment, record: Uint8Array): void {
  if (count !== entry.count) throw invalid('the segment has another number of records', `${entry.count}`);
  if (hex(inclusionRoot(entryHash(record), index, count, path)) !== entry.root) {
    throw invalid('the record is not in the segment');
  }
}

function checkStream(entry: SegmentEntry, { stream }: Fact): void {
  if (stream !== entry.stream) throw invalid('the record is of another stream than the segment', stream);
}

const factSchema = z.strictObject({
  account: z.string(),
  kind: z.string(),
  observed_at: z.int(),
  session_id: z.string(),
  stream: z.string(),
});
const messageSchema = z.looseObject({ id: z.string() });
/** Streams whose records are of the message that their `id` names. */
const OF_MESSAGES: readonly string[] = ['messages', 'reactions'] satisfies Stream[];

/** What the hashed bytes say. Fails with `proof-invalid` when they are not a fact, a line feed and a JSON text. */
function readRecord(bytes: Uint8Array): { readonly fact: Fact; readonly messageId: string | null } {
  const end = bytes.indexOf(0x0a);
  const line = Buffer.from(bytes.subarray(0, Math.max(end, 0)));
  const parsed = factSchema.safeParse(parseJson(line.toString()));
  if (!parsed.success || !line.equals(Buffer.from(factText(parsed.data)))) {
    throw invalid('the record file does not begin with a fact');
  }
  const json = parseJson(Buffer.from(bytes.subarray(end + 1)).toString());
  if (json === undefined) throw invalid('the record is no JSON');
  const { data } = messageSchema.safeParse(json);
  const isMessage = data !== undefined && OF_MESSAGES.includes(parsed.data.stream);
  return { fact: parsed.data, messageId: isMessage ? messageId(data.id) : null };
}

/** Undefined for what is no JSON. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

function invalid(phrase: string, detail?: string): ArchiverError {
  return new ArchiverError('proof-invalid', phrase, detail === undefined ? {} : { detail });
}
