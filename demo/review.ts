/** The demo's end: what an auditor does with the archive, and the portal over it. */
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { hashPassword } from '../src/portal/password.ts';
import type { Processes } from './processes.ts';

type Run = (args: readonly string[]) => Promise<string>;

/** What is reviewed. */
export interface Reviewed {
  /** Id of a session. */
  readonly session: string;
  /** Verifier key of the archive's log. */
  readonly key: string;
  /** Where the export is written. */
  readonly folder: string;
}

/**
 * Searches, reads, exports and checks the export.
 * @param archiver runs a command with the demo's configuration
 * @param program runs one without
 */
export async function reviewArchive(
  archiver: Run,
  program: Run,
  { session, key, folder }: Reviewed,
): Promise<void> {
  const out = join(folder, 'export.zip');
  await archiver(['search', 'invoice', '--edited', '--limit', '3']);
  await archiver(['conversation', session, '--limit', '5']);
  await archiver([
    'export',
    ...['--session', session],
    ...['--format', 'rsmf', 'csv', 'html'],
    ...['--reason', 'to show it', '--out', out],
  ]);
  await program(['verify-export', out, '--key', key]);
  await archiver(['access-log', 'list', '--limit', '3']);
}

/** Somebody of each role, for whoever tries the portal. */
const PEOPLE = [
  { name: 'auditor@example.com', role: 'auditor' },
  { name: 'officer@example.com', role: 'officer' },
  { name: 'admin@example.com', role: 'admin' },
];

/** Serves the portal until `processes` end, and says where it is and who may sign in. */
export async function servePortal(processes: Processes, folder: string, config: string): Promise<void> {
  const password = randomBytes(9).toString('base64url');
  const hash = await hashPassword(password);
  const users = join(folder, 'users.yaml');
  await writeFile(
    users,
    stringify({ users: PEOPLE.map((person) => ({ ...person, scope: 'all', password: hash })) }),
    { mode: 0o600 },
  );
  const url = await processes.startServer([
    ...['dist/main.js', '--config', config, '--log-level', 'warn'],
    ...['serve', '--users', users, '--folder', join(folder, 'portal')],
  ]);
  process.stdout.write(`
The portal is at ${url} until Ctrl-C. Sign in as one of
${PEOPLE.map(({ name }) => `  ${name}`).join('\n')}
with the password ${password}
`);
}
