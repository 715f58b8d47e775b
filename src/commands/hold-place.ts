import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Command } from 'commander';
import { ArchiverError } from '../errors.ts';
import { placesOf } from '../ledger/contents.ts';
import type { Database } from '../ledger/database.ts';
import { beingDestroyed, notGivenBack } from '../ledger/destroying.ts';
import { placeHold } from '../ledger/holds.ts';
import type { HoldScope } from '../record.ts';
import { type CommandIo, type CommonFlags, openContext, withLedger } from './context.ts';
import { utcDate } from './coverage.ts';
import { placeEntries } from './hold-entries.ts';
import { carryOutNow, inWords } from './hold-flags.ts';
import { one, several, withWhoAndWhy } from './hold-options.ts';

interface PlaceFlags extends CommonFlags {
  readonly matter: string;
  readonly custodian?: readonly string[];
  readonly channel?: readonly string[];
  readonly session?: readonly string[];
  readonly from?: string;
  readonly to?: string;
  readonly all?: boolean;
  readonly by: string;
  readonly reason: string;
  readonly wait?: boolean;
}

/** `hold place`: nothing that it covers can be deleted until it has ended. */
export function holdPlaceCommand(io: CommandIo): Command {
  const command = new Command('place')
    .description('place a legal hold on what is archived, and on what will be')
    .requiredOption('--matter <name>', 'what it is for', one)
    .option(
      '--custodian <e-mail or id>',
      'every session and channel he ever took part in; repeatable',
      several,
    )
    .option('--channel <id>', 'a channel; repeatable', several)
    .option('--session <id or name>', 'a session, or all of this exact name; repeatable', several)
    .option('--all', 'the whole archive, where nothing of these is named')
    .option('--from <yyyy-mm-dd>', 'only from this UTC day on', utcDate)
    .option('--to <yyyy-mm-dd>', 'only up to this UTC day, which is included', utcDate)
    .option('--wait', 'where an archiver runs, wait until it has set all flags');
  return withWhoAndWhy(command)
    .option('--json', 'print the result as JSON')
    .addHelpText(
      'after',
      `
The archiver may run meanwhile: it sets the flags then. A hold can be widened by placing another one of the same matter.

Example:
  $ zoom-chat-archiver hold place --matter 'Doe v. Acme' --custodian a@acme.example --from 2026-01-01 \\
      --by 'B. Counsel' --reason 'letter of 2026-11-19'`,
    )
    .action(async (_flags: unknown, self: Command) => {
      const flags = self.optsWithGlobals<PlaceFlags>();
      const scope = scopeOf(flags);
      const context = openContext(flags, 'warn');
      const { account, config, now } = context;
      io.drainWithin(config.drain);
      await withLedger(context, async (db) => {
        const { matter, by, reason } = flags;
        const placed = { by, at: now(), reason };
        const id = randomBytes(4).toString('hex');
        const hold = { id, matter, source: 'own', zoomMatter: undefined, scope, placed } as const;
        if (!(await placeHold(db, account, hold, placeEntries(hold))))
          throw new ArchiverError('internal', 'a hold of this name is there already', { detail: id });
        const underway = await beingDestroyed(db, account);
        const unknown = await withoutPlaces(db, account, scope.custodians);
        const flagging = await carryOutNow(io, context, db, flags.wait === true);
        const overtaken = await overtakenBy(db, account, underway, io.interrupt);
        if (flags.json) {
          io.out(
            JSON.stringify({
              hold: { id, matter, scope, state: 'placed' },
              unknown,
              overtaken,
              flags: flagging.told,
            }),
          );
        } else {
          io.out(`hold ${id} is placed`);
          for (const custodian of unknown) io.out(`nothing that ${custodian} took part in is known yet`);
          for (const { key, gone } of overtaken)
            io.out(`too late for ${key}: it was being destroyed, and ${gone ? 'is' : 'may be'} gone`);
          io.out(inWords(flagging));
        }
        if (flagging.error !== undefined) io.fail(flagging.error);
      });
    });
}

function scopeOf({ custodian = [], channel = [], session = [], from, to, all }: PlaceFlags): HoldScope {
  const named = custodian.length + channel.length + session.length;
  if (named === 0 && all !== true)
    throw new ArchiverError('usage', 'name a custodian, a channel or a session, or say --all');
  if (named > 0 && all === true)
    throw new ArchiverError('usage', '--all is for a hold that names nothing else');
  if (from !== undefined && to !== undefined && from > to)
    throw new ArchiverError('usage', '--from is after --to', { detail: `${from}, ${to}` });
  const custodians = custodian.map((name) => (name.includes('@') ? name.toLowerCase() : name));
  return { custodians, channels: channel, sessions: session, from: from ?? null, to: to ?? null };
}

/** A destruction takes a few requests; one that takes longer may be that of a process that stands still. */
const POLLS = 15;
const POLL_MS = 1000;

/** What of `underway` was not given back when the hold came, once that is known. */
async function overtakenBy(
  db: Database,
  account: string,
  underway: Awaited<ReturnType<typeof beingDestroyed>>,
  signal: AbortSignal,
): ReturnType<typeof notGivenBack> {
  if (underway.length === 0) return [];
  const ids = underway.map(({ id }) => id);
  for (let poll = 0; ; poll += 1) {
    const left = await notGivenBack(db, account, ids);
    if (left.every(({ gone }) => gone) || poll === POLLS || signal.aborted) return left;
    await sleep(POLL_MS, undefined, { signal }).catch(() => undefined);
  }
}

/** Custodians who were never seen anywhere: perhaps a typing error. */
async function withoutPlaces(
  db: Database,
  account: string,
  custodians: readonly string[],
): Promise<readonly string[]> {
  const unknown: string[] = [];
  for (const custodian of custodians)
    if ((await placesOf(db, account, [custodian])).size === 0) unknown.push(custodian);
  return unknown;
}
