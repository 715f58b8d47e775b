/**
 * Writing to the access log, from several processes at once. One commit in reading order, with what a crash right after
 * each step leaves behind:
 *
 * 1. BATCH, create-only at the number of the entries before it. Durable: its entries have their places, and nobody else
 *    gets them. Left: tiles and head behind, which any writer makes from the batch.
 * 2. BUNDLES AND TILES. Durable: objects that no head names yet; every writer makes the same bytes.
 * 3. CHECKPOINT, by compare-and-swap. Durable: readers see the entries.
 */
import { hash } from 'node:crypto';
import { ArchiverError, hasCode } from '../errors.ts';
import { openCheckpoint, signCheckpoint } from '../proof/checkpoint.ts';
import type { TreeHead } from '../proof/consistency.ts';
import { type NoteKey, noteKeyOf, type SignerKey } from '../proof/key.ts';
import { openPublished } from '../proof/published.ts';
import { requireExtends } from '../proof/witness.ts';
import { ACCESS_LOG, batchKey } from '../segments/layout.ts';
import type { CurrentBytes, ObjectLock, Sink, SinkReader } from '../sinks/sink.ts';
import { type Batch, formatBatch, parseBatch, requireContinues } from './batch.ts';
import { type Edge, EMPTY_EDGE, extend, type LogPart, readEdge } from './edge.ts';

export interface WriterOptions {
  readonly sink: Sink;
  readonly signer: SignerKey;
  /** For batches, and for full tiles and bundles. */
  readonly lock: () => ObjectLock | null;
}

/** Most entries of one batch, and, unless one entry alone has more, most bytes. */
const MOST_ENTRIES = 256;
const MOST_BYTES = 1_000_000;
/** Entries that are published at once at most: a log whose head is far behind its batches needs little memory. */
const PUBLISHED_AT_ONCE = 16 * 256;

/** So many entries of others are read by their batches; of more, that the log goes on from where it was known. */
const BATCHES_READ = 32;

/** The log as one writer knows it. */
interface Known {
  /** At the newest batch. */
  readonly edge: Edge;
  /** At a head that this writer saw or published. */
  readonly published: Edge;
  /** Entries between both. */
  readonly pending: readonly Uint8Array[];
  /** Trees on the way from `published` to `edge`, which heads of other writers may be of. */
  readonly heads: readonly TreeHead[];
}

interface Waiting {
  readonly bytes: Uint8Array;
  readonly done: (index: number) => void;
  readonly failed: (error: unknown) => void;
}

/** One writer; a process has one for each log. */
export class AccessLogWriter {
  readonly #options: WriterOptions;
  readonly #key: NoteKey;
  readonly #waiting: Waiting[] = [];
  #working: Promise<void> | undefined;
  #known: Known | undefined;

  constructor(options: WriterOptions) {
    this.#options = options;
    this.#key = noteKeyOf(options.signer);
  }

  /**
   * Appends an entry, together with others that wait at the same time. When it resolves, the entry is durable and stands
   * below the published head. One that fails may have been written all the same. Fails with `proof-invalid` when the log
   * is not one of this key, lost entries or went back, and `sink-*`.
   * @returns its place in the log
   */
  append(bytes: Uint8Array): Promise<number> {
    return new Promise((done, failed) => {
      this.#waiting.push({ bytes, done, failed });
      this.#working ??= this.#work();
    });
  }

  /** Puts the first entry of a new log, and publishes it; where somebody was faster, his is published. Fails with `sink-*`. */
  async begin(bytes: Uint8Array): Promise<void> {
    const { sink, signer, lock } = this.#options;
    const batch: Batch = { size: 0, root: EMPTY_EDGE.root, entries: [bytes] };
    const body = formatBatch(batch, signer);
    const put = { key: batchKey(0), body, ...stated(body), lock: lock(), contentType: BATCH_TYPE };
    await sink.put(put).catch((error: unknown) => {
      if (!hasCode(error, 'sink-conflict')) throw error;
    });
    await this.catchUp();
  }

