import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { OpenArchive } from '../../src/query/archive.ts';
import { people } from '../../src/query/people.ts';
import { type SearchInput, type SearchResult, search } from '../../src/query/search.ts';
import { sessions } from '../../src/query/sessions.ts';
import { contextOf, type WrittenArchive, writtenArchive } from '../support/searched-archive.ts';
import { ABOUT, type ChatRow, chatRows, DAY, messageRecord, START, TEXTS } from './chat.ts';

const ROWS = chatRows();
let written: WrittenArchive;
let archive: OpenArchive;

beforeAll(async () => {
  written = await writtenArchive([...ROWS.map(messageRecord), ...ABOUT]);
  archive = await written.open();
});
afterAll(() => written.remove());

/** Unicode's own forms and case, over whole strings, as JavaScript has them. */
function plain(text: string): string {
  return text
    .toWellFormed()
    .normalize('NFKC')
    .toUpperCase()
    .toLowerCase()
    .normalize('NFKC')
    .replaceAll('ς', 'σ')
    .replace(/\p{Default_Ignorable_Code_Point}/gu, '');
}

const tokens = (text: string): readonly string[] => plain(text).split(/[^\p{L}\p{M}\p{N}_]+/u);
const placesOf = (row: ChatRow): readonly string[] => [
  row.text,
  ...row.files,
  ...(row.bot.length > 0 ? [row.bot.join('\n')] : []),
];
/** Whether one of its places has all of these words whole. */
const hasWords =
  (...words: readonly string[]) =>
  (row: ChatRow): boolean =>
    placesOf(row).some((place) => words.every((word) => tokens(place).includes(plain(word))));
const hasPart =
  (part: string) =>
  (row: ChatRow): boolean =>
    placesOf(row).some((place) => plain(place).includes(plain(part)));

const nameOf = (row: ChatRow): string => `${row.session.id} ${row.messageId} ${row.kind} ${row.actionAt}`;

function compare(one: ChatRow, other: ChatRow): number {
  const keys = [
    [one.sentAt, other.sentAt],
    [one.session.id, other.session.id],
    [one.messageId, other.messageId],
    [one.actionAt, other.actionAt],
  ] as const;
  for (const [a, b] of keys) if (a !== b) return a < b ? -1 : 1;
  return 0;
}

function expected(fits: (row: ChatRow) => boolean): readonly string[] {
  return ROWS.filter(fits).sort(compare).map(nameOf);
}

const namesOf = ({ hits }: SearchResult): readonly string[] =>
  hits.map(
    ({ revision }) =>
      `${revision.session.id} ${revision.messageId} ${revision.kind} ${Date.parse(revision.actionAt)}`,
  );

const everEdited = new Set(ROWS.filter(({ kind }) => kind === 'edited').map(({ messageId }) => messageId));
const everDeleted = new Set(ROWS.filter(({ kind }) => kind === 'deleted').map(({ messageId }) => messageId));
const isExternal = (row: ChatRow): boolean => row.senderExternal || row.session.id === 's-sales';
const from = (row: ChatRow, id: string): boolean => [row.person.email, row.person.memberId].includes(id);

