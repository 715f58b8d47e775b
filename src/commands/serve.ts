import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { fileURLToPath } from 'node:url';
import { Command, InvalidArgumentError } from 'commander';
import { loadConfig, loadPortalConfig, type PortalConfig } from '../config.ts';
import { ArchiverError, asArchiverError } from '../errors.ts';
import { createLog, type Logger } from '../log.ts';
import { createProcessMetrics, createRegistry, type Registry } from '../metrics/metrics.ts';
import { createPortalMetrics, type PortalMetrics } from '../metrics/portal.ts';
import { type MetricsServer, startMetricsServer } from '../metrics/server.ts';
import { CurrentArchive } from '../portal/current-archive.ts';
import { faultOf } from '../portal/fault.ts';
import { hashPassword, SHORTEST_PASSWORD } from '../portal/password.ts';
import { type Portal, startPortal } from '../portal/server.ts';
import { UsersFile } from '../portal/users-file.ts';
import { VERBS } from '../portal/verbs.ts';
import { Verification, type VerificationState } from '../portal/verification.ts';
import { formatVerifierKey } from '../proof/key.ts';
import { openPublished } from '../proof/published.ts';
import { OpenArchive } from '../query/archive.ts';
import { createClock, cronProblems } from '../scheduler/cron.ts';
import { type AccessFlags, openRecording, type Recording, withAccessOptions } from './auditing.ts';
import { buildInfo } from './build-info.ts';
import type { CommandIo } from './context.ts';
import { indexFolder, openIntactFiles, openReading, type Reading, withReadingOptions } from './reading.ts';
import { ServedState } from './served-state.ts';
import { verifyBeside } from './verify-beside.ts';

interface ServeFlags extends AccessFlags {
  readonly settings?: string;
  readonly users?: string;
  readonly host?: string;
  readonly port?: number;
  readonly folder?: string;
  readonly cache?: string;
  readonly pages?: string;
  readonly unrecorded?: boolean;
}

/** `serve`: the portal, a web page for auditors. */
export function serveCommand(io: CommandIo): Command {
  const command = new Command('serve')
    .description('serve the portal: search, review, prove and export in a browser')
    .option('--settings <file>', 'the section `portal` in a file of its own, beside --archive and --key')
    .option('--users <file>', 'who has which role and scope; see docs/portal.md')
    .option('--host <address>', 'address to listen on')
    .option('--port <port>', 'port to listen on; 0 takes a free one', portNumber)
    .option('--folder <folder>', 'for exports, and what is known again after a restart')
    .option('--cache <folder>', 'keeps copies from a bucket between runs (default: the cache of this user)')
    .option('--unrecorded', 'serve an archive without an access log: nobody writes down who asked for what')
    .option('--pages <folder>', 'the built pages (default: those of this program)');
  withAccessOptions(withReadingOptions(command))
    .addHelpText(
      'after',
      `
Stops on SIGTERM after the answers in hand; a second signal stops at once. Exports that run are marked as interrupted.

Examples:
  $ zoom-chat-archiver serve --config archiver.yaml
  $ zoom-chat-archiver serve --archive s3://bucket/zoom --key public.key --settings portal.yaml
  $ zoom-chat-archiver serve --archive ./archive --key public.key --users users.yaml`,
    )
    .action(async (_flags: unknown, self: Command) => serve(io, self.optsWithGlobals<ServeFlags>()));
  command.addCommand(hashPasswordCommand(io));
  return command;
}

function hashPasswordCommand(io: CommandIo): Command {
  return new Command('hash-password')
    .description('read a password from the standard input and print its hash, for the users file')
    .action(async () => {
      const password = await readPassword(io);
      if ([...password].length < SHORTEST_PASSWORD) {
        throw new ArchiverError('usage', 'the password is too short', {
          detail: `at least ${SHORTEST_PASSWORD} characters`,
        });
      }
      io.out(await hashPassword(password));
    });
}

async function readPassword(io: CommandIo): Promise<string> {
  if (io.ask !== undefined) return io.ask('Password (shown while you type): ');
  const lines = createInterface({ input: process.stdin });
  for await (const line of lines) return line;
  return '';
}