  /** Publishes what stands in batches only. Fails as {@link append}, and with `archive-missing` where no log was begun. */
  async catchUp(): Promise<void> {
    const { sink } = this.#options;
    const known = this.#known ?? (await openLog(sink, this.#key));
    const next = await readBatch(sink, known.edge.size, this.#key);
    this.#known = await this.#publish(next === undefined ? known : behind(known, next));
  }

  /** Resolves when nothing is underway any more. */
  async settled(): Promise<void> {
    await this.#working;
  }

  async #work(): Promise<void> {
    // What is asked in the same turn of the event loop goes together.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const taken = this.#take();
      try {
        const first = await this.#commit(taken.map(({ bytes }) => bytes));
        for (const [place, { done }] of taken.entries()) done(first + place);
      } catch (error) {
        for (const { failed } of taken) failed(error);
      }
    }
    this.#working = undefined;
  }

  #take(): readonly Waiting[] {
    let [count, bytes] = [0, 0];
    for (const {
      bytes: { length },
    } of this.#waiting.slice(0, MOST_ENTRIES)) {
      bytes += length;
      if (count > 0 && bytes > MOST_BYTES) break;
      count += 1;
    }
    return this.#waiting.splice(0, count);
  }

  async #commit(entries: readonly Uint8Array[]): Promise<number> {
    const { sink, signer, lock } = this.#options;
    let known = this.#known ?? (await openLog(sink, this.#key));
    for (;;) {
      const { size, root } = known.edge;
      const batch: Batch = { size, root, entries };
      const body = formatBatch(batch, signer);
      const put = { key: batchKey(size), body, ...stated(body), lock: lock(), contentType: BATCH_TYPE };
      try {
        await sink.put(put);
        known = behind(known, batch);
        break;
      } catch (error) {
        if (!hasCode(error, 'sink-conflict')) throw error;
        // Somebody was faster. His entries come first; without them nothing can be added.
        known = await reach(sink, known, await readHead(sink, this.#key), this.#key);
        if (known.edge.size === size) {
          const theirs = await readBatch(sink, size, this.#key);
          if (theirs === undefined) throw error;
          known = behind(known, theirs);
        }
        this.#known = known;
        // Far behind a crowd, what is known would grow and grow.
        if (known.pending.length >= PUBLISHED_AT_ONCE) known = this.#known = await this.#publish(known);
      }
    }
    this.#known = known;
    const place = known.edge.size - entries.length;
    this.#known = await this.#publish(known);
    return place;
  }

  /** Until the head is that of the newest batch. */
  async #publish(from: Known): Promise<Known> {
    const { sink, signer } = this.#options;
    let known = from;
    for (;;) {
      const standing = await sink.current(ACCESS_LOG.checkpoint);
      const head = headOf(standing, this.#key);
      known = await reach(sink, known, head, this.#key);
      if (head.size < known.edge.size) {
        await this.#putParts(extend(known.published, known.pending).parts);
        const { size, root } = known.edge;
        const text = signCheckpoint({ origin: signer.name, size, root, extensions: [] }, signer);
        const bytes = Buffer.from(text);
        try {
          await sink.replace(ACCESS_LOG.checkpoint, bytes, standing?.tag ?? null, CHECKPOINT_TYPE);
        } catch (error) {
          if (!hasCode(error, 'sink-conflict')) throw error;
          continue;
        }
        known = knownAt(known.edge);
      }
      // A store that cannot compare may have let this head replace a later one: then there is a later batch, too.
      if ((await sink.current(batchKey(known.edge.size))) === null) return known;
      const next = await readBatch(sink, known.edge.size, this.#key);
      if (next === undefined) return known;
      known = behind(known, next);
    }
  }

  async #putParts(parts: readonly LogPart[]): Promise<void> {
    const { sink, lock } = this.#options;
    const writes = parts.map(async ({ key, full, bytes }): Promise<unknown> => {
      return full
        ? sink.put({ key, body: bytes, ...stated(bytes), lock: lock(), contentType: PART_TYPE })
        : sink.replace(key, bytes, null, PART_TYPE);
    });
    // Nothing may be underway any more when this ends, also by a failure.
    await Promise.allSettled(writes);
    await Promise.all(writes);
  }
}

const BATCH_TYPE = 'text/plain; charset=utf-8';
const CHECKPOINT_TYPE = 'text/plain; charset=utf-8';
const PART_TYPE = 'application/octet-stream';

function stated(bytes: Uint8Array): { readonly size: number; readonly sha256: string } {
  return { size: bytes.length, sha256: hash('sha256', bytes) };
}

/** Fails with `archive-missing` where no log was begun. */
async function openLog(sink: SinkReader, key: NoteKey): Promise<Known> {
  const standing = await sink.current(ACCESS_LOG.checkpoint);
  if (standing === null && (await readBatch(sink, 0, key)) === undefined)
    throw new ArchiverError('archive-missing', 'there is no access log');
  return knownAt(await readEdge(sink, headOf(standing, key)));
}

function knownAt(edge: Edge): Known {
  return { edge, published: edge, pending: [], heads: [] };
}

function headOf(standing: CurrentBytes | null, key: NoteKey): TreeHead {
  return standing === null ? EMPTY_EDGE : openCheckpoint(standing.bytes, key, key.name).checkpoint;
}

async function readHead(sink: SinkReader, key: NoteKey): Promise<TreeHead> {
  return headOf(await sink.current(ACCESS_LOG.checkpoint), key);
}

/** The log with one more batch. Fails with `proof-invalid` when the batch continues another one. */
function behind({ edge: { tail, frontier, ...head }, ...known }: Known, batch: Batch): Known {
  requireContinues(head, batch);
  const { edge } = extend({ tail, frontier, ...head }, batch.entries);
  return {
    edge,
    published: known.published,
    pending: [...known.pending, ...batch.entries],
    heads: [...known.heads, head],
  };
}

/**
 * The log up to a head at least, which must be one of its own. Fails with `proof-invalid` when the head is of another log,
 * or goes back behind what was published and the entries after it are gone.
 */
async function reach(sink: SinkReader, from: Known, head: TreeHead, key: NoteKey): Promise<Known> {
  let known = from;
  if (head.size - known.edge.size > BATCHES_READ && known.edge.size > 0) {
    const log = await openPublished(sink, key, ACCESS_LOG);
    await requireExtends(log, { ...known.edge, origin: key.name, extensions: [] });
    known = knownAt(await readEdge(sink, log.checkpoint));
  }
  while (known.edge.size < head.size) {
    const next = await readBatch(sink, known.edge.size, key);
    if (next === undefined) throw lost('batches of the access log are missing', known.edge.size);
    known = behind(known, next);
  }
  if (head.size < known.published.size) {
    // Either a slower writer at a store that cannot compare, or somebody took entries away.
    let size = head.size;
    while (size < known.published.size) {
      const batch = await readBatch(sink, size, key);
      if (batch === undefined) throw lost('the access log went back', size);
      size += batch.entries.length;
    }
    return known;
  }
  const same = [known.edge, known.published, ...known.heads].find(({ size }) => size === head.size);
  if (same === undefined || Buffer.compare(same.root, head.root) !== 0)
    throw lost('the head of the access log is of other entries than its batches', head.size);
  return known;
}

function lost(phrase: string, size: number): ArchiverError {
  return new ArchiverError('proof-invalid', phrase, { detail: `at ${size} entries` });
}

/** The batch behind the first `size` entries; undefined where there is none. Its first version counts, as with every put. */
export async function readBatch(sink: SinkReader, size: number, key: NoteKey): Promise<Batch | undefined> {
  const at = batchKey(size);
  if ((await sink.head(at)) === null) return undefined;
  const chunks: Buffer[] = [];
  for await (const chunk of await sink.read(at)) chunks.push(chunk);
  return parseBatch(Buffer.concat(chunks), key);
}
