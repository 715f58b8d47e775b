/** What the commands about holds share: who and why, and which hold is meant. */
import { type Command, InvalidArgumentError } from 'commander';
import { ArchiverError } from '../errors.ts';
import type { Hold } from '../ledger/holds.ts';

/** Both stand in an entry of the log, beside what the hold covers. */
const LONGEST = 2000;

export function one(text: string): string {
  const trimmed = text.trim();
  if (trimmed === '') throw new InvalidArgumentError('must not be empty');
  if (trimmed.length > LONGEST) throw new InvalidArgumentError(`must have at most ${LONGEST} characters`);
  return trimmed;
}

export function several(text: string, earlier: readonly string[] = []): readonly string[] {
  return [...earlier, one(text)];
}

/** Adds the options that every step needs: it stands in the log for good. */
export function withWhoAndWhy(command: Command): Command {
  return command
    .requiredOption('--by <name>', 'who does it, for the log', one)
    .requiredOption('--reason <text>', 'why, for the log', one);
}

/** The holds of this id, or of this matter. Fails with `usage` where there is none, or where not one of both is given. */
export function chosenHolds(
  holds: readonly Hold[],
  id: string | undefined,
  matter: string | undefined,
): readonly Hold[] {
  if ((id === undefined) === (matter === undefined))
    throw new ArchiverError('usage', 'name the hold by its id or by --matter');
  const chosen = holds.filter((hold) => (id === undefined ? hold.matter === matter : hold.id === id));
  if (chosen.length > 0) return chosen;
  throw new ArchiverError('usage', 'there is no such hold', { detail: id ?? matter ?? '' });
}
