import { describe, expect, test } from 'vitest';
import { ObjectChanges } from '../../src/proof/changes.ts';
import type { LogEntry } from '../../src/proof/entry.ts';
import { objectKey } from '../../src/segments/layout.ts';

const HASH = 'ab'.repeat(32);
const KEY = objectKey(HASH);
const UNTIL = '2026-06-01T00:00:00.000Z';

const object = (changes: object = {}): LogEntry & { type: 'object' } => ({
  type: 'object',
  at: '2026-01-01T00:00:00.000Z',
  key: KEY,
  version: 'v1',
  sha256: HASH,
  bytes: 3,
  class: 'chat',
  lock: { mode: 'governance', retain_until: UNTIL },
  ...changes,
});
const relock = (until: string, changes: object = {}): LogEntry => ({
  type: 'lock',
  at: '2026-02-01T00:00:00.000Z',
  key: KEY,
  version: 'v1',
  class: 'books',
  lock: { mode: 'governance', retain_until: until },
  ...changes,
});
const disposal = (at: string, changes: object = {}): LogEntry & { type: 'disposal' } => ({
  type: 'disposal',
  at,
  key: KEY,
  version: 'v1',
  sha256: HASH,
  bytes: 3,
  class: 'chat',
  by: 'Ann',
  approved_by: null,
  reason: 'over',
  ...changes,
});

function changesOf(entries: readonly LogEntry[]): ObjectChanges {
  const changes = new ObjectChanges();
  for (const [index, entry] of entries.entries()) changes.note(index, entry);
  return changes;
}

describe('what became of an object', () => {
  test.each<[string, readonly LogEntry[], object]>([
    ['nothing', [], { lock: object().lock, class: 'chat', disposal: undefined, problems: [] }],
    [
      'a longer lock, of another class',
      [relock('2027-01-01T00:00:00.000Z')],
      { lock: { mode: 'governance', retain_until: '2027-01-01T00:00:00.000Z' }, class: 'books' },
    ],
    [
      'a shorter promise takes nothing back',
      [
        relock('2026-03-01T00:00:00.000Z', {
          lock: { mode: 'compliance', retain_until: '2026-03-01T00:00:00.000Z' },
        }),
      ],
      { lock: { mode: 'compliance', retain_until: UNTIL } },
    ],
    ['a disposal at the end of its lock', [disposal(UNTIL)], { disposal: { by: 'Ann' }, problems: [] }],
    [
      'a disposal before it',
      [disposal('2026-05-31T23:59:59.999Z')],
      {
        disposal: { by: 'Ann' },
        problems: [{ what: 'the disposal came before the promised lock was over', expected: UNTIL }],
      },
    ],
    [
      'a disposal before the end of a lengthened lock',
      [relock('2027-01-01T00:00:00.000Z'), disposal(UNTIL)],
      { problems: [{ expected: '2027-01-01T00:00:00.000Z' }] },
    ],
    [
      'a disposal of other bytes',
      [disposal(UNTIL, { sha256: 'cd'.repeat(32) })],
      { problems: [{ what: 'the disposal is of other bytes than were archived' }] },
    ],
    [
      'a disposal of another version',
      [disposal(UNTIL, { version: 'v2' })],
      { disposal: undefined, problems: [{ what: 'the disposal is of another version than was archived' }] },
    ],
  ])('%s', (_name, after, expected) => {
    const changes = changesOf([object(), ...after]);
    expect(changes.fateOf(0, object())).toMatchObject(expected);
    expect(changes.unclaimed()).toEqual([]);
  });

  test('what nothing before it named is told', () => {
    const changes = changesOf([disposal(UNTIL), object()]);
    expect(changes.fateOf(1, object())).toMatchObject({ disposal: undefined, problems: [] });
    expect(changes.unclaimed()).toMatchObject([{ index: 0, entry: { type: 'disposal' } }]);
  });

  test('content that comes again has a life of its own', () => {
    const again = object({ at: '2026-07-01T00:00:00.000Z', lock: null });
    const late = disposal('2026-09-01T00:00:00.000Z', { by: 'Bo' });
    const changes = changesOf([object(), disposal(UNTIL), again, relock('2026-08-01T00:00:00.000Z'), late]);
    expect(changes.fateOf(0, object())).toMatchObject({ disposal: { by: 'Ann' }, problems: [] });
    expect(changes.fateOf(2, again)).toMatchObject({
      disposal: { by: 'Bo' },
      lock: { retain_until: '2026-08-01T00:00:00.000Z' },
      problems: [],
    });
    expect(changes.disposedBetween(KEY, 0, 2)).toBe(true);
    expect(changes.disposedBetween(KEY, 2, 3)).toBe(false);
    expect(changes.isArchivedAfter(1, disposal(UNTIL))).toBe(true);
    expect(changes.isArchivedAfter(4, late)).toBe(false);
  });
});
