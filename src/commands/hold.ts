import { Command } from 'commander';
import type { CommandIo } from './context.ts';
import { holdDriftCommand } from './hold-drift.ts';
import { holdListCommand } from './hold-list.ts';
import { holdPlaceCommand } from './hold-place.ts';
import { holdCancelCommand, holdReleaseCommand } from './hold-release.ts';
import { holdShowCommand } from './hold-show.ts';

/** `hold`: everything about legal holds. */
export function holdCommand(io: CommandIo): Command {
  const command = new Command('hold').description(
    'legal holds: place, list, show and release them; compare what Zoom holds with the archive',
  );
  for (const child of [
    holdPlaceCommand(io),
    holdListCommand(io),
    holdShowCommand(io),
    holdReleaseCommand(io),
    holdCancelCommand(io),
    holdDriftCommand(io),
  ])
    command.addCommand(child);
  return command;
}
