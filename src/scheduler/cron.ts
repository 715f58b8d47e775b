import { createTask, type ScheduledTask, validateDetailed } from 'node-cron';
import type { Logger } from '../log.ts';

/**
 * What is wrong with a cron expression (five fields, or six with seconds first) and an IANA time zone.
 *
 * @returns one sentence per problem; none when both are fine.
 */
export function cronProblems(expression: string, timezone: string): string[] {
  const problems = validateDetailed(expression).errors.map(
    ({ field, message }) => `cron "${expression}": ${field}: ${message}`,
  );
  try {
    new Intl.DateTimeFormat('en', { timeZone: timezone });
  } catch {
    problems.push(`time zone "${timezone}" is not an IANA name`);
  }
  return problems;
}

/**
 * A stopped clock that calls `tick` at every moment of a valid expression. A moment that passed while the process
 * was busy or suspended ticks late rather than never.
 */
export function createClock(
  expression: string,
  timezone: string,
  tick: () => void,
  log: Logger | undefined,
): ScheduledTask {
  const task = createTask(expression, tick, {
    timezone,
    suppressMissedWarning: true,
    logger: {
      info: (message) => log?.info(message),
      debug: (message) => log?.debug(String(message)),
      warn: (message) => log?.warn(message),
      error: (message, error) => log?.error({ err: error ?? message }, 'clock failed'),
    },
  });
  task.on('execution:missed', tick);
  return task;
}
