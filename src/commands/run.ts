import { Command } from 'commander';
import type { PassPart } from '../collectors/collect.ts';
import { processName } from '../config.ts';
import { ArchiverError, asArchiverError, hasCode } from '../errors.ts';
import { dropOldKeys } from '../ledger/admit.ts';
import { lastAskedAt } from '../ledger/coverage.ts';
import type { Database } from '../ledger/database.ts';
import { dropOldLinks } from '../ledger/links.ts';
import { hintSession } from '../ledger/registry.ts';
import { dropOldUnits } from '../ledger/units.ts';
import type { Logger } from '../log.ts';
import { createMetrics, createRegistry, type Metrics } from '../metrics/metrics.ts';
import { startMetricsServer } from '../metrics/server.ts';
import { STREAMS } from '../record.ts';
import { type Leadership, takeLeadership } from '../scheduler/leadership.ts';
import { createScheduler, type Job } from '../scheduler/scheduler.ts';
import { SegmentBuilder } from '../segments/build.ts';
import { agreeWithPublished } from '../segments/publish.ts';
import type { Sink } from '../sinks/sink.ts';
import { startWebhooks, type WebhookServer } from '../webhooks/receiver.ts';
import type { ZoomClient } from '../zoom/client.ts';
import { checkIdentity, checkSigner } from './archive.ts';
import { buildInfo } from './build-info.ts';
import {
  type CommandIo,
  type CommonFlags,
  type Context,
  EMBEDDED_LEDGER_NOTE,
  openContext,
  openSink,
  openZoom,
  signerOf,
  withLedger,
} from './context.ts';
import { runDispose } from './disposition.ts';
import { runHolds } from './holds.ts';
import { LENGTHENED_A_SECOND, lengthen } from './lengthen.ts';
import { watchLocks } from './lock-probe.ts';
import { warnAboutSettings } from './preflight.ts';
import { bringIntoForce, classesWith, lockModeOf } from './schedule-in-force.ts';
import { collectedStreams } from './streams.ts';
import { runWatch } from './watch.ts';
import { runCollect, runSeal } from './work.ts';

/** Errors after which the state of the archive or the ledger is unknown: stop, and let start-up recover. */
const FATAL = new Set([
  'internal',
  'sink-conflict',
  'archive-mismatch',
  'log-diverged',
  'retention-weaker',
  'ledger-ahead',
  'ledger-behind',
]);

interface Parts {
  readonly context: Context;
  readonly db: Database;
  readonly sink: Sink;
  readonly client: ZoomClient;
  readonly builder: SegmentBuilder;
  readonly metrics: Metrics;
  /** Where they are asked for. */
  readonly webhooks: WebhookServer | undefined;
}

