import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Admission, admit, dropOldKeys } from '../../src/ledger/admit.ts';
import {
  type AdmitRule,
  type Candidate,
  type ContentHash,
  canonicalJson,
  instant,
  keyMonth,
  LASTING,
  type RecordKey,
} from '../../src/record.ts';
import { DAY, message, page, stagedRecords, unitCounters } from './candidates.ts';
import { ENGINES, NOW, openLedger } from './ledgers.ts';

/** Admission as the design words it, one candidate after the other, in memory. */
class Model {
  readonly #seen = new Map<RecordKey, ContentHash>();
  readonly #drifts = new Set<string>();
  readonly records: string[] = [];
  readonly totals = { pages: 0, rows: 0, admitted: 0, sightings: 0, drift: 0 };

  admit(candidates: readonly Candidate[], rows: number): void {
    const inPage = new Map<RecordKey, ContentHash>();
    this.totals.pages += 1;
    this.totals.rows += rows;
    for (const candidate of candidates) {
      const { key, content, rule } = candidate;
      const before = this.#seen.get(key);
      const repeat = inPage.get(key) === content;
      inPage.set(key, content);
      if (repeat) this.totals.sightings += 1;
      else if (before === content) this.totals.sightings += 1;
      else if (before === undefined || rule === 'state') {
        this.#seen.set(key, content);
        this.#record(candidate, false);
      } else if (this.#drifts.has(key + content)) this.totals.sightings += 1;
      else {
        this.#drifts.add(key + content);
        this.#record(candidate, true);
      }
    }
  }

  #record(candidate: Candidate, drift: boolean): void {
    this.records.push(describeRecord({ ...candidate, drift }));
    this.totals.admitted += 1;
    if (drift) this.totals.drift += 1;
  }
}

function describeRecord(record: {
  readonly key: string;
  readonly kind: string;
  readonly time: number;
  readonly drift: boolean;
  readonly record: string;
}): string {
  return [record.drift ? 'drift' : 'new', record.key, record.kind, record.time, record.record].join(' ');
}

/** Few names and few contents, so that pages repeat and contradict each other. */
const anyCandidate: fc.Arbitrary<Candidate> = fc
  .record({
    name: fc.integer({ min: 0, max: 11 }),
    content: fc.constantFrom('A', 'B', 'C'),
  })
  .map(({ name, content }) => {
    // A key has one rule for all its life.
    const rule: AdmitRule = name % 2 === 0 ? 'once' : 'state';
    return message(
      `m${name}`,
      { content },
      {
        rule,
        stream: name % 2 === 0 ? 'messages' : 'reactions',
        kind: name % 2 === 0 ? 'sent' : 'state',
        time: instant(NOW - (name % 4) * 40 * DAY),
        keyMonth: rule === 'once' || name === 3 ? keyMonth(NOW - (name % 4) * 40 * DAY) : LASTING,
      },
    );
  });

