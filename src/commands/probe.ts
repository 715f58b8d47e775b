import { Command } from 'commander';
import type { Finding } from '../sinks/probe.ts';
import { type CommandIo, type CommonFlags, openContext, openSink } from './context.ts';
import { probeLocks, unlockedBy } from './lock-probe.ts';
import { lockModeOf } from './schedule-in-force.ts';
import { renderTable } from './table.ts';

/** `probe`: tries on canaries what the sink lets happen to objects under lock. */
export function probeCommand(io: CommandIo): Command {
  return new Command('probe')
    .description('try what the sink lets happen to objects under lock')
    .option('--json', 'print the result as JSON')
    .addHelpText(
      'after',
      '\nExit code 8 when a lock can be undone. Touches only objects of its own, below .probe/.' +
        '\n\nExample:\n  $ zoom-chat-archiver probe --config archiver.yaml',
    )
    .action(async (_flags: unknown, command: Command) => {
      const flags = command.optsWithGlobals<CommonFlags>();
      const context = openContext(flags, 'warn');
      const mode = lockModeOf(context);
      io.drainWithin(context.config.drain);
      const sink = await openSink(context);
      try {
        await sink.check(mode);
        const findings = await probeLocks(context, sink, AbortSignal.any([io.drain, io.interrupt]));
        io.out(flags.json ? JSON.stringify({ mode, findings }) : tableOf(findings));
        const error = unlockedBy(findings);
        if (error !== undefined) io.fail(error);
      } finally {
        await sink.close();
      }
    });
}

function tableOf(findings: readonly Finding[]): string {
  if (findings.length === 0) return 'the schedule locks nothing: nothing is locked, and nothing was tried';
  const words = { true: 'yes', false: 'no', unknown: 'unknown' } as const;
  const table = renderTable(
    ['check', 'enforced', 'meaning'],
    findings.map(({ check, enforced, meaning }) => [check, words[`${enforced}`], meaning]),
  );
  const essential = findings.filter((finding) => finding.essential).map(({ check }) => check);
  return `${table}\na lock means nothing without: ${essential.join(', ')}`;
}
