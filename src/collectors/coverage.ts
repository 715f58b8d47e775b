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

/**
 * The record of a window that Zoom may have deleted before it was collected: from then on the archive says so itself.
 * @param kept the moment before which Zoom may have deleted, as known then
 */
export function lostRecord(
  account: string,
  run: string,
  unit: { readonly stream: string; readonly scope: string; readonly mode: string },
  window: Interval,
  kept: number,
  at: number,
): Candidate {
  const { stream, scope, mode } = unit;
  const record = canonicalJson({
    account,
    run,
    unit: { stream, scope, mode, from: iso(window.from), to: iso(window.to) },
    outcome: 'lost',
    source_kept_since: iso(kept),
    noticed_at: iso(at),
  });
  return {
    stream: 'coverage',
    kind: 'lost',
    key: recordKey(scopeTag(account, scope), at, [
      'coverage',
      stream,
      scope,
      mode,
      String(window.from),
      String(window.to),
      'lost',
    ]),
    content: contentHash(record),
    rule: 'once',
    time: instant(at),
    keyMonth: LASTING,
    record,
  };
}

/** Days that Zoom turned out not to serve. */
export interface Refusal {
  /** Milliseconds. */
  readonly window: Interval;
  /** The first date that it does serve, `yyyy-mm-dd`. */
  readonly firstServed: string;
  readonly finishedAt: number;
}

/** The coverage record of a window that lies before everything Zoom serves: it was asked for, and is not again. */
export function refusedRecord(
  account: string,
  run: string,
  unit: Pick<UnitKey, 'stream' | 'scope' | 'mode'>,
  { window: { from, to }, firstServed, finishedAt }: Refusal,
): Candidate {
  const { stream, scope, mode } = unit;
  const record = canonicalJson({
    account,
    run,
    unit: { stream, scope, mode, from: iso(from), to: iso(to) },
    covers: null,
    outcome: 'refused',
    first_served: firstServed,
    rows: 0,
    finished_at: iso(finishedAt),
  });
  return {
    stream: 'coverage',
    kind: 'refused',
    key: recordKey(scopeTag(account, scope), finishedAt, ['refused', stream, scope, mode, String(from)]),
    content: contentHash(record),
    rule: 'once',
    time: instant(finishedAt),
    keyMonth: LASTING,
    record,
  };
}
