import type { UnitKey } from '../ledger/units.ts';
import {
  type Candidate,
  canonicalJson,
  contentHash,
  type Interval,
  instant,
  LASTING,
  recordKey,
  scopeTag,
} from '../record.ts';

/** What one attempt at a unit came to. */
export interface UnitReport {
  readonly outcome: 'done' | 'failed';
  readonly error?: string;
  readonly pages: number;
  readonly rows: number;
  readonly admitted: number;
  readonly sightings: number;
  readonly drift: number;
  readonly startedAt: number;
  readonly finishedAt: number;
  /** Report dates that were asked for. */
  readonly fromDate: string;
  readonly toDate: string;
  /** What a finished unit proves to be collected, milliseconds, half-open. */
  readonly covers: Interval;
}

const iso = (time: number): string => new Date(time).toISOString();

/** The coverage record of an attempt: says how it went also when it found nothing. */
export function coverageRecord(account: string, run: string, unit: UnitKey, report: UnitReport): Candidate {
  const record = canonicalJson({
    account,
    run,
    unit: { stream: unit.stream, scope: unit.scope, mode: unit.mode, from: iso(unit.from), to: iso(unit.to) },
    attempt: unit.attempt,
    asked: { from: report.fromDate, to: report.toDate },
    covers:
      report.outcome === 'done' && report.covers.to > report.covers.from
        ? { from: iso(report.covers.from), to: iso(report.covers.to) }
        : null,
    outcome: report.outcome,
    ...(report.error === undefined ? {} : { error: report.error }),
    pages: report.pages,
    rows: report.rows,
    admitted: report.admitted,
    sightings: report.sightings,
    drift: report.drift,
    started_at: iso(report.startedAt),
    finished_at: iso(report.finishedAt),
  });
  const { stream, scope, mode, from, to, attempt } = unit;
  return {
    stream: 'coverage',
    kind: report.outcome,
    key: recordKey(scopeTag(account, scope), report.finishedAt, [
      'coverage',
      stream,
      scope,
      mode,
      String(from),
      String(to),
      String(attempt),
    ]),
    content: contentHash(record),
    rule: 'once',
    time: instant(report.finishedAt),
    keyMonth: LASTING,
    record,
  };
}
