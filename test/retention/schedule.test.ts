/** Schedules that must not come into force: each with its error and its line. */
import { expect, test } from 'vitest';
import { parseSchedule } from '../../src/config.ts';
import { ArchiverError } from '../../src/errors.ts';
import { type Period, parsePeriod } from '../../src/retention/period.ts';

const TEN_YEARS = parsePeriod('10y') as Period;

function problemsOf(text: string): readonly string[] {
  try {
    parseSchedule(() => text, 'retention.yaml', TEN_YEARS);
    return [];
  } catch (error) {
    if (!(error instanceof ArchiverError)) throw error;
    expect(error.code).toBe('config-invalid');
    return (error.detail ?? '').trim().split(/\n\s*/);
  }
}

const rule = (text: string): string =>
  `rules:\n  - class: one\n    match: { stream: messages }\n    ${text}\n`;

test.each<[string, string, readonly string[]]>([
  ['an empty file is the default', '', []],
  ['a misspelt field', rule('keeps: 7y'), ['retention.yaml, rules.0.keeps (line 4): is not a known setting']],
  [
    'a misspelt field of match',
    'rules:\n  - class: one\n    keep: 1y\n    match:\n      sesion: x\n',
    ['retention.yaml, rules.0.match.sesion (line 5): is not a known setting'],
  ],
  [
    'no period',
    rule('keep: 7 years'),
    [
      'retention.yaml, rules.0.keep (line 4): must be a number and a unit: d (up to 36500), m (months, up to 999) or y (up to 99), as in 7y',
    ],
  ],
  ['no period at all', rule('disposition: keep'), ['retention.yaml, rules.0.keep (line 2): is missing']],
  [
    'nothing to match',
    'rules:\n  - class: one\n    match: {}\n    keep: 1y\n',
    [
      'retention.yaml, rules.0.match (line 3): is empty and would match every record; that is what default is for',
    ],
  ],
  [
    'no such stream',
    'rules:\n  - class: one\n    match:\n      stream: [messages, mesages]\n    keep: 1y\n',
    [
      'retention.yaml, rules.0.match.stream.1 (line 4): must be one of messages, reactions, sessions, channel_activities, matters, hold_files, files, forwarded, context, coverage',
    ],
  ],
  [
    'no such mode',
    rule('{ keep: 1y, mode: strict }').replace('{ keep: 1y, mode: strict }', 'keep: 1y\n    mode: strict'),
    ['retention.yaml, rules.0.mode (line 5): must be one of governance, compliance'],
  ],
  [
    'a rule that locks nothing',
    rule('keep: 1y\n    mode: none'),
    ['retention.yaml, rules.0.mode (line 5): must be one of governance, compliance'],
  ],
  [
    'a name of a class that a folder could not have',
    'default:\n  class: Trading Desk\n',
    ['retention.yaml, default.class (line 2): must be 1 to 32 of a-z, 0-9, _ and -'],
  ],
  [
    'locked for 70 years by a typing error',
    rule('keep: 70y\n    mode: compliance'),
    [
      'retention.yaml, rules.0.keep (line 4): 70y in compliance mode is longer than retention.longestCompliance (10y): such a lock cannot be taken back',
    ],
  ],
  ['70 years that can be taken back', rule('keep: 70y'), []],
  [
    'less than the preset',
    rule('preset: finra-4511\n    keep: 5y\n    mode: governance'),
    [
      'retention.yaml, rules.0.keep (line 5): is less than preset finra-4511 (6y, FINRA Rule 4511(b))',
      'retention.yaml, rules.0.mode (line 6): is weaker than preset finra-4511 (compliance)',
    ],
  ],
  [
    'no such preset',
    rule('preset: sec'),
    [
      'retention.yaml, rules.0.preset (line 4): must be one of sec-17a-4, finra-4511, cftc-1.31, mifid-ii, hipaa',
    ],
  ],
  [
    'one class with two sets of terms',
    'rules:\n  - { class: one, match: { channel: a }, keep: 1y }\n  - { class: one, match: { channel: b }, keep: 2y }\n',
    [
      'retention.yaml, rules.1.class (line 3): has other terms than rule 1 (one) has for class one; one class has one keep, mode and disposition',
    ],
  ],
  [
    'one class in several rules',
    'rules:\n  - { class: one, match: { channel: a }, keep: 1y }\n  - { class: one, match: { channel: b }, keep: 1y }\n',
    [],
  ],
  [
    'two periods without an order',
    'rules:\n  - { class: one, match: { channel: a }, keep: 90d }\n  - { class: two, match: { channel: b }, keep: 3m }\n',
    [
      'retention.yaml, rules.1.keep (line 3): 3m and 90d of rule 1 (one) have no order: which is longer depends on the month; write both in one unit',
    ],
  ],
  [
    'a longer period that locks less firmly',
    'rules:\n  - { class: one, match: { session: "t*" }, keep: 5y, mode: compliance }\n  - { class: two, match: { session: "*x" }, keep: 6y }\ndefault: { keep: 1y }\n',
    [
      'retention.yaml, rules.1.mode (line 3): a record may match both rule 2 (two) (6y, governance) and rule 1 (one) (5y, compliance): the longer one wins and would lock it less firmly; give rule 2 (two) mode compliance, or rule 1 (one) at least its period',
    ],
  ],
  [
    'two that no record can match both',
    'rules:\n  - { class: one, match: { session: "t*" }, keep: 5y, mode: compliance }\n  - { class: two, match: { session: "x*" }, keep: 6y }\ndefault: { keep: 1y }\n',
    [],
  ],
  [
    'a matter and a session, which no record has both',
    'rules:\n  - { class: one, match: { session: "t*" }, keep: 5y, mode: compliance }\n  - { class: two, match: { matter: M }, keep: 6y }\ndefault: { keep: 1y }\n',
    [],
  ],
  [
    'a default that keeps longer and locks less firmly',
    'rules:\n  - { class: one, match: { member: "*@desk" }, keep: 6y, mode: compliance }\ndefault:\n  keep: 7y\n',
    [
      'retention.yaml, default.keep (line 4): 7y is longer than rule 1 (one) (6y, compliance) and locks less firmly: what is found to fall under that rule later, as when a member becomes known, would stay as it is; give default at most its period, or mode compliance',
    ],
  ],
  [
    'bad YAML',
    'rules: [\n',
    [
      'YAML: Flow sequence in block collection must be sufficiently indented and end with a ] at line 2, column 1',
    ],
  ],
])('%s', (_name, text, expected) => {
  expect(problemsOf(text)).toEqual(expected);
});

test('a schedule that is missing names the file', () => {
  const missing = (): never => {
    throw new Error('ENOENT: no such file');
  };
  expect(() => parseSchedule(missing, '/etc/retention.yaml', TEN_YEARS)).toThrow(
    '/etc/retention.yaml: ENOENT',
  );
});
