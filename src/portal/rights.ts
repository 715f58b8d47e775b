/** What each role may do, for what the portal decides itself; the verbs decide by the same words. */
import { ArchiverError } from '../errors.ts';
import type { Action, Reader, Role } from '../query/reader.ts';

const ALLOWED: Readonly<Record<Role, readonly Action[]>> = {
  auditor: ['search', 'view', 'export', 'coverage', 'verification'],
  officer: ['search', 'view', 'export', 'coverage', 'verification', 'retention', 'access-log'],
  admin: ['coverage', 'verification', 'retention', 'access-log'],
};

export function actionsOf(role: Role): readonly Action[] {
  return ALLOWED[role];
}

/** Fails with `access-denied`. */
export function requireAllowed({ role }: Reader, action: Action): void {
  if (ALLOWED[role].includes(action)) return;
  throw new ArchiverError('access-denied', 'the role does not allow it', { detail: `${role}: ${action}` });
}