describe.each(ENGINES)('admission on $name', (engine) => {
  test('agrees with the model for any pages', async () => {
    const pages = fc.array(fc.array(anyCandidate, { maxLength: 14 }), { minLength: 1, maxLength: 6 });
    const { db, lease, unit } = await openLedger(engine);
    await fc.assert(
      fc.asyncProperty(pages, async (sequence) => {
        await db.query('truncate seen, states, staged');
        await db.query('update units set pages = 0, rows = 0, admitted = 0, sightings = 0, drift = 0');
        const model = new Model();
        const answers: Admission[] = [];
        for (const candidates of sequence) {
          model.admit(candidates, candidates.length);
          answers.push(await admit(db, lease, unit, page(candidates)));
        }
        const staged = (await stagedRecords(db)).map(describeRecord);
        expect(staged.sort()).toEqual(model.records.sort());
        expect(await unitCounters(db)).toEqual(model.totals);
        const admitted = answers.flatMap((answer) => answer.admitted);
        expect({
          pages: answers.length,
          rows: answers.reduce((sum, answer) => sum + answer.rows, 0),
          admitted: admitted.length,
          sightings: answers.reduce((sum, answer) => sum + answer.sightings, 0),
          drift: admitted.filter(({ drift }) => drift).length,
        }).toEqual(model.totals);
      }),
      { numRuns: 60 },
    );
  });

  test('keeps other content of a known record beside it, once for each content', async () => {
    const { db, lease, unit } = await openLedger(engine);
    const say = (text: string) => admit(db, lease, unit, page([message('m1', { text })]));
    await say('first');
    for (const text of ['second', 'third', 'second', 'third', 'first']) await say(text);
    const staged = await stagedRecords(db);
    expect(staged.map(({ drift, record }) => [drift, JSON.parse(record).text])).toEqual([
      [false, 'first'],
      [true, 'second'],
      [true, 'third'],
    ]);
    expect(await unitCounters(db)).toEqual({ pages: 6, rows: 6, admitted: 3, sightings: 3, drift: 2 });
  });

  test.each(['in pages of their own', 'in one page'])('records each change of a state, %s', async (how) => {
    const { db, lease, unit } = await openLedger(engine);
    const states = ['A', 'B', 'B', 'A'].map((state) =>
      message('m1', { state }, { stream: 'reactions', kind: 'state', rule: 'state' }),
    );
    if (how === 'in one page') await admit(db, lease, unit, page(states));
    else for (const state of states) await admit(db, lease, unit, page([state]));
    const staged = await stagedRecords(db);
    expect(staged.map(({ record }) => JSON.parse(record).state)).toEqual(['A', 'B', 'A']);
    expect(await unitCounters(db)).toMatchObject({ admitted: 3, sightings: 1, drift: 0 });
  });

  test('keeps the text as it came, whatever is in it', async () => {
    const { db, lease, unit } = await openLedger(engine);
    const texts = [
      'tab\there, line\nfeed, return\r, bell\u0007',
      'nothing \u0000 at all, separators \u001e and \u001f',
      'half a face \ud83d, the other half \ude00, a whole one \ud83d\ude00',
      'emoji 👩‍👩‍👧‍👦, combining e\u0301, right to left \u202e, line separator \u2028',
      `"quoted", 'single', back\\slash, \\u0041, \\t, {brace}, N, \\N, $1, ;--`,
      'x'.repeat(60_000),
      '',
    ];
    const candidates = texts.map((text, index) => message(`m${index}`, { text }));
    await admit(db, lease, unit, page(candidates));
    const staged = new Map((await stagedRecords(db)).map((record) => [record.key, record.record]));
    for (const [index, candidate] of candidates.entries()) {
      expect(staged.get(candidate.key)).toBe(candidate.record);
      expect(JSON.parse(staged.get(candidate.key) ?? '').text).toBe(texts[index]);
    }
  });

  test('admits from a session with any name', async () => {
    const { db, lease, unit } = await openLedger(engine);
    const names = ['cut \ud83d', 'nothing \u0000', 'tab\t and line\n', `quote ' " \\`, 'N', ''];
    for (const [index, name] of names.entries()) {
      const provenance = {
        ...page([]).provenance,
        session: { id: 's', type: 'Group', name, channelId: 'c' },
      };
      const answer = await admit(db, lease, unit, page([message(`m${index}`)], { provenance }));
      expect(answer.admitted).toHaveLength(1);
    }
    const stored = await db.query<{ name: string }>(
      `select provenance::jsonb #>> '{session,name}' as name from staged order by id`,
    );
    expect(stored.map(({ name }) => name)).toEqual(['cut \ufffd', 'nothing \ufffd', ...names.slice(2)]);
  });

  test('a page without candidates counts as a page', async () => {
    const { db, lease, unit } = await openLedger(engine);
    expect(await admit(db, lease, unit, page([], { rows: 3 }))).toEqual({
      rows: 3,
      admitted: [],
      sightings: 0,
    });
    expect(await unitCounters(db)).toEqual({ pages: 1, rows: 3, admitted: 0, sightings: 0, drift: 0 });
    expect(await stagedRecords(db)).toEqual([]);
  });

  test('groups by stream, class and day', async () => {
    const { db, lease, unit } = await openLedger(engine);
    const at = (text: string) => instant(Date.parse(text));
    const candidates = [
      message('late', {}, { time: at('2026-11-18T23:59:59.999Z') }),
      message('early', {}, { time: at('2026-11-19T00:00:00.000Z') }),
      message('kept longer', {}, { time: at('2026-11-19T00:00:00.000Z') }),
      message('reaction', {}, { time: at('2026-11-19T00:00:00.000Z'), stream: 'reactions', kind: 'state' }),
    ];
    const classOf = (candidate: Candidate) => (candidate.record.includes('longer') ? 'long' : 'default');
    await admit(db, lease, unit, page(candidates, { classOf }));
    const groups = await db.query(
      `select stream, class, day::text as day, records::int as records from staged order by stream, class, day`,
    );
    expect(groups).toEqual([
      { stream: 'messages', class: 'default', day: '2026-11-18', records: 1 },
      { stream: 'messages', class: 'default', day: '2026-11-19', records: 1 },
      { stream: 'messages', class: 'long', day: '2026-11-19', records: 1 },
      { stream: 'reactions', class: 'default', day: '2026-11-19', records: 1 },
    ]);
  });

  test('months far apart, the first and a distant one', async () => {
    const { db, lease, unit } = await openLedger(engine);
    const times = ['1970-01-01T00:00:00.000Z', '2026-10-31T23:59:59.999Z', '2100-12-31T23:59:59.999Z'];
    const candidates = times.map((time) => message(time, {}, { time: instant(Date.parse(time)) }));
    await admit(db, lease, unit, page(candidates.map((one) => ({ ...one, keyMonth: keyMonth(one.time) }))));
    await admit(db, lease, unit, page(candidates.map((one) => ({ ...one, keyMonth: keyMonth(one.time) }))));
    expect(await unitCounters(db)).toMatchObject({ admitted: 3, sightings: 3 });
    expect((await stagedRecords(db)).map(({ day }) => day)).toEqual([
      '1970-01-01',
      '2026-10-31',
      '2100-12-31',
    ]);
  });

  test('drops the keys of months that Zoom serves no more, and goes on', async () => {
    const { db, lease, unit } = await openLedger(engine);
    const at = (time: string, changes: Partial<Candidate> = {}) =>
      message(
        time,
        {},
        { time: instant(Date.parse(time)), keyMonth: keyMonth(Date.parse(time)), ...changes },
      );
    const ages = [
      at('2026-03-31T00:00:00Z'),
      at('2026-04-01T00:00:00Z'),
      at('2026-03-30T00:00:00Z', { rule: 'state' }),
      at('2020-01-01T00:00:00Z', { rule: 'state', keyMonth: LASTING }),
    ];
    await admit(db, lease, unit, page(ages));
    // Seven months before the first moment of December is the first of May; April ended just then.
    expect(await dropOldKeys(db, Date.parse('2026-11-30T23:59:59.999Z'))).toEqual(['seen_2026_03']);
    expect(await dropOldKeys(db, Date.parse('2026-11-30T23:59:59.999Z'))).toEqual([]);
    expect(await dropOldKeys(db, Date.parse('2026-12-01T00:00:00Z'))).toEqual(['seen_2026_04']);
    const again = await admit(db, lease, unit, page(ages));
    expect(again).toMatchObject({ sightings: 1 });
    expect(again.admitted).toHaveLength(3);
  });

  test.each(['2026-10-31', '2026-12-31', '2027-03-30', '2028-02-29'])(
    'the last day of a month is a day of that month: %s',
    async (day) => {
      const { db, lease, unit } = await openLedger(engine);
      const now = new Date(`${day}T12:00:00Z`);
      const monthAgo = (months: number) => Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - months, 1);
      const kept = message('kept', {}, { time: instant(monthAgo(7)), keyMonth: keyMonth(monthAgo(7)) });
      const gone = message('gone', {}, { time: instant(monthAgo(8)), keyMonth: keyMonth(monthAgo(8)) });
      await admit(db, lease, unit, page([kept, gone]));
      await dropOldKeys(db, now.getTime());
      expect(await admit(db, lease, unit, page([kept]))).toMatchObject({ sightings: 1 });
      expect(await admit(db, lease, unit, page([gone]))).toMatchObject({ sightings: 0 });
    },
  );
});

test('canonical JSON never holds what separates staged records', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(canonicalJson({ text })).not.toMatch(/[\u0000-\u001f]/);
    }),
  );
});
