/** Time that nobody looked at, from what the archive itself says was looked at. */

import type { Report } from './finding.ts';
import type { CoveredTime } from './segment.ts';

interface Stretch {
  readonly from: number;
  readonly to: number;
}

/**
 * Each stream, scope and mode was looked at from some moment to another. A gap between is time that was to be looked at
 * and was not, or whose record is missing. Time on record as lost is no gap: the archive says so itself.
 * @returns how much is on record as lost or refused
 */
export function checkCoverage(times: readonly CoveredTime[], report: Report): number {
  const byUnit = new Map<string, Stretch[]>();
  let lost = 0;
  const withdrawn = new Map<string, number>();
  for (const { stream, mode, outcome, at } of times) {
    const name = `${stream} ${mode}`;
    if (outcome === 'withdrawn') withdrawn.set(name, Math.max(at, withdrawn.get(name) ?? 0));
  }
  for (const { stream, scope, mode, outcome, from, to, at } of times) {
    if (outcome === 'withdrawn' || at < (withdrawn.get(`${stream} ${mode}`) ?? 0)) continue;
    if (outcome !== 'done') lost += 1;
    // A repair looks where it is told to.
    if (mode === 'repair') continue;
    // The lists of sessions of the newest days, and of all six months once a day, make one coverage together.
    const name = `${stream} ${stream === 'sessions' ? 'list' : mode} ${scope}`.trimEnd();
    const stretches = byUnit.get(name) ?? [];
    stretches.push({ from, to });
    byUnit.set(name, stretches);
  }
  for (const [name, stretches] of byUnit) {
    for (const { from, to } of gaps(stretches)) {
      report({
        check: 'coverage',
        what: 'time that nobody looked at',
        key: name,
        expected: `covered from ${iso(from)} to ${iso(to)}`,
        found: 'no coverage record',
      });
    }
  }
  return lost;
}

function gaps(stretches: readonly Stretch[]): readonly Stretch[] {
  const found: Stretch[] = [];
  let reached: number | undefined;
  for (const { from, to } of [...stretches].sort((one, other) => one.from - other.from)) {
    if (reached !== undefined && from > reached) found.push({ from: reached, to: from });
    reached = Math.max(reached ?? to, to);
  }
  return found;
}

const iso = (time: number): string => new Date(time).toISOString();
