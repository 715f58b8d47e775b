/** The retention schedule: which records are kept for how long, how firmly, and what becomes of them afterwards. */
import { z } from 'zod';
import { STREAMS, type Stream } from '../record.ts';
import { globsMeet } from './glob.ts';
import { comparePeriods, PERIOD_FORM, PERIOD_PATTERN, type Period } from './period.ts';
import { PRESET_NAMES, PRESETS, type PresetName } from './presets.ts';
import { DISPOSITIONS, LOCK_MODES, type Terms } from './terms.ts';

/** A period; says what it must look like also when it is no text at all. */
export const period = z
  .string({ error: (issue) => (issue.input === undefined ? 'is missing' : PERIOD_FORM) })
  .regex(PERIOD_PATTERN, PERIOD_FORM)
  .describe('Retention period: 90d, 18m, 7y.')
  .transform((text) => text as Period);

const className = z.string().regex(/^[a-z0-9_-]{1,32}$/, 'must be 1 to 32 of a-z, 0-9, _ and -');

/** One value, or a list of which any may match. */
const some = <T extends z.ZodType>(item: T, meaning: string) =>
  z
    .union([item, z.array(item).min(1)])
    .optional()
    .describe(meaning);
const text = z.string().min(1);

const match = z.strictObject({
  stream: some(z.enum(STREAMS), 'Streams of the archive.'),
  sessionType: some(
    z.enum(['Group', '1:1']),
    "Zoom's session types; channels and group chats are both Group.",
  ),
  session: some(text, 'Names of channels and group chats; * and ? as wildcards. 1:1 sessions have none.'),
  channel: some(text, 'Channel ids.'),
  member: some(text, 'E-mail addresses of people who are or were in the session; * and ? as wildcards.'),
  sender: some(text, 'E-mail addresses of senders; * and ? as wildcards.'),
  matter: some(text, 'Ids or names of legal-hold matters, for what Zoom exports for them.'),
  externalMember: z
    .boolean()
    .optional()
    .describe('Whether Zoom has ever listed the session with a member of another account.'),
});

const disposition = z
  .enum(DISPOSITIONS)
  .default('keep')
  .describe(
    'What becomes of records whose period is over: keep, review (destroyed once a second person approves) or destroy.',
  );

const rule = z.strictObject({
  class: className.describe('Retention class; one class may have several rules of the same terms.'),
  match: match.describe('All of these must hold for a record; of the values of one, any.'),
  preset: z
    .enum(PRESET_NAMES)
    .optional()
    .describe('Period and mode of a usual regime, as a starting point: no legal advice.'),
  keep: period
    .optional()
    .describe('How long, from the end of the day of the record; not less than the preset.'),
  mode: z
    .enum(['governance', 'compliance'])
    .optional()
    .describe('Object Lock mode. compliance: nobody, not even the root user, can delete before the date.'),
  disposition,
});

/** A rule's place in the file stays its number, from 1. */
const rules = z
  .array(rule)
  .prefault([])
  .describe('In their order. Of those that match, the longest keep wins.');

const fallback = z
  .strictObject({
    class: className.default('default').describe('Retention class of what no rule matches.'),
    keep: period.prefault('7y').describe('How long, from the end of the day of the record.'),
    mode: z
      .enum(LOCK_MODES)
      .default('governance')
      .describe(
        'Object Lock mode. compliance: nobody, not even the root user, can delete before the date. none: no lock.',
      ),
    disposition,
  })
  .prefault({})
  .describe('For records that no rule matches.');

/** The fields of a schedule, in the configuration or in a file of its own. */
export const scheduleFields = { rules, default: fallback };
/** A schedule in a file of its own. */
export const scheduleSchema = z.strictObject(scheduleFields);
type Written = z.output<typeof scheduleSchema>;

/** What a record must be to fall under a rule; no value is no demand. */
export interface Match {
  readonly stream?: readonly Stream[];
  readonly sessionType?: readonly string[];
  readonly session?: readonly string[];
  readonly channel?: readonly string[];
  readonly member?: readonly string[];
  readonly sender?: readonly string[];
  readonly matter?: readonly string[];
  readonly externalMember?: boolean;
}

export interface Rule extends Terms {
  /** Place in the file, from 1. */
  readonly number: number;
  readonly class: string;
  readonly match: Match;
  readonly preset: PresetName | undefined;
}

export interface Schedule {
  readonly rules: readonly Rule[];
  readonly default: Terms & { readonly class: string };
}

/** Something wrong with a schedule. */
export interface ScheduleProblem {
  readonly path: readonly (string | number)[];
  readonly what: string;
}

/**
 * The schedule as it is used, and what about it could be misread or is dangerous (ADR 0012). With problems the schedule
 * must not be used.
 * @param longestCompliance no `compliance` period may be longer: such a lock cannot be taken back
 */
export function readSchedule(
  written: Written,
  longestCompliance: Period,
): { readonly schedule: Schedule; readonly problems: readonly ScheduleProblem[] } {
  const problems: ScheduleProblem[] = [];
  const rules = written.rules.map((given, place) => ruleOf(given, place, problems));
  const schedule: Schedule = { rules, default: written.default };
  const all = [
    ...rules.map((each) => ({ ...each, path: ['rules', each.number - 1] })),
    { ...written.default, path: ['default'] },
  ];
  for (const [place, one] of all.entries()) {
    const order = comparePeriods(one.keep, longestCompliance);
    if (one.mode === 'compliance' && (order === undefined || order > 0)) {
      const what = `${one.keep} in compliance mode is longer than retention.longestCompliance (${longestCompliance}): such a lock cannot be taken back`;
      problems.push({ path: [...one.path, 'keep'], what });
    }
    for (const other of all.slice(0, place)) problems.push(...conflicts(other, one));
  }
  return { schedule, problems };
}

