/** What `serve` knows again after a restart: the newest head that it answered from, and the last verification. */
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ArchiverError } from '../errors.ts';
import { type Checkpoint, openCheckpoint } from '../proof/checkpoint.ts';
import type { NoteKey } from '../proof/key.ts';
import type { PublishedLog } from '../proof/published.ts';

export class ServedState {
  readonly #folder: string;
  readonly #key: NoteKey;

  constructor(folder: string, key: NoteKey) {
    this.#folder = folder;
    this.#key = key;
  }

  /** Undefined the first time. Fails with `proof-invalid` where the file is not a head of this log. */
  async head(): Promise<Checkpoint | undefined> {
    const text = await this.#read('served.checkpoint');
    return text === undefined ? undefined : openCheckpoint(text, this.#key, this.#key.name).checkpoint;
  }

  async keepHead({ text }: PublishedLog): Promise<void> {
    await this.#write('served.checkpoint', text);
  }

  /** Whatever stands there. */
  async verification(): Promise<unknown> {
    const text = await this.#read('verification.json');
    try {
      return text === undefined ? undefined : JSON.parse(text);
    } catch {
      return undefined;
    }
  }

  async keepVerification(state: unknown): Promise<void> {
    await this.#write('verification.json', JSON.stringify(state));
  }

  async #read(name: string): Promise<string | undefined> {
    const path = join(this.#folder, name);
    try {
      return await readFile(path, 'utf8');
    } catch (cause) {
      if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined;
      throw new ArchiverError('config-invalid', 'the folder of the portal cannot be read', {
        cause,
        detail: path,
      });
    }
  }

  /** Whole or not at all; of several servers on one folder the last one counts. */
  async #write(name: string, text: string): Promise<void> {
    const path = join(this.#folder, name);
    const own = `${path}.${process.pid}.new`;
    await writeFile(own, text, { mode: 0o600 });
    await rename(own, path);
  }
}
