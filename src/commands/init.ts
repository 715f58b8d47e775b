import { mkdir } from 'node:fs/promises';
import { Command } from 'commander';
import type { Config } from '../config.ts';
import { ArchiverError } from '../errors.ts';
import type { Database } from '../ledger/database.ts';
import { readLogHead } from '../ledger/log.ts';
import { migrate } from '../ledger/migrate.ts';
import {
  bundleKey,
  CHECKPOINT_KEY,
  objectsPrefix,
  segmentsPrefix,
  tileKey,
  tilesPrefix,
  witnessPrefix,
} from '../segments/layout.ts';
import { agreeWithPublished, publish, startLog } from '../segments/publish.ts';
import type { Finding } from '../sinks/probe.ts';
import type { Sink } from '../sinks/sink.ts';
import {
  type ArchiveIdentity,
  archiveEntry,
  checkIdentity,
  checkSigner,
  readIdentity,
  writeIdentity,
} from './archive.ts';
import {
  type CommandIo,
  type CommonFlags,
  type Context,
  EMBEDDED_LEDGER_NOTE,
  leadOnce,
  openContext,
  openLedger,
  openSink,
  signerOf,
} from './context.ts';
import { letPass, probeLocks, requireCompliance } from './lock-probe.ts';
import { bringIntoForce, classesWith, lockModeOf, locksOf } from './schedule-in-force.ts';

/** `init`: proves that the sink can keep its promise, prepares the ledger and creates the archive. Safe to repeat. */
export function initCommand(io: CommandIo): Command {
  return new Command('init')
    .description('create the archive: check and probe the sink, migrate the ledger, write archive.json')
    .option('--json', 'print the result as JSON')
    .addHelpText('after', '\nExample:\n  $ zoom-chat-archiver init --config archiver.yaml')
    .action(async (_flags: unknown, command: Command) => {
      const flags = command.optsWithGlobals<CommonFlags>();
      const context = openContext(flags, 'warn');
      const { config, account, now } = context;
      io.drainWithin(config.drain);
      // Only init makes the folder: later a missing one is a missing mount, not a new archive.
      if (config.sink.kind === 'directory') await mkdir(config.sink.path, { recursive: true });
      const signer = signerOf(context);
      const sink = await openSink(context);
      try {
        await sink.check(lockModeOf(context));
        const locks = await probeLocks(context, sink, io.interrupt);
        requireCompliance(context, locks);
        const db = await openLedger(context);
        try {
          const migrations = await migrate(db);
          const existing = await readIdentity(sink);
          if (existing !== undefined) checkSigner(await checkIdentity(sink, account), signer);
          if ((await readLogHead(db, account)) === undefined) await requireNoLog(sink);
          const { logLock } = locksOf(await classesWith(context, db, config.retention.schedule), context);
          const archive = existing ?? (await writeIdentity(sink, account, signer, logLock(), now()));
          if ((await sink.current(CHECKPOINT_KEY)) === null)
            await beginPublishing(context, { db, sink, archive }, io.interrupt);
          else await agreeWithPublished({ db, account, sink, signer });
          tell(io, flags, { created: existing === undefined, archive, migrations, locks }, config);
        } finally {
          await db.close();
        }
      } finally {
        await sink.close();
      }
    });
}

/** What the first publishing puts before the first checkpoint. */
const BEGINNING: readonly string[] = [
  bundleKey({ number: 0, width: 1 }),
  tileKey({ level: 0, number: 0, width: 1 }),
];

/**
 * A ledger without a log must not begin one where a log has begun: it would be another one, of the same name. Also not
 * where the checkpoint is gone. Fails with `log-diverged`, naming what is there.
 */
async function requireNoLog(sink: Sink): Promise<void> {
  const begun = (detail: string): ArchiverError =>
    new ArchiverError('log-diverged', 'the ledger has no log, but the archive has one', { detail });
  if ((await sink.current(CHECKPOINT_KEY)) !== null) throw begun(CHECKPOINT_KEY);
  for (const prefix of [tilesPrefix(), witnessPrefix(), segmentsPrefix(), objectsPrefix()]) {
    for await (const { key } of sink.list(prefix)) {
      // A crash in the middle of the first publishing.
      if (BEGINNING.includes(key)) continue;
      throw begun(
        `${key} is there, ${CHECKPOINT_KEY} is not: restore it, then make the ledger from the archive`,
      );
    }
  }
}

/** Writes entry 0 and publishes the first checkpoint. */
async function beginPublishing(
  context: Context,
  { db, sink, archive }: { db: Database; sink: Sink; archive: ArchiveIdentity },
  interrupt: AbortSignal,
): Promise<void> {
  await startLog(db, context.account, archiveEntry(archive));
  const leadership = await leadOnce(context, db, interrupt);
  const signer = signerOf(context);
  const { lease, lost } = leadership;
  const stop = AbortSignal.any([interrupt, lost]);
  try {
    const { logLock } = await bringIntoForce({ context, db, sink, lease, interrupt: stop });
    await publish({
      db,
      lease,
      sink,
      signer,
      logLock,
      interrupt: stop,
      log: context.log,
    });
  } finally {
    await leadership.release();
  }
}

interface Initialised {
  readonly created: boolean;
  readonly archive: ArchiveIdentity;
  readonly migrations: readonly string[];
  /** What the probe of the sink found; empty where nothing is locked. */
  readonly locks: readonly Finding[];
}

function tell(io: CommandIo, flags: CommonFlags, done: Initialised, config: Config): void {
  const { created, archive, migrations, locks } = done;
  if (flags.json) {
    io.out(JSON.stringify(done));
    return;
  }
  const { account } = archive;
  io.out(
    created ? `archive created for account ${account}` : `archive of account ${account} was there already`,
  );
  io.out(`its log verifies with ${archive.key}`);
  io.out(migrations.length === 0 ? 'ledger is up to date' : `ledger migrated: ${migrations.join(', ')}`);
  for (const { check, meaning } of letPass(locks)) io.out(`warning: ${check} is not enforced: ${meaning}`);
  if ('directory' in config.ledger) io.out(`note: ${EMBEDDED_LEDGER_NOTE}`);
}
