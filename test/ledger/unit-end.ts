import { coverageRecord } from '../../src/collectors/coverage.ts';
import type { UnitEnd, UnitKey } from '../../src/ledger/units.ts';
import { PROVENANCE } from './candidates.ts';
import { ACCOUNT, NOW } from './ledgers.ts';

/** The end of a unit as a pass reports it; `changes` say what is different. */
export function unitEnd(unit: UnitKey, changes: Partial<UnitEnd> = {}): UnitEnd {
  const outcome = changes.outcome ?? 'done';
  const covers = changes.covers ?? { from: unit.from, to: unit.to };
  const { session: _session, ...provenance } = PROVENANCE;
  return {
    outcome,
    startedAt: NOW,
    now: NOW + 1_000,
    covers,
    coverage: {
      candidate: coverageRecord(ACCOUNT, 'run-1', unit, {
        outcome,
        pages: 1,
        rows: 1,
        admitted: 1,
        sightings: 0,
        drift: 0,
        startedAt: NOW,
        finishedAt: NOW + 1_000,
        fromDate: '2026-11-01',
        toDate: '2026-11-20',
        covers,
      }),
      provenance,
      className: 'default',
    },
    ...changes,
  };
}
