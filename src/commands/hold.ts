import { Command } from 'commander';
import type { CommandIo } from './context.ts';
import { holdDriftCommand } from './hold-drift.ts';

/** `hold`: everything about legal holds. */
export function holdCommand(io: CommandIo): Command {
  const command = new Command('hold').description('legal holds: compare what Zoom holds with the archive');
  for (const sub of [holdDriftCommand(io)]) command.addCommand(sub);
  return command;
}
