import { Command } from 'commander';
import type { CommandIo } from './context.ts';
import { holdListCommand } from './hold-list.ts';
import { holdPlaceCommand } from './hold-place.ts';
import { holdCancelCommand, holdReleaseCommand } from './hold-release.ts';
import { holdShowCommand } from './hold-show.ts';

/** `hold`: legal holds. */
export function holdCommand(io: CommandIo): Command {
  const command = new Command('hold').description('place, list, show and release legal holds');
  for (const child of [
    holdPlaceCommand(io),
    holdListCommand(io),
    holdShowCommand(io),
    holdReleaseCommand(io),
    holdCancelCommand(io),
  ])
    command.addCommand(child);
  return command;
}