const QUESTIONS: readonly (readonly [SearchInput, (row: ChatRow) => boolean])[] = [
  [{}, () => true],
  [{ text: 'letter side' }, hasWords('letter', 'side')],
  [{ text: '“Letter”, SIDE!' }, hasWords('letter', 'side')],
  [{ text: 'letter edited' }, hasWords('letter', 'edited')],
  [{ text: 'side letter', match: 'phrase' }, (row) => row.text.includes('side letter')],
  [{ text: 'letter', match: 'substring' }, hasPart('letter')],
  [{ text: 'strasse' }, hasWords('strasse')],
  [{ text: 'straße' }, hasWords('strasse')],
  [{ text: 'final offer' }, hasWords('final', 'offer')],
  [{ text: 'ﬁnal', match: 'substring' }, hasPart('final')],
  [{ text: 'full' }, hasWords('full')],
  [{ text: 'café au' }, hasWords('café', 'au')],
  [{ text: 'cafe\u0301', match: 'substring' }, hasPart('café')],
  [{ text: 'cafe', match: 'substring' }, hasPart('cafe')],
  [{ text: 'οδος' }, hasWords('οδος')],
  [{ text: 'שלום' }, hasWords('שלום')],
  [{ text: 'right to left', match: 'phrase' }, (row) => row.text.includes('right to left')],
  [{ text: 'def right' }, hasWords('def', 'right')],
  [{ text: '👍', match: 'words' }, hasPart('👍')],
  [{ text: '👩‍💻' }, hasPart('👩‍💻')],
  [{ text: '❤' }, hasPart('❤')],
  [{ text: '会議' }, hasPart('会議')],
  [{ text: 'ガイド', match: 'substring' }, hasPart('ガイド')],
  [{ text: '한국어' }, hasWords('한국어')],
  [{ text: 'में' }, hasWords('में')],
  [{ text: '100% (net) [a-z]', match: 'substring' }, hasPart('100% (net) [a-z]')],
  [{ text: 'c:\\temp $1 .*', match: 'substring' }, hasPart('c:\\temp $1 .*')],
  [{ text: "O'Brien" }, (row) => row.text.includes("O'Brien")],
  [{ text: 'one line two', match: 'phrase' }, (row) => row.text.includes('one\nline two')],
  [{ text: 'half pair' }, hasWords('half', 'pair')],
  [{ text: 'istanbul', match: 'substring' }, hasPart('istanbul')],
  [{ text: 'minutes final', match: 'words' }, hasWords('minutes', 'final')],
  [{ text: 'pipeline strasse' }, hasWords('pipeline', 'strasse')],
  [{ text: 'nowhere' }, () => false],
  [{ text: '(?i)^the (side|final)', match: 'regex' }, ({ text }) => /^the (side|final)/i.test(text)],
  [
    { text: '\\d{2,}\\.pdf$', match: 'regex' },
    ({ files }) => files.some((name) => /\d{2,}\.pdf$/.test(name)),
  ],
  [{ text: '\\bletter\\b', match: 'regex' }, ({ text }) => /\bletter\b/.test(text)],
  [{ person: 'ANN@example.com' }, (row) => from(row, 'ann@example.com')],
  [{ person: 'm-bob' }, (row) => from(row, 'M-BOB')],
  [{ person: 'ann small' }, (row) => from(row, 'M-ANN')],
  [{ person: 'ann GRÖSSER' }, () => false],
  [{ person: 'Ann GRO\u0308ßer' }, (row) => from(row, 'M-ANN')],
  [{ person: 'Nobody Known' }, (row) => row.person.nameOn(0) === 'Nobody Known'],
  [{ person: 'Zoë Quiet' }, () => false],
  [{ participant: 'zoe@example.com' }, (row) => row.session.id === 's-sales'],
  [{ participant: 'bob@example.com', person: 'Guest' }, (row) => from(row, 'M-GUEST')],
  [{ session: 'legal' }, (row) => row.session.id === 's-legal'],
  [{ session: 's-direct' }, (row) => row.session.id === 's-direct'],
  [{ session: 'law & ORD' }, (row) => row.session.id === 's-legal'],
  [{ channel: 'c-legal' }, (row) => row.session.id === 's-legal'],
  [{ channel: 'sales [*' }, (row) => row.session.id === 's-sales'],
  [{ channel: 'leg*' }, (row) => row.session.id === 's-legal'],
  [{ kind: 'deleted' }, (row) => row.kind === 'deleted'],
  [{ hasFiles: true }, (row) => row.files.length > 0],
  [{ hasFiles: false, kind: 'sent' }, (row) => row.files.length === 0 && row.kind === 'sent'],
  [{ external: true }, isExternal],
  [{ external: false }, (row) => !isExternal(row)],
  [{ edited: true }, (row) => everEdited.has(row.messageId)],
  [
    { edited: false, deleted: true },
    (row) => !everEdited.has(row.messageId) && everDeleted.has(row.messageId),
  ],
  [{ deleted: false, text: 'letter' }, (row) => !everDeleted.has(row.messageId) && hasWords('letter')(row)],
  [{ custodian: 'ann@example.com', text: 'offer' }, hasWords('offer')],
  [
    { custodian: 'zoe@example.com', text: 'offer' },
    (row) => row.session.id === 's-sales' && hasWords('offer')(row),
  ],
  [{ matter: 'no such matter' }, () => false],
  [
    { from: '2026-03-28T10:00:00Z', to: '2026-03-28T12:00:00+01:00' },
    (row) => row.sentAt >= START + DAY + 36_000_000 && row.sentAt < START + DAY + 39_600_000,
  ],
  // The clock in Berlin goes from two to three in the night to the 29th, which has 23 hours.
  [
    { from: '2026-03-29', to: '2026-03-29', zone: 'Europe/Berlin' },
    ({ sentAt }) =>
      sentAt >= Date.parse('2026-03-28T23:00:00Z') && sentAt < Date.parse('2026-03-29T22:00:00Z'),
  ],
];

