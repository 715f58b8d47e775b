import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { openPglite } from '../../src/ledger/pglite.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Folder of an embedded ledger that was made, and holds nothing yet. To copy, not to open. */
    readonly emptyPglite: string;
  }
}

/** vitest's global set-up: to make an embedded ledger takes PGlite two seconds, to open a copy of one a quarter. */
export default async function setup(project: TestProject): Promise<() => void> {
  const folder = mkdtempSync(join(tmpdir(), 'pglite-'));
  const db = await openPglite({ directory: folder });
  await db.close();
  project.provide('emptyPglite', folder);
  return () => rmSync(folder, { recursive: true, force: true });
}
