import { Command } from 'commander';
import { ArchiverError } from '../errors.ts';
import { cancelRelease, type Hold, readHolds, releaseHold } from '../ledger/holds.ts';
import { type CommandIo, type CommonFlags, type Context, openContext, withLedger } from './context.ts';
import { holdEntry } from './hold-entries.ts';
import { carryOutNow, inWords } from './hold-flags.ts';
import { chosenHolds, one, withWhoAndWhy } from './hold-options.ts';

interface StepFlags extends CommonFlags {
  readonly matter?: string;
  readonly by: string;
  readonly reason: string;
}

/** `hold release`: a hold ends after its cool-off. */
export function holdReleaseCommand(io: CommandIo): Command {
  return stepCommand(io, 'release', 'end a legal hold after the cool-off (holds.coolOff)', {
    from: 'placed',
    to: 'releasing',
    refusal: 'the hold was released already, or has ended',
    async take({ account, config, now }, db, hold, { by, reason }) {
      const at = now();
      const endsAt = at + config.holds.coolOff;
      const entry = holdEntry(
        hold,
        'release',
        { by, at, reason },
        { ends_at: new Date(endsAt).toISOString() },
      );
      const taken = await releaseHold(db, account, hold.id, { by, at, reason, endsAt }, [entry]);
      return taken ? endsAt : undefined;
    },
  });
}

/** `hold cancel`: a hold that was released stays. */
export function holdCancelCommand(io: CommandIo): Command {
  return stepCommand(io, 'cancel', 'keep a legal hold that was released and has not ended yet', {
    from: 'releasing',
    to: 'placed',
    refusal: 'the hold was not released, or has ended',
    async take({ account, now }, db, hold, { by, reason }) {
      const entry = holdEntry(hold, 'cancel', { by, at: now(), reason });
      return (await cancelRelease(db, account, hold.id, [entry])) ? null : undefined;
    },
  });
}

interface Step {
  readonly from: Hold['state'];
  readonly to: Hold['state'];
  readonly refusal: string;
  /** @returns the end of the cool-off, if any; undefined where the step was not to be taken */
  readonly take: (
    context: Context,
    db: Parameters<typeof releaseHold>[0],
    hold: Hold,
    flags: StepFlags,
  ) => Promise<number | null | undefined>;
}

function stepCommand(io: CommandIo, name: string, description: string, step: Step): Command {
  const command = new Command(name)
    .description(description)
    .argument('[id]', 'the hold, as `hold list` names it')
    .option('--matter <name>', 'all holds of this matter', one);
  return withWhoAndWhy(command)
    .option('--json', 'print the result as JSON')
    .addHelpText(
      'after',
      `\nExample:\n  $ zoom-chat-archiver hold ${name} 1a2b3c4d --by 'B. Counsel' --reason 'settled'`,
    )
    .action(async (id: string | undefined, _flags: unknown, self: Command) => {
      const flags = self.optsWithGlobals<StepFlags>();
      const context = openContext(flags, 'warn');
      io.drainWithin(context.config.drain);
      await withLedger(context, async (db) => {
        const chosen = chosenHolds(await readHolds(db, context.account), id, flags.matter);
        const done: { id: string; state: Hold['state']; endsAt: string | null }[] = [];
        for (const hold of chosen) {
          const endsAt = await step.take(context, db, hold, flags);
          if (endsAt === undefined) continue;
          done.push({
            id: hold.id,
            state: step.to,
            endsAt: endsAt === null ? null : new Date(endsAt).toISOString(),
          });
        }
        if (done.length === 0)
          throw new ArchiverError('usage', step.refusal, {
            detail: chosen.map((hold) => hold.id).join(', '),
          });
        const flagging = await carryOutNow(io, context, db, false);
        if (flags.json) io.out(JSON.stringify({ holds: done, flags: flagging.told }));
        else {
          for (const hold of done) {
            const until =
              hold.endsAt === null ? 'stays' : `ends on ${hold.endsAt}, until when it can be cancelled`;
            io.out(`hold ${hold.id} ${until}`);
          }
          if (flagging.error !== undefined) io.out(inWords(flagging));
        }
        if (flagging.error !== undefined) io.fail(flagging.error);
      });
    });
}