describe('a question', () => {
  test.each(QUESTIONS)('%j finds what a look at every row finds', async (question, fits) => {
    const wanted = expected(fits);
    const result = await search(contextOf(archive), { ...question, limit: 1000 });
    expect(namesOf(result)).toEqual(wanted);
    expect(result.total.revisions).toBe(wanted.length);
    expect(result.total.messages).toBe(new Set(ROWS.filter(fits).map(({ messageId }) => messageId)).size);
    expect(result.next).toBeNull();
    for (const { found } of result.hits) {
      expect(found.length > 0).toBe(question.text !== undefined);
      for (const { text, ranges } of found)
        for (const [start, end] of ranges) expect(start >= 0 && start < end && end <= text.length).toBe(true);
    }
  });

  test('is answered in pages that are the whole, in either order', async () => {
    for (const order of ['oldest', 'newest'] as const) {
      const all: string[] = [];
      let after: string | undefined;
      do {
        const page = await search(contextOf(archive), {
          order,
          limit: 61,
          ...(after === undefined ? {} : { after }),
        });
        all.push(...namesOf(page));
        after = page.next ?? undefined;
      } while (after !== undefined);
      const wanted = expected(() => true);
      expect(all).toEqual(order === 'oldest' ? wanted : [...wanted].reverse());
    }
  });

  test('leaves out segments of other days, sessions and senders', async () => {
    const read = async (question: SearchInput) => (await search(contextOf(archive), question)).segments;
    const { of } = await read({});
    expect(of).toBe(archive.segments({ streams: ['messages'] }).length);
    expect(await read({ session: 's-direct' })).toEqual({ read: 6, of });
    // Versions of later days are of messages that were sent on this one.
    expect((await read({ from: '2026-03-27', to: '2026-03-27' })).read).toBe(4);
    expect((await read({ person: 'nobody@example.com' })).read).toBe(0);
  });

  test('shows where it was found', async () => {
    const shown = async (question: SearchInput) => {
      const { hits } = await search(contextOf(archive), { ...question, limit: 1 });
      return hits.flatMap(({ found }) =>
        found.map(({ in: place, text, ranges }) => [
          place,
          ...ranges.map(([start, end]) => text.slice(start, end)),
        ]),
      );
    };
    expect(await shown({ text: 'offer final' })).toEqual([['text', 'ﬁnal', 'oﬀer']]);
    expect(await shown({ text: 'CAFÉ' })).toEqual([['text', 'Cafe\u0301']]);
    expect(await shown({ text: 'ｶﾞｲﾄﾞ', match: 'substring' })).toEqual([['text', 'ｶﾞｲﾄﾞ', 'ガイド']]);
    expect(await shown({ text: 'minutes' })).toEqual([['file', 'Minutes']]);
    expect(await shown({ text: 'STRASSE is' })).toEqual([['bot', 'straße', 'is']]);
    expect(await shown({ text: 'e[a-z]{2}', match: 'regex' })).toEqual([['text', 'ett']]);
  });

  test('that cannot be answered is refused with what is wrong', async () => {
    const refused = (question: object) => search(contextOf(archive), question as SearchInput);
    await expect(refused({ text: '(', match: 'regex' })).rejects.toMatchObject({ code: 'usage' });
    await expect(refused({ text: '(?=a)', match: 'regex' })).rejects.toMatchObject({ code: 'usage' });
    await expect(refused({ text: ' \u200b ' })).rejects.toMatchObject({ code: 'usage' });
    await expect(refused({ zone: 'Mars/Base', from: '2026-01-01' })).rejects.toMatchObject({ code: 'usage' });
    await expect(refused({ from: '2026-02-02', to: '2026-01-01' })).rejects.toMatchObject({ code: 'usage' });
    await expect(refused({ after: 'nonsense' })).rejects.toMatchObject({ code: 'usage' });
    await expect(refused({ limit: 0 })).rejects.toMatchObject({ code: 'usage' });
    await expect(refused({ tetx: 'a' })).rejects.toMatchObject({ code: 'usage' });
  });

  test.each(['words', 'phrase', 'substring', 'regex'] as const)(
    'with a NUL is one like any other: %s',
    async (match) => {
      const found = await search(contextOf(archive), { text: 'letter\0', match });
      expect(found.total.revisions).toBe(0);
    },
  );

  test('is recorded before it is answered, and not answered where that fails', async () => {
    const context = contextOf(archive);
    await search(context, { text: 'letter' });
    expect(context.recorded).toMatchObject([
      { action: 'search', input: { text: 'letter', match: 'words', zone: 'UTC', limit: 50 } },
    ]);
    const record = async (): Promise<void> => {
      throw new Error('the access log is away');
    };
    await expect(search({ ...context, record }, {})).rejects.toThrow('away');
    await expect(sessions({ ...context, record }, {})).rejects.toThrow('away');
    await expect(people({ ...context, record }, { text: 'a' })).rejects.toThrow('away');
  });
});

