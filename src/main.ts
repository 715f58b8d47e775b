#!/usr/bin/env -S node --max-semi-space-size=32
import { createInterface } from 'node:readline/promises';
import { setFlagsFromString } from 'node:v8';
import { Command, CommanderError } from 'commander';
import { buildInfo } from './commands/build-info.ts';
import type { CommandIo } from './commands/context.ts';
import { ArchiverError, asArchiverError } from './errors.ts';
import { redactSecrets } from './log.ts';
import { installStopSignals } from './scheduler/stop.ts';

// Left to itself V8 lets garbage lie for as long as the machine has memory.
setFlagsFromString('--heap-growing-percent=50');

/** By name, in the order of the help. What a command needs is read only when it runs: half of all start-up. */
const COMMANDS: Readonly<Record<string, () => Promise<(io: CommandIo) => Command>>> = {
  keygen: async () => (await import('./commands/keygen.ts')).keygenCommand,
  init: async () => (await import('./commands/init.ts')).initCommand,
  migrate: async () => (await import('./commands/migrate.ts')).migrateCommand,
  'check-config': async () => (await import('./commands/check-config.ts')).checkConfigCommand,
  probe: async () => (await import('./commands/probe.ts')).probeCommand,
  run: async () => (await import('./commands/run.ts')).runCommand,
  collect: async () => (await import('./commands/collect.ts')).collectCommand,
  seal: async () => (await import('./commands/seal.ts')).sealCommand,
  status: async () => (await import('./commands/status.ts')).statusCommand,
  verify: async () => (await import('./commands/verify.ts')).verifyCommand,
  cosign: async () => (await import('./commands/cosign.ts')).cosignCommand,
  coverage: async () => (await import('./commands/coverage.ts')).coverageCommand,
  repair: async () => (await import('./commands/repair.ts')).repairCommand,
  'rebuild-ledger': async () => (await import('./commands/rebuild-ledger.ts')).rebuildLedgerCommand,
  dispose: async () => (await import('./commands/dispose.ts')).disposeCommand,
  'find-person': async () => (await import('./commands/find-person.ts')).findPersonCommand,
  retention: async () => (await import('./commands/retention.ts')).retentionCommand,
  hold: async () => (await import('./commands/hold.ts')).holdCommand,
  catalog: async () => (await import('./commands/catalog.ts')).catalogCommand,
  query: async () => (await import('./commands/query.ts')).queryCommand,
  search: async () => (await import('./commands/search.ts')).searchCommand,
  conversation: async () => (await import('./commands/conversation.ts')).conversationCommand,
  message: async () => (await import('./commands/message.ts')).messageCommand,
  calendar: async () => (await import('./commands/calendar.ts')).calendarCommand,
  prove: async () => (await import('./commands/prove.ts')).proveCommand,
  export: async () => (await import('./commands/export.ts')).exportCommand,
  'verify-export': async () => (await import('./commands/verify-export.ts')).verifyExportCommand,
  'access-log': async () => (await import('./commands/access-log.ts')).accessLogCommand,
  serve: async () => (await import('./commands/serve.ts')).serveCommand,
  'verify-proof': async () => (await import('./commands/verify-proof.ts')).verifyProofCommand,
};

const DEFAULT_DRAIN_MS = 25_000;
const DEFAULT_CONFIG_PATH = 'zoom-chat-archiver.yaml';

// A reader that has seen enough (`| head`) is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

/** The process: arguments in, exit code out. The only place that ends it. */
async function main(argv: readonly string[]): Promise<number> {
  let drainMs = DEFAULT_DRAIN_MS;
  let failure: ArchiverError | undefined;
  const stop = installStopSignals({
    emitter: process,
    drainSeconds: () => drainMs / 1000,
  });
  const io: CommandIo = {
    out: (text) => void process.stdout.write(`${text}\n`),
    err: process.stderr,
    fail: (error) => {
      failure = error;
    },
    ask: process.stdin.isTTY && process.stderr.isTTY ? (question) => ask(question, stop.drain) : undefined,
    drain: stop.drain,
    interrupt: stop.interrupt,
    drainWithin: (ms) => {
      drainMs = ms;
    },
  };
  const program = new Command('zoom-chat-archiver')
    .description('Archives Zoom Team Chat into immutable objects on S3 or a directory.')
    .version(buildInfo().version)
    .option('-c, --config <path>', 'configuration file', DEFAULT_CONFIG_PATH)
    .option('--log-level <level>', 'trace, debug, info, warn or error')
    .exitOverride()
    // Its errors are reported below, as all others are.
    .configureOutput({ outputError: () => undefined })
    .configureHelp({ showGlobalOptions: true });
  for (const load of named(argv)) {
    const command = (await load())(io);
    inheritSettings(command, program);
    program.addCommand(command);
  }
  try {
    await program.parseAsync(argv);
    return failure === undefined ? 0 : report(failure, false);
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return 0;
    return report(wrongUsage(error) ?? asArchiverError(error), argv.includes('--json'));
  } finally {
    stop.dispose();
  }
}

/** Commander hands them to commands that are made by their parents, and to no others. */
function inheritSettings(command: Command, parent: Command): void {
  command.copyInheritedSettings(parent);
  for (const sub of command.commands) inheritSettings(sub, command);
}

/** Fails with `interrupted` when asked to stop meanwhile. */
async function ask(question: string, signal: AbortSignal): Promise<string> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  // Ctrl-C comes here while it asks.
  const stop = new AbortController();
  terminal.on('SIGINT', () => stop.abort());
  try {
    return await terminal.question(question, { signal: AbortSignal.any([signal, stop.signal]) });
  } catch (cause) {
    throw new ArchiverError('interrupted', 'nothing was answered', { cause });
  } finally {
    terminal.close();
  }
}

/** The commands whose names are among the arguments, of which one will run; all of them for help and typing errors. */
function named(argv: readonly string[]): readonly (typeof COMMANDS)[string][] {
  const all = Object.entries(COMMANDS);
  const asksHelp = ['help', '-h', '--help'].includes(argv[2] ?? '');
  const some = asksHelp ? [] : all.filter(([name]) => argv.includes(name));
  return (some.length > 0 ? some : all).map(([, load]) => load);
}

/** A command line that commander refused; undefined for any other error. */
function wrongUsage(error: unknown): ArchiverError | undefined {
  if (!(error instanceof CommanderError)) return undefined;
  if (error.code === 'commander.help') return new ArchiverError('usage', 'a command is needed');
  return new ArchiverError('usage', error.message.replace(/^error: /, ''));
}

function report(error: ArchiverError, json: boolean): number {
  const { code, hint, exitCode } = error;
  const message = redactSecrets(error.message);
  if (json) process.stdout.write(`${JSON.stringify({ error: { code, message, hint } })}\n`);
  process.stderr.write(`error: ${message}\nhint: ${hint}\n`);
  if (code === 'internal' && error.cause instanceof Error)
    process.stderr.write(`${redactSecrets(error.cause.stack ?? '')}\n`);
  return exitCode;
}

process.exitCode = await main(process.argv);
