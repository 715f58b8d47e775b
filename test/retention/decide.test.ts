import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { createJudge, type RecordFacts } from '../../src/retention/decide.ts';
import { comparePeriods, parsePeriod } from '../../src/retention/period.ts';
import { readSchedule, type Schedule, scheduleSchema } from '../../src/retention/schedule.ts';

function scheduleOf(yaml: string): Schedule {
  const tenYears = parsePeriod('10y');
  if (tenYears === undefined) throw new Error('no period');
  const { schedule, problems } = readSchedule(scheduleSchema.parse(parse(yaml)), tenYears);
  expect(problems).toEqual([]);
  return schedule;
}

const BANK = scheduleOf(`
rules:
  - class: trading
    match: { session: ["trading-*", "desk ?"], stream: [messages, files] }
    preset: finra-4511
    disposition: review
  - class: swaps
    match: { member: "*@swaps.example.com" }
    keep: 8y
    mode: compliance
  - class: outside
    match: { externalMember: true, sessionType: "1:1" }
    keep: 18m
    disposition: destroy
  - class: board
    match: { channel: [c-board] }
    keep: 6y
    mode: compliance
    disposition: review
  - class: chief
    match: { sender: chief@example.com }
    keep: 18m
  - class: case
    match: { matter: ["Acme v. Example", m-17] }
    keep: 9y
    mode: compliance
  - class: log
    match: { stream: channel_activities }
    keep: 90d
    disposition: destroy
default: { class: other, keep: 30d, disposition: destroy }
`);

const group = (name: string, more: Partial<RecordFacts> = {}): RecordFacts => ({
  stream: 'messages',
  session: { type: 'Group', name },
  ...more,
});

describe('the class of a record', () => {
  test.each<[string, RecordFacts, string]>([
    ['no rule matches', group('lunch'), 'other'],
    ['by the name of the session', group('Trading-FX'), 'trading'],
    ['by a wildcard for one character', group('desk 1'), 'trading'],
    ['not in another stream', { ...group('trading-fx'), stream: 'reactions' }, 'other'],
    ['a file in a session', { ...group('trading-fx'), stream: 'files' }, 'trading'],
    ['by a member', group('lunch', { members: ['bob@example.com', 'Ann@Swaps.Example.com'] }), 'swaps'],
    ['of two that match the longer', group('trading-fx', { members: ['ann@swaps.example.com'] }), 'swaps'],
    ['of equals the first', group('trading-fx', { channel: 'c-board' }), 'trading'],
    ['by the channel id', group('board', { channel: 'c-board' }), 'board'],
    ['channel ids are not patterns', group('board', { channel: 'C-BOARD' }), 'other'],
    ['all fields must hold', group('x', { externalMember: true }), 'other'],
    [
      'external and direct',
      { stream: 'messages', session: { type: '1:1', name: '' }, externalMember: true },
      'outside',
    ],
    ['not known is no match', { stream: 'messages', session: { type: '1:1', name: '' } }, 'other'],
    ['by the sender', group('lunch', { sender: 'Chief@example.com' }), 'chief'],
    ['no sender', group('lunch', { sender: '' }), 'other'],
    ['by the name of a matter', { stream: 'hold_files', matter: ['m-1', 'Acme v. Example'] }, 'case'],
    ['by the id of a matter', { stream: 'matters', matter: ['m-17', 'Other'] }, 'case'],
    ['by the stream', { stream: 'channel_activities', channel: 'c-9' }, 'log'],
    ['longer beats a rule of its own stream', { stream: 'channel_activities', channel: 'c-board' }, 'board'],
    ['coverage', { stream: 'coverage' }, 'other'],
  ])('%s', (_name, facts, expected) => {
    expect(createJudge(BANK)(facts).class).toBe(expected);
  });

  test('comes with all rules that matched, and why one of them won', () => {
    const facts = group('trading-fx', { channel: 'c-board', sender: 'chief@example.com' });
    const decision = createJudge(BANK)(facts);
    expect(decision).toMatchObject({
      class: 'trading',
      keep: '6y',
      mode: 'compliance',
      disposition: 'review',
    });
    expect(decision.matched.map((rule) => rule.number)).toEqual([1, 4, 5]);
    expect(decision.because).toBe('the first of the rules that keep longest');
    expect(createJudge(BANK)(group('lunch')).because).toBe('no rule matches');
    expect(createJudge(BANK)(group('x', { channel: 'c-board' })).because).toBe('the only rule that matches');
  });

  test('of equal periods the firmer lock wins, wherever it stands', () => {
    const judge = createJudge(
      scheduleOf(`
rules:
  - { class: a, match: { session: "*" }, keep: 6y }
  - { class: b, match: { channel: c }, keep: 72m, mode: compliance }
default: { keep: 1y }
`),
    );
    expect(judge(group('x', { channel: 'c' }))).toMatchObject({
      class: 'b',
      because: 'keeps longest, and locks more firmly than others that keep as long',
    });
  });
});

test('whatever matches, the winner keeps longest, and more rules never shorten', () => {
  const name = fc.constantFrom('a', 'b', 'c');
  const rule = fc.record({
    match: fc.oneof(
      name.map((session) => ({ session: `${session}*` })),
      name.map((channel) => ({ channel })),
      name.map((member) => ({ member: `${member}@*` })),
    ),
    keep: fc.integer({ min: 1, max: 9 }).map((years) => `${years}y`),
  });
  const facts = fc.record({ session: name, channel: name, members: fc.array(name, { maxLength: 3 }) });
  fc.assert(
    fc.property(fc.array(rule, { maxLength: 6 }), facts, (given, { session, channel, members }) => {
      const rules = given.map((each, place) => ({ class: `k${place}`, ...each }));
      const judged = (count: number) => {
        const yaml = JSON.stringify({ rules: rules.slice(0, count), default: { keep: '1d' } });
        const people = members.map((who) => `${who}@example.com`);
        return createJudge(scheduleOf(yaml))(group(session, { channel, members: people }));
      };
      const whole = judged(rules.length);
      for (const matched of whole.matched)
        expect(comparePeriods(whole.keep, matched.keep)).toBeGreaterThanOrEqual(0);
      for (let count = 1; count <= rules.length; count += 1) {
        const [fewer, more] = [judged(count - 1), judged(count)];
        if (fewer.rule !== undefined) expect(comparePeriods(more.keep, fewer.keep)).toBeGreaterThanOrEqual(0);
      }
    }),
    { numRuns: 200 },
  );
});
