import { Command, Option } from 'commander';
import { ArchiverError } from '../errors.ts';
import type { Database } from '../ledger/database.ts';
import { knownPlaces } from '../ledger/kept.ts';
import { findSessions } from '../ledger/registry.ts';
import { STREAMS, type Stream } from '../record.ts';
import { createJudge, type Decision, type RecordFacts } from '../retention/decide.ts';
import { PRESETS } from '../retention/presets.ts';
import type { Match, Rule } from '../retention/schedule.ts';
import { factsOf } from './assessment.ts';
import { type CommandIo, type CommonFlags, type Context, openContext, withLedger } from './context.ts';
import { printable } from './table.ts';

interface ExplainFlags extends CommonFlags {
  readonly session: string;
  readonly stream: Stream;
  readonly sender?: string;
}

/** `retention explain`: which rules match, and why one of them wins. */
export function retentionExplainCommand(io: CommandIo): Command {
  return new Command('explain')
    .description('say which rules of the schedule match a session or a message, and why one wins')
    .requiredOption('--session <id or name>', 'records of this session')
    .addOption(new Option('--stream <stream>', 'records of this stream').choices(STREAMS).default('messages'))
    .option('--sender <e-mail>', 'records of this sender')
    .option('--json', 'print the answer as JSON')
    .addHelpText(
      'after',
      `
By the schedule of the configuration and by what is known now. What is sealed already keeps what it was promised.

Example:
  $ zoom-chat-archiver retention explain --session trading-fx --sender ann@example.com`,
    )
    .action(async (_flags: unknown, command: Command) => {
      const flags = command.optsWithGlobals<ExplainFlags>();
      const context = openContext(flags, 'warn');
      await withLedger(context, async (db) => {
        const explained = await explainSessions(context, db, flags);
        if (flags.json) io.out(JSON.stringify(explained.map(asJson)));
        else io.out(explained.map(inWords).join('\n\n'));
      });
    });
}

interface Explained {
  readonly session: string;
  readonly facts: RecordFacts;
  readonly decision: Decision;
  /** Rules that do not match. */
  readonly others: readonly Rule[];
}

/** Fails with `record-not-found` for a session that is not known. */
async function explainSessions(
  { account, config }: Context,
  db: Database,
  { session, stream, sender }: Pick<ExplainFlags, 'session' | 'stream' | 'sender'>,
): Promise<readonly Explained[]> {
  const ids = await findSessions(db, account, session);
  if (ids.length === 0)
    throw new ArchiverError('record-not-found', 'no such session is known', { detail: session });
  const { schedule } = config.retention;
  const judge = createJudge(schedule);
  const known = await factsOf(db, account, await knownPlaces(db, account, ids), true);
  return ids.map((id) => {
    const facts: RecordFacts = { ...known.get(id), stream, ...(sender === undefined ? {} : { sender }) };
    const decision = judge(facts);
    const others = schedule.rules.filter((rule) => !decision.matched.includes(rule));
    return { session: id, facts, decision, others };
  });
}

function asJson({ session, facts, decision, others }: Explained): unknown {
  const { matched, rule, because, class: name, keep, mode, disposition } = decision;
  return {
    session,
    facts,
    class: name,
    keep,
    mode,
    disposition,
    rule: rule?.number ?? null,
    because,
    matched: matched.map(({ number }) => number),
    not_matched: others.map(({ number }) => number),
  };
}

function inWords({ session, facts, decision, others }: Explained): string {
  const { matched, rule, because, class: name, keep, mode, disposition } = decision;
  const { members = [], externalMember } = facts;
  const lines = [
    `session ${session}${facts.session === undefined ? '' : ` (${facts.session.type}, ${facts.session.name || 'no name'})`}, stream ${facts.stream}`,
    `  known: ${members.length} members, external member ${externalMember === undefined ? 'unknown' : externalMember ? 'yes' : 'no'}`,
    `  class ${name}: kept ${keep} in ${mode} mode, then ${disposition}`,
    `  by ${rule === undefined ? 'default' : `rule ${rule.number}`}: ${because}`,
    ...matched.map((each) => `  ${each === rule ? 'wins  ' : 'match '}  ${ruleInWords(each)}`),
    ...others.map((each) => `  no      ${ruleInWords(each)}`),
  ];
  return lines.map(printable).join('\n');
}

function ruleInWords({ number, class: name, match, preset, keep, mode }: Rule): string {
  const regime = preset === undefined ? '' : `, preset ${preset}: ${PRESETS[preset].citation}`;
  return `rule ${number} (${name}, ${keep}, ${mode}${regime}): ${matchInWords(match)}`;
}

function matchInWords(match: Match): string {
  return Object.entries(match)
    .filter(([, value]) => value !== undefined)
    .map(([field, value]) => `${field} ${Array.isArray(value) ? value.join(' or ') : String(value)}`)
    .join(', ');
}
