/** From a coverage record back to what the ledger knew: what was collected, what is lost, how the unit ended. Pure. */
import { z } from 'zod';
import type { ArchivedCoverage } from '../ledger/restore.ts';
import type { ArchivedUnit } from '../ledger/restore-units.ts';

const moment = z.iso.datetime({ precision: 3 }).transform((text) => Date.parse(text));
const interval = z.object({ from: moment, to: moment });
const unit = interval.extend({ stream: z.string(), scope: z.string(), mode: z.string() });
const count = z.int().min(0);

const attemptRecord = z.object({
  outcome: z.enum(['done', 'failed']),
  unit,
  attempt: count,
  covers: interval.nullable(),
  error: z.string().optional(),
  pages: count,
  rows: count,
  admitted: count,
  sightings: count,
  drift: count,
  started_at: moment,
  finished_at: moment,
});

const lossRecord = z.object({ outcome: z.enum(['lost', 'refused']), unit });

const withdrawnRecord = z.object({ outcome: z.literal('withdrawn'), unit });

const coverageRecord = z.discriminatedUnion('outcome', [attemptRecord, lossRecord, withdrawnRecord]);

export interface RecalledCoverage {
  /** Undefined where nothing was proved. */
  readonly coverage: ArchivedCoverage | undefined;
  /** Undefined for a loss, which is no attempt. */
  readonly unit: ArchivedUnit | undefined;
  /** What was said of this stream and mode before does not count any more. */
  readonly withdrawn: { readonly stream: string; readonly mode: string } | undefined;
}

/** @param json the record, parsed */
export function recallCoverage(json: unknown): RecalledCoverage {
  const record = coverageRecord.parse(json);
  const { stream, scope, mode, from, to } = record.unit;
  const subject = { stream, scope, mode };
  if (record.outcome === 'withdrawn')
    return { coverage: undefined, unit: undefined, withdrawn: { stream, mode } };
  if (!('attempt' in record)) {
    return {
      coverage: { ...subject, covered: undefined, lost: { from, to }, askedAt: 0 },
      unit: undefined,
      withdrawn: undefined,
    };
  }
  const { outcome, attempt, covers, error, pages, rows, admitted, sightings, drift } = record;
  const { started_at: startedAt, finished_at: finishedAt } = record;
  return {
    coverage:
      outcome === 'done'
        ? { ...subject, covered: covers ?? undefined, lost: undefined, askedAt: startedAt }
        : undefined,
    unit: {
      ...subject,
      from,
      to,
      attempt,
      outcome,
      error,
      pages,
      rows,
      admitted,
      sightings,
      drift,
      startedAt,
      finishedAt,
    },
    withdrawn: undefined,
  };
}