/** `run`: the daemon. Collects and seals on schedule while it holds the account's lease; otherwise stands by. */
export function runCommand(io: CommandIo): Command {
  return new Command('run')
    .description('run the archiver: collect and seal on schedule, serve metrics')
    .addHelpText('after', '\nStops on SIGTERM after the work in hand; a second signal stops at once.')
    .action(async (_flags: unknown, command: Command) => {
      const context = openContext(command.optsWithGlobals<CommonFlags>());
      const { config, log, account } = context;
      io.drainWithin(config.drain);
      const signer = signerOf(context);
      const registry = createRegistry();
      const build = buildInfo();
      const metrics = createMetrics(registry, build, {
        now: context.now,
        streams: STREAMS,
        collected: collectedStreams(config),
        jobs: Object.keys(config.schedule),
      });
      await withLedger(context, async (db) => {
        const sink = await openSink(context);
        const client = openZoom(context, metrics);
        const builder = await SegmentBuilder.create({ spool: config.seal.spool });
        let leadership: Leadership | undefined;
        let webhooks: WebhookServer | undefined;
        const server = await startMetricsServer({
          ...config.metrics,
          registry,
          log,
          checks: [
            { name: 'ledger', run: async () => void (await db.query('select 1')) },
            { name: 'sink', run: async () => void (await checkIdentity(sink, account)) },
            {
              name: 'lease',
              run: async () => {
                if (leadership === undefined || leadership.lost.aborted) {
                  throw new ArchiverError('lease-held', 'standing by for the lease');
                }
              },
            },
          ],
        }).catch((cause: unknown) => {
          throw new ArchiverError('config-invalid', 'the metrics address cannot be listened on', {
            cause,
            detail: `${config.metrics.host}:${config.metrics.port}`,
          });
        });
        if (db.engine === 'pglite') log.warn(EMBEDDED_LEDGER_NOTE);
        log.info({ version: build.version, account, port: server.port }, 'archiver started');
        tellStops(io, log);
        try {
          webhooks = await listenForWebhooks(context, db, metrics);
          checkSigner(await checkIdentity(sink, account), signer);
          await sink.check(lockModeOf(context));
          await classesWith(context, db, config.retention.schedule);
          while (!io.drain.aborted) {
            metrics.lease({ held: false, generation: 0 });
            leadership = await takeLeadership(
              { db, account, holder: processName(), ttlMs: config.ledger.lease, log },
              Number.POSITIVE_INFINITY,
              io.drain,
            ).catch((error: unknown) => {
              if (io.drain.aborted) return undefined;
              throw error;
            });
            if (leadership === undefined) break;
            const { generation } = leadership.lease;
            log.info({ generation }, 'leading');
            metrics.lease({ held: true, generation });
            await agreeWithPublished({ db, account, sink, signer });
            await watchLocks(context, sink, metrics, io.interrupt).catch((error: unknown) => {
              if (!hasCode(error, 'interrupted')) throw error;
            });
            await warnAboutSettings(context, client, metrics, io.interrupt).catch((error: unknown) =>
              log.warn({ err: String(error) }, 'the chat settings of the account cannot be checked'),
            );
            await lead({ context, db, sink, client, builder, metrics, webhooks }, leadership, io);
            await leadership.release();
          }
        } finally {
          await webhooks?.stop();
          await leadership?.release();
          await server.stop();
          builder.close();
          await client.close();
          await sink.close();
          log.info('archiver stopped');
        }
      });
    });
}

