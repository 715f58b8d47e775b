import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { fileURLToPath } from 'node:url';
import { Command, InvalidArgumentError } from 'commander';
import { cacheFolder, loadConfig, loadPortalConfig, type PortalConfig } from '../config.ts';
import { ArchiverError, asArchiverError } from '../errors.ts';
import { createLog, type Logger } from '../log.ts';
import { createProcessMetrics, createRegistry } from '../metrics/metrics.ts';
import { createPortalMetrics, type PortalMetrics } from '../metrics/portal.ts';
import { startMetricsServer } from '../metrics/server.ts';
import { CurrentArchive } from '../portal/current-archive.ts';
import { faultOf } from '../portal/fault.ts';
import { hashPassword, SHORTEST_PASSWORD } from '../portal/password.ts';
import { type Portal, startPortal } from '../portal/server.ts';
import { UsersFile } from '../portal/users-file.ts';
import { VERBS } from '../portal/verbs.ts';
import { Verification } from '../portal/verification.ts';
import { formatVerifierKey } from '../proof/key.ts';
import { openPublished } from '../proof/published.ts';
import { OpenArchive } from '../query/archive.ts';
import { createClock, cronProblems } from '../scheduler/cron.ts';
import { type AccessFlags, openRecording, type Recording, withAccessOptions } from './auditing.ts';
import { buildInfo } from './build-info.ts';
import type { CommandIo } from './context.ts';
import { openIntactFiles, openReading, type Reading, withReadingOptions } from './reading.ts';
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
  const users = settings.users;
  if (users === undefined) {
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
  const people = await UsersFile.open(users);
  await mkdir(settings.folder, { recursive: true, mode: 0o700 });
  const reading = await openReading(flags);
  try {
    const { cache, cacheSize } = settings;
    const files = await openIntactFiles(
      reading,
      { ...(cache === undefined ? {} : { cache }), cacheSize },
      io,
    );
    try {
      const { sink, key } = reading;
      const index = join(cache ?? cacheFolder(), 'index');
      const kept = new ServedState(settings.folder, key);
      const archive = await CurrentArchive.open({
        published: () => openPublished(sink, key),
        open: () => openIndexed(() => OpenArchive.open(sink, key, files, index), log),
        served: await kept.head(),
        keep: (served) => kept.keepHead(served),
      });
      try {
        const recording = await openRecording(io, reading, flags);
        try {
          requireRecorded(recording, flags);
          await serveArchive({ io, flags, settings, log, people, reading, archive, kept, recording });
        } finally {
          await recording.close();
        }
      } finally {
        await archive.close();
      }
    } finally {
      await files.close();
    }
  } finally {
    await reading.close();
  }
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

interface Serving {
  readonly io: CommandIo;
  readonly flags: ServeFlags;
  readonly settings: PortalConfig;
  readonly log: Logger;
  readonly people: UsersFile;
  readonly reading: Reading;
  readonly archive: CurrentArchive;
  readonly kept: ServedState;
  readonly recording: Recording;
}

async function serveArchive(serving: Serving): Promise<void> {
  const { io, flags, settings, log, people, reading, archive, kept, recording } = serving;
  const registry = createRegistry();
  createProcessMetrics(registry, buildInfo());
  let portal: Portal | undefined;
  const metrics = createPortalMetrics(registry, {
    exportsRunning: () => portal?.exports.running ?? 0,
    logSize: () => archive.checkpoint.size,
  });
  const verification = new Verification({
    origin: reading.key.name,
    key: formatVerifierKey(reading.key),
    run: (signal) => verifyBeside(flags, signal),
    kept: await kept.verification(),
    keep: async (state) => {
      metrics.verified({ holds: state.state === 'holds', at: Date.parse(state.at ?? '') });
      await kept.keepVerification(state);
    },
    now: Date.now,
  });
  const health = await startMetricsServer({
    ...settings.metrics,
    registry,
    log,
    checks: [
      { name: 'archive', run: async () => void (await openPublished(reading.sink, reading.key)) },
      {
        name: 'portal',
        run: async () => {
          if (portal === undefined) throw new ArchiverError('interrupted', 'the portal does not listen');
        },
      },
    ],
  }).catch((cause: unknown) => {
    throw new ArchiverError('config-invalid', 'the metrics address cannot be listened on', {
      cause,
      detail: `${settings.metrics.host}:${settings.metrics.port}`,
    });
  });
  const { cron, timezone } = settings.verify;
  const clock = createClock(cron, timezone, () => void verification.run(), log);
  const refresh = setInterval(() => void lookForHead(archive, metrics, log), settings.refresh);
  try {
    portal = await startPortal({
      host: settings.host,
      port: settings.port,
      publicUrl: settings.publicUrl,
      proxies: settings.proxies,
      title: settings.title,
      pages: resolve(flags.pages ?? fileURLToPath(new URL('../portal/pages', import.meta.url))),
      archive,
      verbs: VERBS,
      recording,
      users: people,
      oidc: settings.oidc,
      sessions: settings.sessions,
      exports: { ...settings.exports, folder: join(settings.folder, 'exports') },
      verification,
      perMinute: settings.perMinute,
      now: Date.now,
      log,
      watch: {
        requestFinished: metrics.requestFinished,
        signIn: metrics.signIn,
        exportEnded: metrics.exportEnded,
      },
    });
    clock.start();
    log.info({ url: portal.url, port: portal.port, metrics: health.port }, 'portal started');
    io.out(portal.url);
    await aborted(io.drain);
    log.info('stopping: finishing the answers in hand');
  } finally {
    clearInterval(refresh);
    await clock.destroy();
    await portal?.stop(io.interrupt);
    await verification.close();
    await health.stop();
    log.info('portal stopped');
  }
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
