/** Metrics of `serve`, on a registry beside those of every process. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { PREFIX } from './metrics.ts';

const SECONDS = [0.01, 0.05, 0.1, 0.3, 1, 3, 10, 30];

/** What the portal reports. Durations are seconds. None of the calls does I/O. */
export interface PortalMetrics {
  /** One answer. `route` has placeholders, never a real path; empty where no route was asked for. */
  requestFinished(request: { route: string; status: number; seconds: number }): void;
  signIn(signIn: { method: string; outcome: string }): void;
  exportEnded(ended: { outcome: string }): void;
  verified(verification: { holds: boolean; at: number }): void;
  /** A look for a new head of the log failed. */
  refreshFailed(failure: { code: string }): void;
}

/** What is asked for at each scrape. */
export interface PortalState {
  readonly exportsRunning: () => number;
  readonly logSize: () => number;
}

export function createPortalMetrics(registry: Registry, state: PortalState): PortalMetrics {
  const registers = [registry];
  const counter = <L extends string>(name: string, help: string, labelNames: L[]) =>
    new Counter({ name: PREFIX + name, help, labelNames, registers });
  const gauge = (name: string, help: string, value?: () => number) =>
    new Gauge({
      name: PREFIX + name,
      help,
      registers,
      ...(value === undefined
        ? {}
        : {
            collect() {
              this.set(value());
            },
          }),
    });

  const requests = counter('portal_requests_total', 'Requests to the portal by route and HTTP status.', [
    'route',
    'status',
  ]);
  const seconds = new Histogram({
    name: `${PREFIX}portal_request_seconds`,
    help: 'Time from the head of a request to the portal until its answer was sent.',
    labelNames: ['route'],
    buckets: SECONDS,
    registers,
  });
  const signIns = counter('portal_sign_ins_total', 'Sign-ins by how they ended.', ['method', 'outcome']);
  const exports = counter('portal_exports_total', 'Exports of the portal by how they ended.', ['outcome']);
  for (const outcome of ['done', 'failed', 'interrupted']) exports.inc({ outcome }, 0);
  gauge('portal_exports_running', 'Exports that are being made.', state.exportsRunning);
  gauge('portal_log_size', "Entries of the archive's log that answers come from.", state.logSize);
  const refreshFailures = counter(
    'portal_refresh_failures_total',
    'Looks for a new head of the log that failed, by error code.',
    ['code'],
  );
  const verified = gauge(
    'portal_verified_timestamp_seconds',
    'Unix time at which the last verification of the portal ended.',
  );
  const holds = gauge(
    'portal_archive_holds',
    'Whether the last verification of the portal found nothing altered.',
  );

  return {
    requestFinished({ route, status, seconds: took }) {
      requests.inc({ route, status });
      seconds.observe({ route }, took);
    },
    signIn({ method, outcome }) {
      signIns.inc({ method, outcome });
    },
    exportEnded({ outcome }) {
      exports.inc({ outcome });
    },
    verified({ holds: held, at }) {
      verified.set(at / 1000);
      holds.set(held ? 1 : 0);
    },
    refreshFailed({ code }) {
      refreshFailures.inc({ code });
    },
  };
}
