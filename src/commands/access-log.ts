import { Command } from 'commander';
import { accessLogInitCommand } from './access-log-init.ts';
import { accessLogListCommand } from './access-log-list.ts';
import { accessLogVerifyCommand } from './access-log-verify.ts';
import type { CommandIo } from './context.ts';

/** `access-log`: who asked the archive for what. */
export function accessLogCommand(io: CommandIo): Command {
  return new Command('access-log')
    .description('who asked the archive for what: list, check and begin the log of it')
    .addCommand(accessLogListCommand(io), { isDefault: true })
    .addCommand(accessLogVerifyCommand(io))
    .addCommand(accessLogInitCommand(io));
}