test('any part of any text finds its rows', async () => {
  const part = fc
    .constantFrom(...TEXTS.filter((text) => plain(text).trim() !== '' && text.isWellFormed()))
    .chain((text) => {
      const points = [...text];
      return fc
        .tuple(fc.nat(points.length - 1), fc.integer({ min: 1, max: 6 }))
        .map(([at, length]) => points.slice(at, at + length).join(''));
    })
    // A part that begins with a mark is none of the text as people see it.
    .filter((text) => plain(text) !== '' && !/^[\p{M}\p{Default_Ignorable_Code_Point}ﾞ]/u.test(text));
  await fc.assert(
    fc.asyncProperty(part, async (text) => {
      const result = await search(contextOf(archive), { text, match: 'substring', limit: 1000 });
      expect(namesOf(result)).toEqual(expected(hasPart(text)));
    }),
    { numRuns: 40 },
  );
});

test('what does not say when it was sent is found by its own time', async () => {
  const own = await writtenArchive();
  try {
    const [first, second] = [START, START + 60_000].map((time, place) => {
      const record = { id: `m-${place}`, message: 'word', ...(place === 0 ? {} : { timestamp: time }) };
      return { stream: 'messages' as const, kind: 'sent', time, record, session: ROWS[0]?.session };
    });
    if (first?.session === undefined || second?.session === undefined) throw new Error('no session');
    await own.append([
      { ...first, session: first.session },
      { ...second, session: second.session },
    ]);
    const context = contextOf(await own.open());
    const found = async (input: SearchInput) =>
      (await search(context, input)).hits.map(({ revision: { messageId, sentAt } }) => [
        messageId,
        Date.parse(sentAt),
      ]);
    const both = [
      ['m-0', START],
      ['m-1', START + 60_000],
    ];
    expect(await found({ text: 'word' })).toEqual(both);
    expect(await found({ from: '2026-03-27', to: '2026-03-27' })).toEqual(both);
    expect(await found({ to: new Date(START).toISOString() })).toEqual([]);
    const page = await search(context, { limit: 1 });
    expect(page.total.revisions).toBe(2);
    expect(await found({ after: page.next ?? '' })).toEqual(both.slice(1));
  } finally {
    await own.remove();
  }
});

describe('sessions and people', () => {
  test('are found by every name that they ever had', async () => {
    const found = await sessions(contextOf(archive), { text: 'LAW' });
    const own = ROWS.filter(({ session }) => session.id === 's-legal');
    expect(found.sessions).toMatchObject([
      {
        id: 's-legal',
        name: 'Law & Order',
        names: ['Law & Order', 'Legal'],
        channelId: 'c-legal',
        revisions: own.length,
        first: new Date(Math.min(...own.map(({ sentAt }) => sentAt))).toISOString(),
        last: new Date(Math.max(...own.map(({ sentAt }) => sentAt))).toISOString(),
        external: false,
      },
    ]);
    expect((await people(contextOf(archive), { text: 'small' })).people).toEqual([
      { email: 'ann@example.com', memberId: 'M-ANN', names: ['Ann Größer', 'Ann Small'] },
    ]);
    expect((await people(contextOf(archive), { text: 'zoe@' })).people).toEqual([
      { email: 'zoe@example.com', memberId: 'M-ZOE', names: ['Zoë Quiet'] },
    ]);
  });

  test('come in pages', async () => {
    const first = await sessions(contextOf(archive), { limit: 2 });
    const second = await sessions(contextOf(archive), { limit: 2, after: first.next ?? '' });
    expect([...first.sessions, ...second.sessions].map(({ id }) => id).sort()).toEqual([
      's-direct',
      's-legal',
      's-sales',
    ]);
    expect(second.next).toBeNull();
  });
});
