import { describe, expect, test } from 'vitest';
import { firstPageHoldsAll, NO_EVIDENCE, PlacementObserver } from '../../src/collectors/placement.ts';
import type { MessageRow, MessagesPage } from '../../src/zoom/schemas.ts';

const NOW = Date.parse('2026-06-15T12:00:00Z');
const SETTLE = 120_000;

function rows(...ids: readonly string[]): MessageRow[] {
  return ids.map((id) => ({ id, timestamp: NOW - 86_400_000, action_timestamp: NOW - 3_600_000 }));
}

/** What one unit with these pages teaches. */
function learned(...pages: readonly MessagesPage[]) {
  const observer = new PlacementObserver();
  for (const page of pages) observer.page(page, NOW, SETTLE);
  return observer.addTo(NO_EVIDENCE);
}

const WHOLE = { whole: 1, spread: 0 };
const SPREAD = { whole: 0, spread: 1 };

describe('a unit', () => {
  test('whose first page has an edit of a message of a later page shows that the first page holds all', () => {
    expect(
      learned({ messages: rows('a'), edited_messages: rows('a', 'b') }, { messages: rows('b') }),
    ).toEqual(WHOLE);
  });

  test('whose spelling of ids differs between the arrays shows the same', () => {
    expect(learned({ messages: rows('a'), deleted_messages: rows('{B}') }, { messages: rows('b') })).toEqual(
      WHOLE,
    );
  });

  test('with an edit on a later page that the first lacks shows that they are spread', () => {
    expect(
      learned(
        { messages: rows('a'), edited_messages: rows('a') },
        { messages: rows('b'), edited_messages: rows('b') },
      ),
    ).toEqual(SPREAD);
    expect(
      learned(
        { messages: rows('a'), edited_messages: rows('b') },
        { messages: rows('b'), deleted_messages: rows('c') },
      ),
    ).toEqual(SPREAD);
  });

  test('that repeats the first page’s edits on every page is no evidence of spreading', () => {
    expect(
      learned(
        { messages: rows('a'), edited_messages: rows('b') },
        { messages: rows('b'), edited_messages: rows('{B}') },
      ),
    ).toEqual(WHOLE);
  });

  test('with an edit made while it was read proves nothing', () => {
    const fresh = [{ id: 'b', timestamp: NOW - 1000, action_timestamp: NOW - SETTLE }];
    expect(learned({ messages: rows('a') }, { messages: rows('b'), edited_messages: fresh })).toEqual(
      NO_EVIDENCE,
    );
  });

  test.each<[string, MessagesPage[]]>([
    ['one page', [{ messages: rows('a'), edited_messages: rows('a', 'z') }]],
    ['no edits', [{ messages: rows('a') }, { messages: rows('b') }]],
    [
      'edits of listed messages only',
      [{ messages: rows('a'), edited_messages: rows('a') }, { messages: rows('b') }],
    ],
    [
      'edits of messages that are not listed at all',
      [{ edited_messages: rows('z') }, { messages: rows('b') }],
    ],
    ['nothing', []],
  ])('with %s proves nothing', (_name, pages) => {
    expect(learned(...pages)).toEqual(NO_EVIDENCE);
  });
});

test('several units agree before the first page is trusted, and one to the contrary ends it', () => {
  expect(firstPageHoldsAll(NO_EVIDENCE)).toBe(false);
  expect(firstPageHoldsAll({ whole: 2, spread: 0 })).toBe(false);
  expect(firstPageHoldsAll({ whole: 3, spread: 0 })).toBe(true);
  expect(firstPageHoldsAll({ whole: 300, spread: 1 })).toBe(false);
});
