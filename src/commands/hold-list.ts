import { Command } from 'commander';
import { countVersions, type HoldCounts } from '../ledger/hold-versions.ts';
import { type Deed, type Hold, readHolds } from '../ledger/holds.ts';
import { type CommandIo, type CommonFlags, openContext, withLedger } from './context.ts';
import { renderTable } from './table.ts';

/** `hold list`: all holds, those that ended too. */
export function holdListCommand(io: CommandIo): Command {
  return new Command('list')
    .description('list all legal holds')
    .option('--json', 'print the result as JSON')
    .action(async (_flags: unknown, command: Command) => {
      const flags = command.optsWithGlobals<CommonFlags>();
      const context = openContext(flags, 'warn');
      const { holds, counts } = await withLedger(context, async (db) => ({
        holds: await readHolds(db, context.account),
        counts: await countVersions(db, context.account),
      }));
      if (flags.json) {
        io.out(JSON.stringify({ holds: holds.map((hold) => plain(hold, counts.get(hold.id))) }));
        return;
      }
      if (holds.length === 0) {
        io.out('There is no legal hold.');
        return;
      }
      io.out(
        renderTable(
          [
            'id',
            'matter',
            'source',
            'state',
            'covers',
            'from',
            'to',
            'versions',
            'without flag',
            'placed by',
            'on',
          ],
          holds.map((hold) => {
            const { versions = 0, waiting = 0 } = counts.get(hold.id) ?? {};
            const { from, to } = hold.scope;
            return [
              hold.id,
              hold.matter,
              hold.source,
              stateOf(hold),
              scopeInWords(hold),
              from,
              to,
              versions,
              waiting,
              hold.placed.by,
              dayOf(hold.placed.at),
            ];
          }),
        ),
      );
    });
}

/** A hold as `--json` gives it. */
export function plain(hold: Hold, { versions, waiting }: HoldCounts = { versions: 0, waiting: 0 }) {
  const iso = (at: number | undefined): string | null =>
    at === undefined ? null : new Date(at).toISOString();
  const deed = ({ by, at, reason }: Deed) => ({ by, at: iso(at), reason });
  return {
    id: hold.id,
    matter: hold.matter,
    source: hold.source,
    zoomMatter: hold.zoomMatter ?? null,
    state: hold.state,
    scope: hold.scope,
    placed: deed(hold.placed),
    released: hold.released === undefined ? null : deed(hold.released),
    endsAt: iso(hold.endsAt),
    goneAt: iso(hold.goneAt),
    versions,
    waiting,
  };
}

export function stateOf({ state, endsAt, goneAt }: Hold): string {
  const gone = goneAt === undefined || state === 'ended' ? '' : ', gone at Zoom';
  const until = state === 'releasing' && endsAt !== undefined ? ` until ${dayOf(endsAt)}` : '';
  return `${state}${until}${gone}`;
}

export function scopeInWords({ scope: { custodians, channels, sessions } }: Hold): string {
  const counted = (count: number, what: string): string[] => {
    if (count === 0) return [];
    return [`${count} ${what}${count === 1 ? '' : 's'}`];
  };
  const parts = [
    ...counted(custodians.length, 'custodian'),
    ...counted(channels.length, 'channel'),
    ...counted(sessions.length, 'session'),
  ];
  return parts.length === 0 ? 'everything' : parts.join(', ');
}

export function dayOf(at: number): string {
  return new Date(at).toISOString().slice(0, 10);
}
