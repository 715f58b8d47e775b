/** What the ledger remembers of Zoom's legal holds between two passes. */
import { z } from 'zod';
import type { Database } from '../ledger/database.ts';
import { readLearned, writeLearned } from '../ledger/learned.ts';
import type { Lease } from '../ledger/lease.ts';

const matters = z.array(
  z.object({
    id: z.string(),
    name: z.string(),
    custodians: z.array(z.object({ userId: z.string(), email: z.string() })),
    /** As Zoom writes them; empty where it names none, or an earlier version did not keep them. */
    startDay: z.string().default(''),
    endDay: z.string().default(''),
  }),
);
/** A matter of the newest listing. */
export type KnownMatter = z.infer<typeof matters>[number];
export type Custodian = KnownMatter['custodians'][number];

const waiting = z.record(
  z.string(),
  z.object({
    /** Zips that Zoom has not made yet. */
    files: z.number(),
    /** Times in a row that some were not ready. */
    asks: z.number(),
    /** When the first of these was, and when the next is due, milliseconds. */
    since: z.number(),
    nextAt: z.number(),
  }),
);
/** Zips that are not ready, by the scope of their unit. */
export type Waiting = z.infer<typeof waiting>;

const MATTERS = 'legal-hold-matters';
const WAITING = 'legal-hold-waiting';

export async function readMatters(db: Database, account: string): Promise<readonly KnownMatter[]> {
  return matters.parse((await readLearned(db, account, MATTERS)) ?? []);
}

export async function writeMatters(db: Database, lease: Lease, known: readonly KnownMatter[]): Promise<void> {
  await writeLearned(db, lease, MATTERS, known);
}

export async function readWaiting(db: Database, account: string): Promise<Waiting> {
  return waiting.parse((await readLearned(db, account, WAITING)) ?? {});
}

export async function writeWaiting(db: Database, lease: Lease, state: Waiting): Promise<void> {
  await writeLearned(db, lease, WAITING, state);
}
