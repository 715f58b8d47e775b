/** The ZIP of an export: members in their order, fixed times, streamed, and never far ahead of who takes the bytes. */
import { createHash } from 'node:crypto';
import { Readable, type Writable } from 'node:stream';
import { ZipArchive } from 'archiver';
import { ArchiverError, asArchiverError } from '../errors.ts';
import { diskError } from './pack.ts';

/** The first moment that a ZIP can name. */
const ENTRY_TIME = new Date('1980-01-01T00:00:00Z');
/** Bytes that may wait for whoever takes them. */
const AHEAD = 4 << 20;
/** Fast, and makes a third of text. */
const LEVEL = 1;

export interface ZipEnd {
  readonly bytes: number;
  /** Lower-case hex. */
  readonly sha256: string;
}

export class ZipWriter {
  readonly #archive: ZipArchive;
  readonly #out: Writable;
  readonly #pumped: Promise<void>;
  readonly #digest = createHash('sha256');
  /** Bytes handed to the ZIP, about, and those that came out of it. */
  #made = 0;
  #taken = 0;
  #failure: unknown;
  readonly #waiting = new Map<Moment, Waiter>();

  constructor(out: Writable) {
    this.#out = out;
    this.#archive = new ZipArchive({ zlib: { level: LEVEL } });
    this.#archive.on('error', (error) => this.#fail(error));
    out.on('error', (error) => this.#fail(error));
    out.on('drain', () => this.#tell('room'));
    out.on('finish', () => this.#tell('finished'));
    this.#archive.on('entry', () => this.#tell('added'));
    out.on('close', () => {
      if (!out.writableFinished) this.#fail(nobodyTakes());
    });
    this.#pumped = this.#pump().catch((error: unknown) => this.#fail(error));
  }

  /** Adds a member. @param store without compressing it: for what is small or compressed already */
  async add(path: string, content: Buffer | Readable, store: boolean): Promise<void> {
    const before = this.#taken;
    await this.#until('added', () => {
      if (content instanceof Readable) content.once('error', (error) => this.#fail(error));
      this.#archive.append(content, { name: path, date: ENTRY_TIME, mode: 0o644, store });
    });
    // What is stored does not wait for whoever takes it; what runs through a stream does.
    const isDirect = store && !(content instanceof Readable);
    this.#made += isDirect ? content.length + path.length : this.#taken - before;
    while (this.#made - this.#taken > AHEAD) await this.#until('taken');
  }

  /** Ends the ZIP, and with it whoever takes it. */
  async end(): Promise<ZipEnd> {
    this.#archive.finalize().catch((error: unknown) => this.#fail(error));
    await this.#pumped;
    if (this.#failure !== undefined) throw this.#failure;
    return { bytes: this.#taken, sha256: this.#digest.digest('hex') };
  }

  /** Leaves it incomplete. */
  async destroy(error: unknown): Promise<void> {
    this.#fail(error);
    this.#archive.abort();
    this.#archive.destroy();
    this.#out.destroy(asArchiverError(error));
    await this.#pumped;
  }

  async #pump(): Promise<void> {
    for await (const chunk of this.#archive as AsyncIterable<Buffer>) {
      this.#requireTaken();
      this.#digest.update(chunk);
      if (!this.#out.write(chunk)) await this.#until('room');
      this.#taken += chunk.length;
      this.#tell('taken');
    }
    await this.#until('finished', () => this.#out.end());
  }

  /** One that was closed before says nothing any more. */
  #requireTaken(): void {
    if (this.#out.destroyed) this.#fail(nobodyTakes());
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Waits for it to happen the next time; fails as soon as anything does. */
  async #until(moment: Moment, start: () => void = () => undefined): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    await new Promise<void>((resolve, reject) => {
      this.#waiting.set(moment, { resolve, reject });
      start();
    });
  }

  #tell(moment: Moment): void {
    const waiter = this.#waiting.get(moment);
    this.#waiting.delete(moment);
    waiter?.resolve();
  }

  #fail(error: unknown): void {
    this.#failure ??= diskError(error);
    for (const { reject } of this.#waiting.values()) reject(this.#failure);
    this.#waiting.clear();
  }
}

function nobodyTakes(): ArchiverError {
  return new ArchiverError('interrupted', 'nobody takes the export any more');
}

/** What somebody waits for: a member is in the ZIP, bytes came out of it, there is room for more, all is written. */
type Moment = 'added' | 'taken' | 'room' | 'finished';

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}
