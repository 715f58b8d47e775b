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
import { runDispose } from '../../src/commands/disposition.ts';
import { holdEntry, placeEntries } from '../../src/commands/hold-entries.ts';
import { runHolds } from '../../src/commands/holds.ts';
import { type LengthenSummary, lengthen } from '../../src/commands/lengthen.ts';
import { bringIntoForce, lockModeOf, locksOf } from '../../src/commands/schedule-in-force.ts';
import { runCollect, runSeal } from '../../src/commands/work.ts';
import { parseConfig } from '../../src/config.ts';
import type { Database } from '../../src/ledger/database.ts';
import type { DisposalOrder } from '../../src/ledger/disposals.ts';
import { cancelRelease, placeHold, readHolds, releaseHold } from '../../src/ledger/holds.ts';
import type { Lease } from '../../src/ledger/lease.ts';
import { migrate } from '../../src/ledger/migrate.ts';
import { silentLog } from '../../src/log.ts';
import { createMetrics, createRegistry } from '../../src/metrics/metrics.ts';
import { noteKeyOf } from '../../src/proof/key.ts';
import { fetchedFiles } from '../../src/proof/local-files.ts';
import { type VerifyReport, verify } from '../../src/proof/verify/verify.ts';
import type { HoldScope } from '../../src/record.ts';
import { EVERYTHING } from '../../src/retention/holds.ts';
import { termsByClass } from '../../src/retention/schedule.ts';
import { SegmentBuilder } from '../../src/segments/build.ts';
import { publish, startLog } from '../../src/segments/publish.ts';
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
  /** As `retention apply`. */
  lengthen(): Promise<LengthenSummary>;
  /** A step of a legal hold, as the commands take it; flags are left to `holds`. */
  hold(step: HoldStep): Promise<void>;
  /** Legal holds, as the daemon carries them out. */
  holds(interrupt?: AbortSignal): ReturnType<typeof runHolds>;
  /** As `dispose run`. */
  dispose(order: DisposalOrder, interrupt?: AbortSignal): ReturnType<typeof runDispose>;
  /** As `verify`; with a head saved earlier as the daemon does it, what came since and so many objects of the past. */
  verify(news?: { readonly since: string; readonly past: number }): Promise<VerifyReport>;
  /** The metrics so far, as Prometheus reads them. */
  metrics(): Promise<string>;
  close(): Promise<void>;
}

export type HoldStep =
  | {
      readonly action: 'place';
      readonly id: string;
      readonly matter: string;
      readonly scope: Partial<HoldScope>;
    }
  | { readonly action: 'release' | 'cancel'; readonly id: string };

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
  const signer = signerOf(context);
  const leading = async <T>(work: (lease: Lease) => Promise<T>): Promise<T> => {
    const { lease, release } = await leadOnce(context, db, never);
    try {
      return await work(lease);
    } finally {
      await release();
    }
  };
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
    seal: (all = false) =>
      leading((lease) => {
        const stop = { drain: never, interrupt: never };
        return runSeal({ context, db, sink, builder, lease, metrics, stop, all });
      }),
    lengthen: () =>
      leading(async (lease) => {
        const locks = await bringIntoForce({ context, db, sink, lease, interrupt: never });
        const stop = { drain: never, interrupt: never };
        const summary = await lengthen({ context, db, sink, lease, locks, rate: 10_000, stop });
        const { log } = context;
        await publish({ db, lease, sink, signer, logLock: locks.logLock, interrupt: never, log });
        return summary;
      }),
    hold: (step) => takeHoldStep(context, db, step),
    holds: (interrupt = new AbortController().signal) =>
      leading((lease) => runHolds({ context, db, sink, lease, metrics, stop: { drain: never, interrupt } })),
    dispose: (order, interrupt = new AbortController().signal) =>
      leading((lease) => {
        const stop = { drain: never, interrupt };
        return runDispose({ context, db, sink, lease, metrics, stop, scope: {}, order });
      }),
    async verify(news) {
      const files = await fetchedFiles(sink, never);
      try {
        const options = { sink, key: noteKeyOf(signer), files, now: context.now, signal: never };
        return await verify({ ...options, ...news });
      } finally {
        await files.close();
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

/** Fails where the step is not to be taken. */
async function takeHoldStep(context: Context, db: Database, step: HoldStep): Promise<void> {
  const { account, config, now } = context;
  const deed = { by: 'B. Counsel', at: now(), reason: step.action };
  const requireTaken = (taken: boolean): void => {
    if (!taken) throw new Error(`hold ${step.id} cannot ${step.action}`);
  };
  if (step.action === 'place') {
    const { id, matter, scope } = step;
    const hold = {
      id,
      matter,
      source: 'own',
      zoomMatter: undefined,
      scope: { ...EVERYTHING, ...scope },
      placed: deed,
    } as const;
    return requireTaken(await placeHold(db, account, hold, placeEntries(hold)));
  }
  const hold = (await readHolds(db, account)).find(({ id }): boolean => id === step.id);
  if (hold === undefined) throw new Error(`no hold ${step.id}`);
  switch (step.action) {
    case 'release': {
      const endsAt = deed.at + config.holds.coolOff;
      const entry = holdEntry(hold, 'release', deed, { ends_at: new Date(endsAt).toISOString() });
      return requireTaken(await releaseHold(db, account, hold.id, { ...deed, endsAt }, [entry]));
    }
    case 'cancel':
      return requireTaken(await cancelRelease(db, account, hold.id, [holdEntry(hold, 'cancel', deed)]));
    default:
      return step satisfies never;
  }
}
