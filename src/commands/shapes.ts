/** The names in Zoom's answers that its reference does not have: said once, remembered in the ledger. */
import { z } from 'zod';
import type { Database } from '../ledger/database.ts';
import { readLearned, writeLearned } from '../ledger/learned.ts';
import type { Lease } from '../ledger/lease.ts';
import type { UnknownShape } from '../zoom/shape-watch.ts';
import type { Context } from './context.ts';

/** Name of the list in the ledger. */
const UNKNOWN_SHAPES = 'unknown-shapes';

const remembered = z.array(
  z.object({
    endpoint: z.string(),
    name: z.string(),
    /** Type of the first example. */
    type: z.string(),
    /** ISO 8601. */
    first_seen: z.string(),
  }),
);
export type RememberedShape = z.infer<typeof remembered>[number];

/** Every unknown name that any process met, oldest first. */
export async function readUnknownShapes(db: Database, account: string): Promise<readonly RememberedShape[]> {
  return remembered.parse((await readLearned(db, account, UNKNOWN_SHAPES)) ?? []);
}

/** Warns of the names that the ledger does not hold yet and adds them; never fails. */
export async function rememberUnknownShapes(
  db: Database,
  lease: Lease,
  seen: readonly UnknownShape[],
  { log, now }: Pick<Context, 'log' | 'now'>,
): Promise<void> {
  if (seen.length === 0) return;
  try {
    const known = await readUnknownShapes(db, lease.account);
    const names = new Set(known.map(({ endpoint, name }) => `${endpoint} ${name}`));
    const fresh = seen.filter(({ endpoint, name }) => !names.has(`${endpoint} ${name}`));
    if (fresh.length === 0) return;
    for (const { endpoint, name, type } of fresh)
      log.warn({ endpoint, name, type }, 'Zoom sends what its reference does not name; it is archived');
    const at = new Date(now()).toISOString();
    const added = fresh.map(({ endpoint, name, type }) => ({ endpoint, name, type, first_seen: at }));
    await writeLearned(db, lease, UNKNOWN_SHAPES, [...known, ...added]);
  } catch {
    // The pass itself met the same ledger and reports it; the names come again.
  }
}
