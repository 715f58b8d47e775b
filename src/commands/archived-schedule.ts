/** Schedules as the archive keeps them: objects that `config` entries of the log name. */
import { hash } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { z } from 'zod';
import { ArchiverError } from '../errors.ts';
import type { Database } from '../ledger/database.ts';
import type { Lease } from '../ledger/lease.ts';
import { restoreClasses } from '../ledger/retention-classes.ts';
import type { LogEntry } from '../proof/entry.ts';
import { objectKey } from '../segments/layout.ts';
import type { SinkReader } from '../sinks/sink.ts';

const keptTerms = z.object({
  class: z.string(),
  keep: z.string(),
  mode: z.string(),
  disposition: z.string(),
});
const keptSchedule = z.object({ rules: z.array(keptTerms), default: keptTerms });

/** The terms of each class by the text of a schedule in the archive. Fails with `proof-invalid` for anything else. */
function termsInArchive(text: string): readonly z.infer<typeof keptTerms>[] {
  try {
    const { rules, default: fallback } = keptSchedule.parse(JSON.parse(text));
    return [...new Map([fallback, ...rules].map((each) => [each.class, each])).values()];
  } catch (cause) {
    throw new ArchiverError('proof-invalid', 'a schedule in the archive is not readable', { cause });
  }
}

/** What a `config` entry says that names a schedule. */
export const SCHEDULE_ENTRY = 'retention-schedule';

/**
 * Restores the classes of a schedule that came into force: their terms are promises, also where the schedule of today
 * says less. Fails with `proof-invalid`, `lease-lost`, `sink-*`.
 */
export async function restoreSchedule(
  { db, lease, sink }: { readonly db: Database; readonly lease: Lease; readonly sink: SinkReader },
  { at, sha256, what }: LogEntry & { readonly type: 'config' },
): Promise<void> {
  if (what !== SCHEDULE_ENTRY) return;
  const key = objectKey(sha256);
  const bytes = await buffer(await sink.read(key));
  if (hash('sha256', bytes) !== sha256)
    throw new ArchiverError('proof-invalid', 'the object has other bytes', { detail: key });
  await restoreClasses(db, lease, sha256, termsInArchive(bytes.toString()), Date.parse(at));
}
