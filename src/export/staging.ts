/** Where members wait before they come into the ZIP. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { diskError, Pack } from './pack.ts';

/** A temporary folder of one export. */
export class Staging {
  readonly #folder: string;
  readonly #packs: Pack[] = [];

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** @param spool made when missing */
  static async open(spool: string): Promise<Staging> {
    try {
      await mkdir(spool, { recursive: true });
      return new Staging(await mkdtemp(join(spool, 'export-')));
    } catch (error) {
      throw diskError(error);
    }
  }

  /** Of a file of its own there. */
  path(name: string): string {
    return join(this.#folder, name);
  }

  async pack(): Promise<Pack> {
    const pack = await Pack.create(join(this.#folder, `${this.#packs.length}.pack`));
    this.#packs.push(pack);
    return pack;
  }

  /** Nothing of it is left. */
  async remove(): Promise<void> {
    await Promise.allSettled(this.#packs.map((pack) => pack.close()));
    await rm(this.#folder, { recursive: true, force: true });
  }
}
