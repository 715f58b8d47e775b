import { Command } from 'commander';
import type { CommandIo } from './context.ts';
import { retentionApplyCommand } from './retention-apply.ts';
import { retentionExplainCommand } from './retention-explain.ts';
import { retentionPlanCommand } from './retention-plan.ts';

/** `retention`: what the schedule means, what it would change, and making it so. */
export function retentionCommand(io: CommandIo): Command {
  const command = new Command('retention').description('explain, plan and apply the retention schedule');
  for (const child of [retentionExplainCommand(io), retentionPlanCommand(io), retentionApplyCommand(io)])
    command.addCommand(child);
  return command;
}
