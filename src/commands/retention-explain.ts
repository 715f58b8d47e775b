import { Command, Option } from 'commander';
import { z } from 'zod';
import { ArchiverError } from '../errors.ts';
import type { Database } from '../ledger/database.ts';
import { type Kept, keptSegment, knownPlaces } from '../ledger/kept.ts';
import { findSessions } from '../ledger/registry.ts';
import { noteKeyOf } from '../proof/key.ts';
import type { IntactFiles } from '../proof/local-files.ts';
import { openPublished } from '../proof/published.ts';
import { loggedSegments } from '../query/catalog.ts';
import { messageId, STREAMS, type Stream } from '../record.ts';
import { createJudge, type Decision, type RecordFacts } from '../retention/decide.ts';
import { PRESETS } from '../retention/presets.ts';
import type { Match, Rule } from '../retention/schedule.ts';
import { factsOf } from './assessment.ts';
import {
  type CommandIo,
  type CommonFlags,
  type Context,
  openContext,
  openSink,
  signerOf,
  withLedger,
} from './context.ts';
import { searchMessages } from './message-search.ts';
import { type CacheFlags, openIntactFiles, placeOf, withCacheOptions } from './reading.ts';
import { printable } from './table.ts';

interface ExplainFlags extends CommonFlags, CacheFlags {
  readonly session?: string;
  readonly message?: string;
  readonly stream: Stream;
  readonly sender?: string;
}

/** `retention explain`: which rules match, and why one of them wins. */
export function retentionExplainCommand(io: CommandIo): Command {
  const command = new Command('explain')
    .description('say which rules of the schedule match a session or a message, and why one wins')
    .option('--session <id or name>', 'records of this session')
    .option('--message <id>', 'this message, which is looked for in the archive')
    .addOption(new Option('--stream <stream>', 'records of this stream').choices(STREAMS).default('messages'))
    .option('--sender <e-mail>', 'records of this sender')
    .option('--json', 'print the answer as JSON');
  return withCacheOptions(command)
    .addHelpText(
      'after',
      `
By the schedule of the configuration and by what is known now. What is sealed already keeps what it was promised.

Example:
  $ zoom-chat-archiver retention explain --session trading-fx --sender ann@example.com
  $ zoom-chat-archiver retention explain --message 9bb4b1d8-0b5d-4a5c-9e0f-2f4a1a2b3c4d`,
    )
    .action(async (_flags: unknown, command: Command) => {
      const flags = command.optsWithGlobals<ExplainFlags>();
      const context = openContext(flags, 'warn');
      await withLedger(context, async (db) => {
        const asked =
          flags.message === undefined
            ? [await sessionsOf(context, db, flags)]
            : await archived(io, context, flags.message, flags);
        const explained: Explained[] = [];
        for (const one of asked) explained.push(...(await explain(context, db, one)));
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
  /** What the archive keeps a message by; undefined where none was asked for. */
  readonly kept: Kept | undefined;
}

/** Records alike that a schedule is asked about. */
interface Asked {
  readonly sessions: readonly string[];
  readonly stream: Stream;
  readonly sender?: string;
  /** Key of the segment that holds a message. */
  readonly segment?: string;
}

/** Fails with `usage` without a session, with `record-not-found` for one that is not known. */
async function sessionsOf(
  { account }: Context,
  db: Database,
  { session, stream, sender }: ExplainFlags,
): Promise<Asked> {
  if (session === undefined) throw new ArchiverError('usage', 'give --session or --message');
  const sessions = await findSessions(db, account, session);
  if (sessions.length === 0)
    throw new ArchiverError('record-not-found', 'no such session is known', { detail: session });
  return { sessions, stream, ...(sender === undefined ? {} : { sender }) };
}

const sentBy = z.object({ sender: z.string().optional() });

/** Every record of a message in the archive. Fails with `record-not-found`, and as {@link searchMessages} does. */
async function archived(
  io: CommandIo,
  context: Context,
  message: string,
  cache: CacheFlags,
): Promise<readonly Asked[]> {
  const sink = await openSink(context);
  let files: IntactFiles | undefined;
  try {
    files = await openIntactFiles({ sink, place: placeOf(context.config.sink) }, cache, io);
    const log = await openPublished(sink, noteKeyOf(signerOf(context)));
    const { segments, destroyed } = await loggedSegments(sink, log, { streams: ['messages'] });
    await files.forget(destroyed);
    const wanted = { messageId: messageId(message) };
    const found = await searchMessages(io, { files, segments }, wanted, async ({ entry }, rows) =>
      rows.found.map(({ fact, record }): Asked => {
        const { sender } = sentBy.parse(JSON.parse(record));
        const about = sender === undefined ? {} : { sender };
        return { sessions: [fact.session_id], stream: entry.stream, segment: entry.key, ...about };
      }),
    );
    if (found.length > 0) return found;
    throw new ArchiverError('record-not-found', 'the archive has no such record', { detail: message });
  } finally {
    await files?.close();
    await sink.close();
  }
}

async function explain(
  { account, config }: Context,
  db: Database,
  { sessions, stream, sender, segment }: Asked,
): Promise<readonly Explained[]> {
  const { schedule } = config.retention;
  const judge = createJudge(schedule);
  const known = await factsOf(db, account, await knownPlaces(db, account, sessions), true);
  const kept = segment === undefined ? undefined : await keptSegment(db, account, segment);
  return sessions.map((id) => {
    const facts: RecordFacts = { ...known.get(id), stream, ...(sender === undefined ? {} : { sender }) };
    const decision = judge(facts);
    const others = schedule.rules.filter((rule) => !decision.matched.includes(rule));
    return { session: id, facts, decision, others, kept };
  });
}

function asJson({ session, facts, decision, others, kept }: Explained): unknown {
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
    ...(kept === undefined ? {} : { kept: { ...kept, until: kept.until?.toISOString() ?? null } }),
  };
}

function inWords({ session, facts, decision, others, kept }: Explained): string {
  const { matched, rule, because, class: name, keep, mode, disposition } = decision;
  const { members = [], externalMember } = facts;
  const lines = [
    `session ${session}${facts.session === undefined ? '' : ` (${facts.session.type}, ${facts.session.name || 'no name'})`}, stream ${facts.stream}`,
    `  known: ${members.length} members, external member ${externalMember === undefined ? 'unknown' : externalMember ? 'yes' : 'no'}`,
    `  class ${name}: kept ${keep} in ${mode} mode, then ${disposition}`,
    `  by ${rule === undefined ? 'default' : `rule ${rule.number}`}: ${because}`,
    ...matched.map((each) => `  ${each === rule ? 'wins  ' : 'match '}  ${ruleInWords(each)}`),
    ...others.map((each) => `  no      ${ruleInWords(each)}`),
    ...(kept === undefined ? [] : [keptInWords(kept)]),
  ];
  return lines.map(printable).join('\n');
}

function keptInWords({ key, class: name, governedBy, until, held }: Kept): string {
  const by = name === governedBy ? name : `${name}, by now ${governedBy}`;
  const locked = until === null ? 'not locked' : `locked until ${until.toISOString().slice(0, 10)}`;
  return `  archived as class ${by}, ${locked}${held ? ', under legal hold' : ''}: ${key}`;
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
