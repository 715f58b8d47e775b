#!/usr/bin/env -S node --max-semi-space-size=32
import { createInterface } from 'node:readline/promises';
import { setFlagsFromString } from 'node:v8';
import { Command, CommanderError } from 'commander';
import { checkConfigCommand } from './commands/check-config.ts';
import { collectCommand } from './commands/collect.ts';
import { buildInfo, type CommandIo, DEFAULT_CONFIG_PATH } from './commands/context.ts';
import { cosignCommand } from './commands/cosign.ts';
import { coverageCommand } from './commands/coverage.ts';
import { disposeCommand } from './commands/dispose.ts';
import { initCommand } from './commands/init.ts';
import { keygenCommand } from './commands/keygen.ts';
import { migrateCommand } from './commands/migrate.ts';
import { probeCommand } from './commands/probe.ts';
import { proveCommand } from './commands/prove.ts';
import { queryCommand } from './commands/query.ts';
import { rebuildLedgerCommand } from './commands/rebuild-ledger.ts';
import { repairCommand } from './commands/repair.ts';
import { retentionCommand } from './commands/retention.ts';
import { runCommand } from './commands/run.ts';
import { sealCommand } from './commands/seal.ts';
import { statusCommand } from './commands/status.ts';
import { verifyCommand } from './commands/verify.ts';
import { verifyProofCommand } from './commands/verify-proof.ts';
import { ArchiverError, asArchiverError } from './errors.ts';
import { redactSecrets } from './log.ts';
import { installStopSignals } from './scheduler/stop.ts';

// Left to itself V8 lets garbage lie for as long as the machine has memory.
setFlagsFromString('--heap-growing-percent=50');

const DEFAULT_DRAIN_MS = 25_000;

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
  for (const command of [
    keygenCommand(io),
    initCommand(io),
    migrateCommand(io),
    checkConfigCommand(io),
    probeCommand(io),
    runCommand(io),
    collectCommand(io),
    sealCommand(io),
    statusCommand(io),
    verifyCommand(io),
    cosignCommand(io),
    coverageCommand(io),
    repairCommand(io),
    rebuildLedgerCommand(io),
    disposeCommand(io),
    retentionCommand(io),
    queryCommand(io),
    proveCommand(io),
    verifyProofCommand(io),
  ]) {
    program.addCommand(command.copyInheritedSettings(program));
    for (const child of command.commands) child.copyInheritedSettings(command);
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
