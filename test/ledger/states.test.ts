import { describe, expect, test } from 'vitest';
import { pageCandidates } from '../../src/collectors/revisions.ts';
import { admit } from '../../src/ledger/admit.ts';
import { knownStates } from '../../src/ledger/states.ts';
import { type Candidate, type Interval, instant, recordKey, scopeTag, sessionId } from '../../src/record.ts';
import { DAY, message, page } from './candidates.ts';
import { ACCOUNT, ENGINES, type Ledger, NOW, openLedger } from './ledgers.ts';

const TAG = scopeTag(ACCOUNT, 'session-1');
const ALWAYS: Interval = { from: 0, to: Date.parse('2100-01-01T00:00:00Z') };
const FROM = NOW - DAY;
const TO = NOW;

/** The state of something of `time`, in the scope of `tag`. */
function state(name: string, time: number, tag = TAG, fields: { readonly text?: string } = {}): Candidate {
  return message(name, fields, {
    stream: 'reactions',
    kind: 'state',
    rule: 'state',
    key: recordKey(tag, time, ['reactions', name]),
    time: instant(time),
  });
}

function store({ db, lease, unit }: Ledger, ...candidates: readonly Candidate[]) {
  return admit(db, lease, unit, page(candidates));
}

/** The tag `steps` after `tag`: the scopes whose keys stand next to it in the index. */
function neighbour(tag: string, steps: number): string {
  return (Number.parseInt(tag, 16) + steps).toString(16).padStart(8, '0');
}

const keysOf = (candidates: readonly Candidate[]) => new Set(candidates.map(({ key }) => key));

describe.each(ENGINES)('known states on $name', (engine) => {
  test('there are none in a new ledger', async () => {
    const { db } = await openLedger(engine);
    expect(await knownStates(db, TAG, ALWAYS)).toEqual(new Set());
  });

  test('a state is known once admitted, and stays known when it changes', async () => {
    const ledger = await openLedger(engine);
    const first = state('m1', FROM);
    for (const candidate of [first, first, state('m1', FROM, TAG, { text: 'other' })]) {
      await store(ledger, candidate);
      expect(await knownStates(ledger.db, TAG, ALWAYS)).toEqual(keysOf([first]));
    }
  });

  test('are those of the interval, from its first second to the whole of its last', async () => {
    const ledger = await openLedger(engine);
    const at = (...times: readonly number[]) =>
      times.flatMap((time) => Array.from({ length: 8 }, (_, index) => state(`${time} ${index}`, time)));
    const inside = at(FROM, FROM + 1, FROM + 999, FROM + 1000, NOW - DAY / 2, TO - 1, TO, TO + 999);
    await store(ledger, ...at(0, FROM - DAY, FROM - 1), ...inside, ...at(TO + 1000, TO + DAY));
    expect(await knownStates(ledger.db, TAG, { from: FROM, to: TO })).toEqual(keysOf(inside));
    expect(await knownStates(ledger.db, TAG, { from: FROM + 999, to: TO + 999 })).toEqual(keysOf(inside));
  });

  test('include the first and the last hash of a second', async () => {
    const ledger = await openLedger(engine);
    const second = (FROM / 1000).toString(16);
    const ends = ['0', 'f'].map((digit) => {
      const key = `${TAG}${second}${digit.repeat(16)}` as Candidate['key'];
      return { ...state(digit, FROM), key };
    });
    await store(ledger, ...ends);
    expect(await knownStates(ledger.db, TAG, { from: FROM, to: FROM })).toEqual(keysOf(ends));
  });

  test('an interval that begins before 1970 or ends beyond what a key can say holds all there is', async () => {
    const ledger = await openLedger(engine);
    const ends = [state('first', 0), state('last', 0xffff_ffff * 1000)];
    await store(ledger, ...ends);
    expect(await knownStates(ledger.db, TAG, { from: -3 * DAY, to: 2 ** 43 })).toEqual(keysOf(ends));
  });

  test('are those of the scope alone', async () => {
    const ledger = await openLedger(engine);
    const tags = [
      TAG,
      scopeTag(ACCOUNT, 'session-2'),
      scopeTag('account-2', 'session-1'),
      neighbour(TAG, -1),
      neighbour(TAG, 1),
    ];
    const scopes = tags.map((tag) => ({
      tag,
      states: [0, FROM, TO, 0xffff_ffff * 1000].map((time) => state(`m${time}`, time, tag)),
    }));
    await store(ledger, ...scopes.flatMap(({ states }) => states));
    for (const { tag, states } of scopes) {
      expect(await knownStates(ledger.db, tag, { from: 0, to: 2 ** 43 })).toEqual(keysOf(states));
    }
  });

  test('are no facts: what is admitted once is not among them', async () => {
    const ledger = await openLedger(engine);
    const known = state('m1', FROM);
    await store(ledger, message('m1', {}, { time: instant(FROM) }), known);
    expect(await knownStates(ledger.db, TAG, ALWAYS)).toEqual(keysOf([known]));
  });

  test('let a later pass record that the reactions of a message are gone, and only of that one', async () => {
    const ledger = await openLedger(engine);
    const liked = { reactions: [{ emoji: 'U+1F44D', total_count: 1, member_ids: ['m'] }] };
    /** One pass over two messages, knowing what the ledger knows; how many states were recorded. */
    const pass = async (first: object): Promise<number> => {
      const row = (id: string) => ({ id, date_time: '', timestamp: FROM, sender: 'a@company.example' });
      const { candidates } = pageCandidates(
        { messages: [{ ...row('m1'), ...first }, row('m2')] },
        {
          session: { id: sessionId('session-1'), type: 'Group', name: 'team', channelId: 'channel' },
          tag: TAG,
          observedAt: instant(NOW),
          knownReactions: await knownStates(ledger.db, TAG, { from: FROM, to: TO }),
        },
      );
      const { admitted } = await store(ledger, ...candidates);
      return admitted.filter(({ kind }) => kind === 'state').length;
    };
    const recorded: number[] = [];
    for (const first of [{}, liked, liked, {}, {}, liked]) recorded.push(await pass(first));
    expect(recorded).toEqual([0, 1, 0, 1, 0, 1]);
    expect((await knownStates(ledger.db, TAG, ALWAYS)).size).toBe(1);
  });
});
