/** The archiver's own verbs in this process, on the emulator's clock: what the commands do, without starting Node. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { archiveEntry, readIdentity, writeIdentity } from '../../src/commands/archive.ts';
import { buildInfo } from '../../src/commands/build-info.ts';
import {
  type Context,
  leadOnce,
  openLedger,
  openSink,
  openZoom,
  signerOf,
} from '../../src/commands/context.ts';
import { runHolds } from '../../src/commands/holds.ts';
import { lockModeOf, locksOf } from '../../src/commands/schedule-in-force.ts';
import { runCollect, runSeal } from '../../src/commands/work.ts';
import { parseConfig } from '../../src/config.ts';
import type { Database } from '../../src/ledger/database.ts';
import { migrate } from '../../src/ledger/migrate.ts';
import { silentLog } from '../../src/log.ts';
import { createMetrics, createRegistry } from '../../src/metrics/metrics.ts';
import { termsByClass } from '../../src/retention/schedule.ts';
import { SegmentBuilder } from '../../src/segments/build.ts';
import { startLog } from '../../src/segments/publish.ts';
import type { Sink } from '../../src/sinks/sink.ts';
import type { ZoomClient } from '../../src/zoom/client.ts';
import { SIGNING_KEY } from './log.ts';

/** Sections of a configuration file, laid over {@link settings}. */
export type Sections = Readonly<Record<string, object>>;

/** Streams beside sessions and messages are on where a test is about them. */
const NO_OTHER_STREAMS = {
  activities: { enabled: false },
  context: { enabled: false },
  files: { enabled: false },
  forwarded: { enabled: false },
  legalHold: { enabled: false },
};

/** A configuration for the emulator at `url`: no pacing, modifications asked for as often as the clock allows. */
export function settings(url: string, parts: Sections): Sections {
  return {
    ...parts,
    zoom: {
      accountId: 'emulated-account',
      clientId: 'emulated-client',
      clientSecret: 'emulated-secret',
      apiUrl: `${url}/v2`,
      oauthUrl: url,
      rates: { LIGHT: 5000, MEDIUM: 5000, 'RESOURCE-INTENSIVE': 5000 },
      ...parts.zoom,
    },
    collection: { modifications: [{ youngerThan: '365d', every: '1s' }], ...parts.collection },
    streams: { ...NO_OTHER_STREAMS, ...parts.streams },
    signing: { key: SIGNING_KEY },
    retention: { default: { mode: 'none' }, ...parts.retention },
  };
}

export interface Archiver {
  readonly context: Context;
  /** Where a directory sink has the archive. */
  readonly root: string;
  /** One pass, as the command `collect` runs it. */
  collect(signals?: { drain?: AbortSignal; interrupt?: AbortSignal }): ReturnType<typeof runCollect>;
  /** As `seal`, or `seal --all`. */
  seal(all?: boolean): ReturnType<typeof runSeal>;
  /** Legal holds, as the daemon carries them out. */
  holds(): ReturnType<typeof runHolds>;
  /** The metrics so far, as Prometheus reads them. */
  metrics(): Promise<string>;
  close(): Promise<void>;
}

/** Parts of a test's own in place of those that the configuration makes. */
export interface OwnParts {
  /** Not closed here. */
  readonly client?: ZoomClient;
  readonly sink?: (sink: Sink) => Sink;
  readonly db?: (db: Database) => Database;
}

/** Opens ledger and sink below `folder` and creates the archive where there is none. `parts` has at least a ledger. */
export async function openArchiver(
  emulator: { readonly url: string; now(): number },
  folder: string,
  parts: Sections,
  own: OwnParts = {},
): Promise<Archiver> {
  const root = join(folder, 'archive');
  const sections = { sink: { directory: { path: root } }, seal: { spool: './spool' }, ...parts };
  const config = parseConfig({
    text: JSON.stringify(settings(emulator.url, sections)),
    folder,
    environment: {},
    readFile: () => '',
  });
  const context: Context = {
    config,
    log: silentLog(),
    account: config.zoom.accountId,
    now: () => emulator.now(),
  };
  if (config.sink.kind === 'directory') await mkdir(root, { recursive: true });
  const ledger = await openLedger(context);
  await migrate(ledger);
  const db = own.db?.(ledger) ?? ledger;
  const plainSink = await openSink(context);
  const sink = own.sink?.(plainSink) ?? plainSink;
  await sink.check(lockModeOf(context));
  if ((await readIdentity(sink)) === undefined) {
    const signer = signerOf(context);
    const { logLock } = locksOf(termsByClass(config.retention.schedule), context);
    const archive = await writeIdentity(sink, context.account, signer, logLock(), context.now());
    await startLog(db, context.account, archiveEntry(archive));
  }
  const builder = await SegmentBuilder.create(config.seal);
  const registry = createRegistry();
  const metrics = createMetrics(registry, buildInfo());
  const never = new AbortController().signal;
  return {
    context,
    root,
    async collect({ drain = never, interrupt = new AbortController().signal } = {}) {
      const client = own.client ?? openZoom(context, metrics);
      const { lease, release } = await leadOnce(context, db, interrupt);
      try {
        return await runCollect({ context, db, client, sink, lease, metrics, stop: { drain, interrupt } });
      } finally {
        await release();
        if (own.client === undefined) await client.close();
      }
    },
    async seal(all = false) {
      const { lease, release } = await leadOnce(context, db, never);
      const stop = { drain: never, interrupt: never };
      try {
        return await runSeal({ context, db, sink, builder, lease, metrics, stop, all });
      } finally {
        await release();
      }
    },
    async holds() {
      const { lease, release } = await leadOnce(context, db, never);
      const stop = { drain: never, interrupt: never };
      try {
        return await runHolds({ context, db, sink, lease, metrics, stop });
      } finally {
        await release();
      }
    },
    metrics: () => registry.metrics(),
    async close() {
      builder.close();
      await sink.close();
      await db.close();
    },
  };
}
