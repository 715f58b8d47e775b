import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { lengthenedLock, lockOfAll } from '../../src/retention/lock.ts';
import { type Period, parsePeriod } from '../../src/retention/period.ts';
import type { Terms } from '../../src/retention/terms.ts';
import type { ObjectLock } from '../../src/sinks/sink.ts';

const NOW = Date.parse('2026-06-15T12:00:00Z');
const lock = (text: string | null): ObjectLock | null => {
  if (text === null) return null;
  const [mode, year] = text.split(' ');
  return { mode: mode as ObjectLock['mode'], retainUntil: new Date(`${year}-01-01T00:00:00Z`) };
};

test.each<[string | null, string | null, string | null]>([
  [null, null, null],
  [null, 'governance 2030', 'governance 2030'],
  // No store takes a date in the past.
  [null, 'governance 2025', null],
  ['governance 2030', null, 'governance 2030'],
  ['governance 2030', 'governance 2028', 'governance 2030'],
  ['governance 2030', 'governance 2033', 'governance 2033'],
  ['governance 2030', 'compliance 2033', 'compliance 2033'],
  ['governance 2030', 'compliance 2030', 'compliance 2030'],
  // Compliance until 2035 is what nobody asked for.
  ['governance 2035', 'compliance 2033', 'governance 2035'],
  ['compliance 2030', 'compliance 2033', 'compliance 2033'],
  ['compliance 2030', 'compliance 2028', 'compliance 2030'],
  // Governance terms must not lengthen what nobody can take back.
  ['compliance 2030', 'governance 2055', 'compliance 2030'],
  // Once it has run out they hold.
  ['compliance 2025', 'governance 2055', 'governance 2055'],
])('%s, asked for %s: %s', (held, due, expected) => {
  expect(lengthenedLock(lock(held), lock(due), NOW)).toEqual(lock(expected));
});

test('no lock that holds is ever weakened, and no compliance date is one that compliance terms did not ask for', () => {
  const some = fc.option(
    fc.record({
      mode: fc.constantFrom<ObjectLock['mode']>('governance', 'compliance'),
      retainUntil: fc.integer({ min: 2000, max: 2060 }).map((year) => new Date(Date.UTC(year, 0))),
    }),
  );
  fc.assert(
    fc.property(some, some, (held, due) => {
      const after = lengthenedLock(held, due, NOW);
      if (held !== null && held.retainUntil.getTime() > NOW) {
        expect(after?.retainUntil.getTime()).toBeGreaterThanOrEqual(held.retainUntil.getTime());
        if (held.mode === 'compliance') expect(after?.mode).toBe('compliance');
      }
      if (after?.mode === 'compliance')
        expect(
          [held, due].some((one) => one?.mode === 'compliance' && +one.retainUntil === +after.retainUntil),
        ).toBe(true);
    }),
    { numRuns: 2000 },
  );
});

describe('the lock of the log', () => {
  const period = (text: string): Period => {
    const parsed = parsePeriod(text);
    if (parsed === undefined) throw new Error(text);
    return parsed;
  };
  const classes = (...all: readonly string[]): ReadonlyMap<string, Terms> =>
    new Map(
      all.map((text, place) => {
        const [keep = '', mode] = text.split(' ');
        return [`c${place}`, { keep: period(keep), mode: mode as Terms['mode'], disposition: 'keep' }];
      }),
    );
  test.each([
    [['7y governance'], 'governance 2033-06-16'],
    [['90d governance', '7y governance'], 'governance 2033-06-16'],
    [['6y compliance', '7y governance'], 'compliance 2033-06-16'],
    // Never longer than anything may be locked so.
    [['90d compliance', '99y governance'], 'compliance 2036-06-16'],
    [['90d compliance', '99y none'], 'compliance 2026-09-14'],
    [['7y none'], null],
  ])('of %s', (given, expected) => {
    const found = lockOfAll(classes(...given), '2026-06-15', period('10y'));
    expect(found === null ? null : `${found.mode} ${found.retainUntil.toISOString().slice(0, 10)}`).toBe(
      expected,
    );
  });
});
