import { Command } from 'commander';
import { coveredObjects, coveredSegments } from '../ledger/contents.ts';
import type { Database } from '../ledger/database.ts';
import { coverageOf } from '../ledger/hold-coverage.ts';
import { countVersions } from '../ledger/hold-versions.ts';
import { type Hold, readHolds } from '../ledger/holds.ts';
import { countUnindexed } from '../ledger/segment-contents.ts';
import { type CommandIo, type CommonFlags, openContext, withLedger } from './context.ts';
import { dayOf, plain, scopeInWords, stateOf } from './hold-list.ts';
import { chosenHolds, one } from './hold-options.ts';
import { renderTable } from './table.ts';

/** `hold show`: what a hold covers, and how far the store knows of it. */
export function holdShowCommand(io: CommandIo): Command {
  return new Command('show')
    .description('say what a legal hold covers, and whether the store keeps it')
    .argument('[id]', 'the hold, as `hold list` names it')
    .option('--matter <name>', 'all holds of this matter', one)
    .option('--json', 'print the result as JSON')
    .action(async (id: string | undefined, _flags: unknown, command: Command) => {
      const flags = command.optsWithGlobals<CommonFlags & { matter?: string }>();
      const context = openContext(flags, 'warn');
      const { account } = context;
      await withLedger(context, async (db) => {
        const chosen = chosenHolds(await readHolds(db, account), id, flags.matter);
        const counts = await countVersions(db, account);
        const unread = await countUnindexed(db, account);
        const shown = [];
        for (const hold of chosen) shown.push({ hold, covered: await coverage(db, account, hold) });
        if (flags.json) {
          const holds = shown.map(({ hold, covered }) => ({ ...plain(hold, counts.get(hold.id)), covered }));
          io.out(JSON.stringify({ holds, unread }));
          return;
        }
        for (const { hold, covered } of shown) {
          const { versions = 0, waiting = 0 } = counts.get(hold.id) ?? {};
          io.out(
            renderTable(['what', 'value'], [...described(hold), ...Object.entries(covered).map(inWords)]),
          );
          io.out(`${number(versions - waiting)} of ${number(versions)} versions are under a flag.`);
        }
        if (unread > 0)
          io.out(
            `Of ${number(unread)} segments it is not known yet what they hold; the archiver reads them first.`,
          );
      });
    });
}

/** What a hold covers now, whether it is in force or not. */
interface Covered {
  readonly segments: number;
  readonly objects: number;
  /** Records of its places and days. */
  readonly records: number;
  /** Other records of the same segments, which are kept along with them. */
  readonly recordsAlong: number;
  /** Of segments and objects. */
  readonly bytes: number;
}

async function coverage(db: Database, account: string, hold: Hold): Promise<Covered> {
  const scope = await coverageOf(db, account, hold);
  const segments = await coveredSegments(db, account, scope);
  const objects = await coveredObjects(db, account, scope);
  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
  const records = sum(segments.map((one) => one.records));
  return {
    segments: segments.length,
    objects: objects.length,
    records,
    recordsAlong: sum(segments.map(({ total }) => total)) - records,
    bytes: sum([...segments, ...objects].map(({ bytes }) => bytes)),
  };
}

const WORDS: Readonly<Record<keyof Covered, string>> = {
  segments: 'segments',
  objects: 'files and zips',
  records: 'records',
  recordsAlong: 'records kept along with them',
  bytes: 'bytes',
};

function inWords([name, value]: [string, number]): readonly unknown[] {
  return [WORDS[name as keyof Covered], value];
}

function described(hold: Hold): readonly (readonly unknown[])[] {
  const { id, matter, source, scope, placed, released } = hold;
  return [
    ['hold', id],
    ['matter', matter],
    ['source', source],
    ['state', stateOf(hold)],
    ['covers', scopeInWords(hold)],
    ...scope.custodians.map((name) => ['custodian', name]),
    ...scope.channels.map((name) => ['channel', name]),
    ...scope.sessions.map((name) => ['session', name]),
    ['days', `${scope.from ?? 'the beginning'} to ${scope.to ?? 'now and later'}`],
    ['placed', `${dayOf(placed.at)} by ${placed.by}: ${placed.reason}`],
    ...(released === undefined
      ? []
      : [['released', `${dayOf(released.at)} by ${released.by}: ${released.reason}`]]),
  ];
}

function number(value: number): string {
  return value.toLocaleString('en-US');
}
