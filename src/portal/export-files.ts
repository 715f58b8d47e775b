/** Exports on disk: a folder for each, with what is known of it and its ZIP. Several servers may share them. */
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { errorBody } from './refusal.ts';

const count = z.number().int().min(0);
const names = z.array(z.string());

const exportSummary = z.object({
  sha256: z.string().describe('Of the ZIP.'),
  bytes: count,
  revisions: count,
  messages: count,
  conversations: count,
  files: count,
  holes: count,
});

/** What everybody who may see an export sees of it. */
export const shownExport = z.object({
  id: z.string(),
  by: z.string().describe('Who ordered it.'),
  at: z.iso.datetime(),
  reason: z.string(),
  input: z.looseObject({}).describe('What was ordered.'),
  state: z.enum(['running', 'done', 'failed']),
  phase: z.enum(['reading', 'rendering', 'proving', 'checking']),
  done: count,
  of: count.describe('0 while it is not known.'),
  expires: z.iso.datetime().describe('When it is deleted.'),
  summary: exportSummary.optional(),
  error: errorBody.shape.error.optional(),
});
export type ShownExport = z.output<typeof shownExport>;

const keptExport = shownExport.extend({
  /** Whoever may see less than this may not have the ZIP. */
  scope: z.object({
    matters: names,
    custodians: names,
    channels: names,
    from: z.string().nullable(),
    to: z.string().nullable(),
  }),
  /** When whoever makes it said last that he does, in milliseconds. */
  alive: z.number(),
});
export type KeptExport = z.output<typeof keptExport>;

const ID = /^[0-9a-f]{32}$/;
const RECORD = 'export.json';

export class ExportFiles {
  readonly #folder: string;

  /** @param folder made when missing, for the user of this process alone */
  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async open(folder: string): Promise<ExportFiles> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    return new ExportFiles(folder);
  }

  /** Every export, newest first; what is no export is not looked at. */
  async list(): Promise<readonly KeptExport[]> {
    const ids = (await readdir(this.#folder)).filter((name) => ID.test(name));
    const found = await Promise.all(ids.map((id) => this.find(id)));
    return found.flatMap((one) => one ?? []).sort((one, other) => (one.at < other.at ? 1 : -1));
  }

  async find(id: string): Promise<KeptExport | undefined> {
    if (!ID.test(id)) return undefined;
    try {
      return keptExport.parse(JSON.parse(await readFile(join(this.#folder, id, RECORD), 'utf8')));
    } catch {
      // Being made or removed at this moment, or of another version.
      return undefined;
    }
  }

  /** Whole or not at all, whatever happens meanwhile. */
  async keep(kept: KeptExport): Promise<void> {
    const folder = join(this.#folder, kept.id);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const path = join(folder, RECORD);
    await writeFile(`${path}.new`, JSON.stringify(kept), { mode: 0o600 });
    await rename(`${path}.new`, path);
  }

  /** Where its ZIP is, once it is done. */
  zip(id: string): string {
    return join(this.#folder, id, 'export.zip');
  }

  /** Where its ZIP is while it is made. */
  unfinished(id: string): string {
    return join(this.#folder, id, 'export.part');
  }

  spool(id: string): string {
    return join(this.#folder, id, 'spool');
  }

  async remove(id: string): Promise<void> {
    await rm(join(this.#folder, id), { recursive: true, force: true });
  }
}