function ruleOf(given: Written['rules'][number], place: number, problems: ScheduleProblem[]): Rule {
  const { match, preset, disposition } = given;
  const regime = preset === undefined ? undefined : PRESETS[preset];
  const path = ['rules', place];
  if (given.keep === undefined && regime === undefined)
    problems.push({ path: [...path, 'keep'], what: 'is missing' });
  if (Object.values(match).every((value) => value === undefined)) {
    const what = 'is empty and would match every record; that is what default is for';
    problems.push({ path: [...path, 'match'], what });
  }
  const keep = given.keep ?? regime?.keep ?? ('1d' as Period);
  const mode = given.mode ?? regime?.mode ?? 'governance';
  if (regime !== undefined) {
    const order = comparePeriods(keep, regime.keep);
    if (order === undefined || order < 0)
      problems.push({
        path: [...path, 'keep'],
        what: `is less than preset ${preset} (${regime.keep}, ${regime.citation})`,
      });
    if (regime.mode === 'compliance' && mode !== 'compliance')
      problems.push({ path: [...path, 'mode'], what: `is weaker than preset ${preset} (${regime.mode})` });
  }
  const lists = Object.entries(match).map(([name, value]) => [
    name,
    typeof value === 'string' ? [value] : value,
  ]);
  return {
    number: place + 1,
    class: given.class,
    // A value or a list of them, each as the schema has it.
    match: Object.fromEntries(lists) as Match,
    preset,
    keep,
    mode,
    disposition,
  };
}

type Placed = Terms & {
  readonly class: string;
  readonly path: readonly (string | number)[];
  readonly match?: Match;
  readonly number?: number;
};

function conflicts(one: Placed, other: Placed): readonly ScheduleProblem[] {
  const name = (given: Placed): string =>
    given.number === undefined ? 'default' : `rule ${given.number} (${given.class})`;
  const { path } = other;
  if (one.class === other.class) {
    const same = one.keep === other.keep && one.mode === other.mode && one.disposition === other.disposition;
    const what = `has other terms than ${name(one)} has for class ${one.class}; one class has one keep, mode and disposition`;
    return same ? [] : [{ path: [...path, 'class'], what }];
  }
  const order = comparePeriods(one.keep, other.keep);
  if (order === undefined) {
    const what = `${other.keep} and ${one.keep} of ${name(one)} have no order: which is longer depends on the month; write both in one unit`;
    return [{ path: [...path, 'keep'], what }];
  }
  const [longer, shorter] = order > 0 ? [one, other] : [other, one];
  if (order === 0 || longer.mode === 'compliance' || shorter.mode !== 'compliance') return [];
  if (longer.match === undefined) {
    const what = `${longer.keep} is longer than ${name(shorter)} (${shorter.keep}, compliance) and locks less firmly: what is found to fall under that rule later, as when a member becomes known, would stay as it is; give default at most its period, or mode compliance`;
    return [{ path: ['default', 'keep'], what }];
  }
  if (shorter.match === undefined || !canMeet(longer.match, shorter.match)) return [];
  const what = `a record may match both ${name(longer)} (${longer.keep}, governance) and ${name(shorter)} (${shorter.keep}, compliance): the longer one wins and would lock it less firmly; give ${name(longer)} mode compliance, or ${name(shorter)} at least its period`;
  return [{ path: [...path, 'mode'], what }];
}

/** Whether one record may fit both; not known for members, of whom a session has many. */
function canMeet(one: Match, other: Match): boolean {
  // What Zoom exports for a matter is of no session.
  if ((one.matter !== undefined && isOfSession(other)) || (other.matter !== undefined && isOfSession(one)))
    return false;
  const meet = (
    a: readonly string[] | undefined,
    b: readonly string[] | undefined,
    test: (x: string, y: string) => boolean,
  ): boolean => a === undefined || b === undefined || a.some((x) => b.some((y) => test(x, y)));
  const equal = (x: string, y: string): boolean => x === y;
  return (
    meet(one.stream, other.stream, equal) &&
    meet(one.sessionType, other.sessionType, equal) &&
    meet(one.channel, other.channel, equal) &&
    meet(one.session, other.session, globsMeet) &&
    meet(one.sender, other.sender, globsMeet) &&
    (one.externalMember === undefined ||
      other.externalMember === undefined ||
      one.externalMember === other.externalMember)
  );
}

function isOfSession({ session, sessionType, externalMember, member }: Match): boolean {
  return [session, sessionType, externalMember, member].some((field) => field !== undefined);
}

/** Terms of each class that a schedule names. */
export function termsByClass({ rules, default: fallback }: Schedule): ReadonlyMap<string, Terms> {
  const terms = ({ keep, mode, disposition }: Terms): Terms => ({ keep, mode, disposition });
  return new Map([
    [fallback.class, terms(fallback)],
    ...rules.map((each): [string, Terms] => [each.class, terms(each)]),
  ]);
}