/** Runs the jobs until asked to stop or the lease is lost. Throws what start-up has to recover from. */
async function lead(parts: Parts, leadership: Leadership, io: CommandIo): Promise<void> {
  const { context, db, sink, client, builder, metrics, webhooks } = parts;
  const { schedule } = context.config;
  const { lease, lost } = leadership;
  let fatal: ArchiverError | undefined;
  const over = new AbortController();
  const endWith = (error: ArchiverError): void => {
    fatal ??= error;
    over.abort();
  };
  const job = (name: keyof typeof schedule, runAtStart: boolean, run: Job['run']): Job => ({
    name,
    cron: schedule[name].cron,
    timezone: schedule[name].timezone,
    jitterSeconds: schedule[name].jitter / 1000,
    pauseSeconds: context.config.webhooks.pause / 1000,
    runAtStart,
    run,
  });
  const collectPart =
    (part: PassPart): Job['run'] =>
    async (stop) => {
      const parts = [part];
      const pass = await runCollect({ context, db, client, sink, lease, metrics, stop, parts });
      const { done, failed, complete, drift, pages } = pass;
      // Looking for files every minute is not worth a line when there was none.
      if (part !== 'links' || done + failed > 0) {
        context.log.info({ part, done, failed, complete, drift, pages }, 'collected');
      }
    };
  const scheduler = createScheduler({
    jobs: [
      // At start too: it takes up what an earlier process left planned.
      job('seal', true, async (stop) => {
        const { segments, records, bytes } = await runSeal({
          context,
          db,
          sink,
          builder,
          lease,
          metrics,
          stop,
          all: false,
        });
        if (segments > 0) context.log.info({ segments, records, bytes }, 'sealed');
      }),
      // Each with a pass of its own: a zip of ten gigabytes must not keep messages waiting that Zoom keeps for a day.
      job('collect', true, collectPart('reports')),
      job('streams', true, collectPart('units')),
      job('fetch', true, collectPart('links')),
      // By itself: after a hold of much is placed this takes long, and sealing must not wait for it.
      job('holds', true, async (stop) => {
        const { flagged, lifted, missing } = await runHolds({ context, db, sink, lease, metrics, stop });
        if (flagged + lifted + missing > 0)
          context.log.info({ flagged, lifted, missing }, 'legal holds carried out');
      }),
      job('retention', false, async (stop) => {
        const locks = await bringIntoForce({ context, db, sink, lease, interrupt: stop.interrupt });
        const { versions, lengthened, failed } = await lengthen({
          context,
          db,
          sink,
          lease,
          locks,
          rate: LENGTHENED_A_SECOND,
          stop,
        });
        if (lengthened > 0) context.log.info({ versions, lengthened }, 'kept longer');
        if (failed > 0)
          throw new ArchiverError('incomplete', 'some locks could not be raised', {
            detail: `${failed} versions`,
          });
      }),
      job('verify', false, (stop) => runWatch({ context, db, sink, lease, metrics, stop })),
      // At start too: it takes up what an earlier process left logged.
      job('dispose', true, async (stop) => {
        const by = { by: 'schedule', approvedBy: null, reason: 'its retention period is over' };
        const order = context.config.disposition.automatic ? by : null;
        const { segments, objects, bytes, refused } = await runDispose({
          context,
          db,
          sink,
          lease,
          metrics,
          stop,
          scope: {},
          order,
        });
        if (segments + objects + refused.length > 0)
          context.log.info({ segments, objects, bytes, refused: refused.length }, 'disposed');
      }),
      job('maintain', false, async (stop) => {
        // A clock that runs ahead must not forget what Zoom can serve again.
        const now = Math.min(context.now(), await lastAskedAt(db, context.account));
        await dropOldUnits(db, lease, now);
        await dropOldLinks(db, lease, now);
        const dropped = await dropOldKeys(db, now);
        if (dropped.length > 0)
          context.log.info({ dropped }, 'dedup keys dropped that Zoom cannot serve again');
        await watchLocks(context, sink, metrics, stop.interrupt).catch((error: unknown) => {
          // What goes into such a sink from here on is not kept as promised.
          if (hasCode(error, 'sink-unlocked')) endWith(error);
          throw error;
        });
      }),
    ],
    now: context.now,
    random: Math.random,
    stop: { drain: io.drain, interrupt: AbortSignal.any([io.interrupt, lost]) },
    log: context.log,
    onRun: (run) => {
      metrics.jobFinished(run);
      if (run.outcome !== 'failed') return;
      const error = asArchiverError(run.error);
      metrics.errorSeen({ code: error.code, phrase: error.phrase });
      context.log.error({ job: run.job, code: error.code, err: error, hint: error.hint }, 'job failed');
      if (FATAL.has(error.code)) endWith(error);
    },
  });
  scheduler.start();
  webhooks?.whenHinted(() => scheduler.trigger('collect'));
  await aborted(AbortSignal.any([io.drain, lost, over.signal]));
  if (lost.aborted || over.signal.aborted) await scheduler.stop();
  else await scheduler.drain();
  if (fatal !== undefined) throw fatal;
}

/** A standby listens too: what it notes, the leader finds in the ledger. */
async function listenForWebhooks(
  { config, account, now, log }: Context,
  db: Database,
  metrics: Metrics,
): Promise<WebhookServer | undefined> {
  const { enabled, ...listening } = config.webhooks;
  if (!enabled) return undefined;
  const webhooks = await startWebhooks({
    ...listening,
    account,
    now,
    hint: (name) => hintSession(db, account, name, now()),
    onReceived: (receipt) => metrics.webhookReceived({ receipt }),
    onRefused: (reason) => metrics.webhookRefused({ reason }),
    onHinted: (hint) => metrics.webhookHinted({ hint }),
    log,
  }).catch((cause: unknown) => {
    throw new ArchiverError('config-invalid', 'the webhook address cannot be listened on', {
      cause,
      detail: `${listening.host}:${listening.port}`,
    });
  });
  log.info({ port: webhooks.port, path: listening.path }, 'listening for webhooks');
  return webhooks;
}

/** The signal handlers are older than the log; whoever waits for the process wants to see that it was heard. */
function tellStops(io: CommandIo, log: Logger): void {
  io.drain.addEventListener('abort', () => log.info('stopping: finishing the work in hand'), { once: true });
  io.interrupt.addEventListener('abort', () => log.warn('stopping now'), { once: true });
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