async function serve(io: CommandIo, flags: ServeFlags): Promise<void> {
  const settings = settingsOf(flags);
  const usersFile = settings.users;
  if (usersFile === undefined) {
    throw new ArchiverError('config-invalid', 'nobody could sign in', {
      detail: 'portal.users is missing: a file that says who has which role and scope',
    });
  }
  const problems = cronProblems(settings.verify.cron, settings.verify.timezone);
  if (problems.length > 0) {
    throw new ArchiverError('config-invalid', 'the configuration has problems', {
      detail: problems.map((problem) => `portal.verify: ${problem}`).join('\n'),
    });
  }
  const log = createLog({ level: flags.logLevel ?? 'info' });
  const users = await UsersFile.open(usersFile);
  await mkdir(settings.folder, { recursive: true, mode: 0o700 });
  const opened: (() => Promise<void>)[] = [];
  try {
    const reading = await openReading(flags);
    opened.push(() => reading.close());
    const { sink, key } = reading;
    const registry = createRegistry();
    createProcessMetrics(registry, buildInfo());
    let archive: CurrentArchive | undefined;
    let portal: Portal | undefined;
    const metrics = createPortalMetrics(registry, {
      exportsRunning: () => portal?.exports.running ?? 0,
      logSize: () => archive?.checkpoint.size ?? 0,
    });
    // First of all: an index takes minutes where there is much, and who watches has to see that the process is alive.
    const health = await startHealth(settings, registry, log, {
      archive: async () => void (await openPublished(sink, key)),
      portal: async () => {
        if (portal === undefined) throw new ArchiverError('interrupted', 'the portal does not listen yet');
      },
    });
    opened.push(() => health.stop());
    const { cache, cacheSize } = settings;
    const copies = { ...(cache === undefined ? {} : { cache }), cacheSize };
    const files = await openIntactFiles(reading, copies, io);
    opened.push(() => files.close());
    const recording = await openRecording(io, reading, flags);
    opened.push(() => recording.close());
    requireRecorded(recording, flags);
    const kept = new ServedState(settings.folder, key);
    const index = { folder: await indexFolder(copies), secret: recording.indexSecret };
    const current = await CurrentArchive.open({
      published: () => openPublished(sink, key),
      open: () => openIndexed(() => OpenArchive.open(sink, key, files, index), log),
      served: await kept.head(),
      keep: (served) => kept.keepHead(served),
    });
    opened.push(() => current.close());
    archive = current;
    const verification = await verificationOf(reading, flags, kept, metrics);
    opened.push(() => verification.close());
    portal = await startPortal({
      ...settings,
      publicUrl: settings.publicUrl,
      pages: resolve(flags.pages ?? fileURLToPath(new URL('../portal/pages', import.meta.url))),
      archive: current,
      verbs: VERBS,
      recording,
      users,
      exports: { ...settings.exports, folder: join(settings.folder, 'exports') },
      verification,
      now: Date.now,
      log,
      watch: metrics,
    });
    const { stop, url, port } = portal;
    opened.push(() => stop(io.interrupt));
    const clock = createClock(
      settings.verify.cron,
      settings.verify.timezone,
      () => void verification.run(),
      log,
    );
    opened.push(async () => void (await clock.destroy()));
    const refresh = setInterval(() => void lookForHead(current, metrics, log), settings.refresh);
    opened.push(async () => clearInterval(refresh));
    await clock.start();
    log.info({ url, port, metrics: health.port }, 'portal started');
    io.out(url);
    await aborted(io.drain);
    log.info('stopping: finishing the answers in hand');
  } finally {
    await closeAll(opened);
    log.info('portal stopped');
  }
}

/** The newest first; one that fails keeps none of the others open. */
async function closeAll(opened: readonly (() => Promise<void>)[]): Promise<void> {
  const failures: unknown[] = [];
  for (const close of opened.toReversed()) await close().catch((error: unknown) => failures.push(error));
  if (failures.length > 0) throw failures[0];
}

async function startHealth(
  { metrics }: PortalConfig,
  registry: Registry,
  log: Logger,
  checks: Readonly<Record<string, () => Promise<void>>>,
): Promise<MetricsServer> {
  const named = Object.entries(checks).map(([name, run]) => ({ name, run }));
  return startMetricsServer({ ...metrics, registry, log, checks: named }).catch((cause: unknown) => {
    throw new ArchiverError('config-invalid', 'the metrics address cannot be listened on', {
      cause,
      detail: `${metrics.host}:${metrics.port}`,
    });
  });
}

async function verificationOf(
  { key }: Reading,
  flags: ServeFlags,
  kept: ServedState,
  metrics: PortalMetrics,
): Promise<Verification> {
  const tell = ({ state, at }: VerificationState): void => {
    if (at !== null) metrics.verified({ holds: state === 'holds', at: Date.parse(at) });
  };
  const verification = new Verification({
    origin: key.name,
    key: formatVerifierKey(key),
    run: (signal) => verifyBeside(flags, signal),
    kept: await kept.verification(),
    keep: async (state) => {
      tell(state);
      await kept.keepVerification(state);
    },
    now: Date.now,
  });
  tell(verification.state);
  return verification;
}

/** With its index made, so that nobody waits for it; what cannot be indexed fails the answers that need it, by name. */
async function openIndexed(open: () => Promise<OpenArchive>, log: Logger): Promise<OpenArchive> {
  const archive = await open();
  await archive.known().catch((error: unknown) => {
    const { code, phrase } = asArchiverError(error);
    log.error({ code, phrase, fault: faultOf(error) }, 'the archive cannot be indexed');
  });
  return archive;
}

/** Whoever serves others says so himself where nothing is written down. */
function requireRecorded({ log }: Recording, { unrecorded = false }: ServeFlags): void {
  if (log !== undefined || unrecorded) return;
  throw new ArchiverError('access-unrecorded', 'the archive has no access log', {
    detail: 'begin one with `access-log init`, or try the portal with --unrecorded',
  });
}

/** Where the archive is given by itself, so are the settings. */
function settingsOf(flags: ServeFlags): PortalConfig {
  const settings =
    flags.archive === undefined ? loadConfig(flags.config).portal : loadPortalConfig(flags.settings);
  return {
    ...settings,
    host: flags.host ?? settings.host,
    port: flags.port ?? settings.port,
    users: flags.users === undefined ? settings.users : resolve(flags.users),
    folder: flags.folder === undefined ? settings.folder : resolve(flags.folder),
    cache: flags.cache === undefined ? settings.cache : resolve(flags.cache),
  };
}

async function lookForHead(archive: CurrentArchive, metrics: PortalMetrics, log: Logger): Promise<void> {
  try {
    await archive.refresh();
  } catch (error) {
    const { code, phrase } = asArchiverError(error);
    if (code === 'interrupted') return;
    metrics.refreshFailed({ code });
    log.error({ code, phrase, fault: faultOf(error) }, 'the newest head of the log cannot be served');
  }
}

function portNumber(text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= 65535) return port;
  throw new InvalidArgumentError('must be a port, 0 to 65535');
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((done) => {
    if (signal.aborted) done();
    else signal.addEventListener('abort', () => done(), { once: true });
  });
}
