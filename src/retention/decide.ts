/** Which class a record falls under, and why. Pure. */
import type { Stream } from '../record.ts';
import { compileGlob } from './glob.ts';
import { comparePeriods } from './period.ts';
import type { Match, Rule, Schedule } from './schedule.ts';
import { LOCK_MODES, type Terms } from './terms.ts';

/** What is known of a record when it is judged. */
export interface RecordFacts {
  readonly stream: Stream;
  /** Undefined for what is of no session. */
  readonly session?: { readonly type: string; readonly name: string };
  /** Channel id; empty for none. */
  readonly channel?: string;
  /** E-mail addresses of all who were seen in the session; undefined while none is known. */
  readonly members?: readonly string[];
  /** E-mail address. */
  readonly sender?: string;
  /** Id and name of the matter it was exported for. */
  readonly matter?: readonly string[];
  /** Undefined while Zoom has not said. */
  readonly externalMember?: boolean;
}

export interface Decision extends Terms {
  readonly class: string;
  /** Rules that matched, in their order; the winner is one of them. Empty for the default. */
  readonly matched: readonly Rule[];
  /** Undefined for the default. */
  readonly rule: Rule | undefined;
  /** Why this one, in words. */
  readonly because: string;
}

/** Judges records by one schedule. What is not known does not match: later knowledge can lengthen a lock, nothing can shorten it. */
export type Judge = (facts: RecordFacts) => Decision;

export function createJudge({ rules, default: fallback }: Schedule): Judge {
  const compiled = rules.map((rule) => ({ rule, fits: compileMatch(rule.match) }));
  return (facts) => {
    const matched = compiled.filter(({ fits }) => fits(facts)).map(({ rule }) => rule);
    const [first, ...others] = matched;
    if (first === undefined) {
      const because = rules.length === 0 ? 'the schedule has no rules' : 'no rule matches';
      return { ...fallback, matched, rule: undefined, because };
    }
    const winner = others.reduce((best, rule) => (order(rule, best) > 0 ? rule : best), first);
    const { class: className, keep, mode, disposition } = winner;
    return {
      class: className,
      keep,
      mode,
      disposition,
      matched,
      rule: winner,
      because: reason(winner, matched),
    };
  };
}

/** Positive where `one` goes before `other`; 0 leaves it to their order in the file. */
function order(one: Terms, other: Terms): number {
  const longer = comparePeriods(one.keep, other.keep) ?? 0;
  return longer !== 0 ? longer : strength(one) - strength(other);
}

function strength({ mode }: Terms): number {
  return -LOCK_MODES.indexOf(mode);
}

function reason(winner: Rule, matched: readonly Rule[]): string {
  const others = matched.filter((rule) => rule !== winner);
  if (others.length === 0) return 'the only rule that matches';
  const longest = others.every((rule) => (comparePeriods(winner.keep, rule.keep) ?? 0) > 0);
  if (longest) return `keeps longest of ${matched.length} rules that match`;
  const equals = others.filter((rule) => comparePeriods(winner.keep, rule.keep) === 0);
  return equals.every((rule) => strength(rule) < strength(winner))
    ? 'keeps longest, and locks more firmly than others that keep as long'
    : 'the first of the rules that keep longest';
}

function compileMatch(match: Match): (facts: RecordFacts) => boolean {
  const tests: ((facts: RecordFacts) => boolean)[] = [];
  const { stream, sessionType, session, channel, member, sender, matter, externalMember } = match;
  if (stream !== undefined) tests.push((facts) => stream.includes(facts.stream));
  if (sessionType !== undefined) {
    tests.push((facts) => facts.session !== undefined && sessionType.includes(facts.session.type));
  }
  if (session !== undefined) {
    const fits = anyOf(session);
    tests.push(
      (facts) => facts.session !== undefined && facts.session.name !== '' && fits(facts.session.name),
    );
  }
  if (channel !== undefined)
    tests.push((facts) => facts.channel !== undefined && channel.includes(facts.channel));
  if (member !== undefined) {
    const fits = anyOf(member);
    tests.push((facts) => facts.members?.some(fits) === true);
  }
  if (sender !== undefined) {
    const fits = anyOf(sender);
    tests.push((facts) => facts.sender !== undefined && facts.sender !== '' && fits(facts.sender));
  }
  if (matter !== undefined)
    tests.push((facts) => facts.matter?.some((name) => matter.includes(name)) === true);
  if (externalMember !== undefined) tests.push((facts) => facts.externalMember === externalMember);
  return (facts) => tests.every((test) => test(facts));
}

function anyOf(patterns: readonly string[]): (text: string) => boolean {
  const globs = patterns.map(compileGlob);
  return (text) => globs.some((fits) => fits(text));
}
