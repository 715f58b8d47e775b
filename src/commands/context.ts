/** What commands share: the configuration turned into the stages' parts. */
import type { CollectionPolicy } from '../collectors/planner.ts';
import { type Config, loadConfig, processName } from '../config.ts';
import type { ArchiverError } from '../errors.ts';
import { type Database, openPostgres } from '../ledger/database.ts';
import { checkVersion } from '../ledger/migrate.ts';
import { openPglite } from '../ledger/pglite.ts';
import type { SealLimits } from '../ledger/staging.ts';
import { createLog, type Logger } from '../log.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { parseSignerKey, type SignerKey } from '../proof/key.ts';
import { type Leadership, takeLeadership } from '../scheduler/leadership.ts';
import { createDirectorySink } from '../sinks/directory.ts';
import type { Sink } from '../sinks/sink.ts';
import { ZoomClient } from '../zoom/client.ts';
import { ShapeWatch } from '../zoom/shape-watch.ts';

/** Where a command writes and how it is stopped; `main` provides the process's own. */
export interface CommandIo {
  readonly out: (text: string) => void;
  readonly err: NodeJS.WritableStream & { readonly isTTY?: boolean };
  /** For a command that printed its result and yet did not reach its goal: the exit code and the hint. */
  readonly fail: (error: ArchiverError) => void;
  readonly drain: AbortSignal;
  readonly interrupt: AbortSignal;
  /** Asks whoever sits at the terminal; undefined where there is none. */
  readonly ask: ((question: string) => Promise<string>) | undefined;
  /** After a stop signal, how long until the interrupt; called once the configuration is known. */
  readonly drainWithin: (ms: number) => void;
}

/** Options that every command has. */
export interface CommonFlags {
  readonly config: string;
  readonly logLevel?: string;
  readonly json?: boolean;
}

export interface Context {
  readonly config: Config;
  readonly log: Logger;
  readonly account: string;
  readonly now: () => number;
}

/** @param level used when no flag says otherwise; commands on a terminal are quieter than the daemon */
export function openContext(flags: CommonFlags, level?: string): Context {
  const config = loadConfig(flags.config);
  const log = createLog({ level: flags.logLevel ?? level ?? config.log.level });
  return { config, log, account: config.zoom.accountId, now: Date.now };
}

export async function openLedger({ config, log }: Context): Promise<Database> {
  const { ledger } = config;
  if ('directory' in ledger) return openPglite({ directory: ledger.directory });
  return openPostgres({ url: ledger.url, connections: ledger.connections, log });
}

export const EMBEDDED_LEDGER_NOTE =
  'the embedded ledger is for evaluation: it serves one process and may lose what was committed in a power cut';

/** The ledger, at this build's version; closed again when `work` ends. */
export async function withLedger<T>(context: Context, work: (db: Database) => Promise<T>): Promise<T> {
  const db = await openLedger(context);
  try {
    await checkVersion(db);
    return await work(db);
  } finally {
    await db.close();
  }
}

/** The SDK of S3 is a quarter of what starting takes, so it is read only where there is a bucket. */
export async function openSink({ config, log, now }: Context): Promise<Sink> {
  const { sink } = config;
  switch (sink.kind) {
    case 'directory':
      return createDirectorySink({ root: sink.path, now });
    case 's3': {
      const { createS3Sink } = await import('../sinks/s3.ts');
      const { kind: _kind, endpoint, credentials, ...rest } = sink;
      return createS3Sink({
        ...rest,
        ...(endpoint === undefined ? {} : { endpoint }),
        ...(credentials === undefined ? {} : { credentials }),
        log,
        now,
      });
    }
    default:
      return sink satisfies never;
  }
}

/** The key that signs the archive's log. Fails with `bad-key`. */
export function signerOf({ config }: Context): SignerKey {
  return parseSignerKey(config.signing.key);
}

/** An answer's `Date` is written before its body, which may take as long as the time-out allows. */
const CLOCK_TOLERANCE_MS = 5 * 60_000;

export function openZoom({ config, log, now }: Context, metrics: Metrics): ZoomClient {
  const { zoom } = config;
  const client: ZoomClient = new ZoomClient({
    credentials: { accountId: zoom.accountId, clientId: zoom.clientId, clientSecret: zoom.clientSecret },
    apiUrl: zoom.apiUrl,
    oauthUrl: zoom.oauthUrl,
    plan: zoom.plan,
    share: zoom.share,
    rates: zoom.rates,
    timeoutMs: zoom.timeout,
    clockTolerance: CLOCK_TOLERANCE_MS + zoom.timeout,
    now,
    log,
    onRequest: ({ endpoint, status, seconds }) => {
      metrics.requestFinished({
        endpoint,
        status: status === 'error' ? 'no-answer' : Number(status),
        seconds,
      });
      for (const budget of client.budgets()) {
        metrics.tokensLeft({ label: budget.label, tokens: budget.tokens() });
        metrics.parkedUntil({ label: budget.label, at: budget.parkedUntil() });
      }
    },
    onRateLimited: (label, type) => metrics.rateLimited({ label, type }),
    shapes: new ShapeWatch(({ endpoint, name }, count) => metrics.unknownShape({ endpoint, name, count })),
  });
  return client;
}

export function collectionPolicy({ collection }: Config): CollectionPolicy {
  return {
    settleMs: collection.settle,
    sweepMs: collection.sweep,
    relistMs: collection.relist,
    modifications: collection.modifications.map((step) => ({
      youngerThanMs: step.youngerThan,
      everyMs: step.every,
    })),
  };
}

/** @param all also groups that are neither full nor old */
export function sealLimits({ seal }: Config, all: boolean): (now: number) => SealLimits {
  return (now) => ({
    records: seal.records,
    bytes: seal.bytes,
    dueBefore: all ? now + 60_000 : now - seal.maxAge,
  });
}

/**
 * The lease for a command that runs once. It waits out the lease of a process that was killed; one that is still
 * renewed ends in `lease-held`.
 * @param patience how long it waits, in lives of a lease
 */
export async function leadOnce(
  context: Context,
  db: Database,
  signal: AbortSignal,
  patience = 1.2,
): Promise<Leadership> {
  const ttlMs = context.config.ledger.lease;
  // PGlite's directory lock already says that nobody else is there.
  if (db.engine === 'pglite') await db.query(`update lease set expires_at = '-infinity'`);
  return takeLeadership(
    { db, account: context.account, holder: processName(), ttlMs, log: context.log },
    ttlMs * patience,
    signal,
  );
}
