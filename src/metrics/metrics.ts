import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

export type { Registry } from 'prom-client';

export const PREFIX = 'zoom_chat_archiver_';

/** Prometheus keeps a time series per label value for ever, so a label that runs away must meet a ceiling. */
const MOST_VALUES = 200;
const OVERFLOW = 'other';

const REQUEST_SECONDS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const SEAL_SECONDS = [0.01, 0.05, 0.25, 1, 2.5, 5, 15, 60, 300];
const JOB_SECONDS = [0.1, 1, 5, 15, 60, 300, 900, 3600, 14400];

export type SealStep = 'plan' | 'build' | 'put' | 'commit' | 'publish';
const ZIP_OUTCOMES = ['stored', 'broken'] as const;
const JOB_OUTCOMES = ['done', 'failed', 'interrupted', 'skipped'] as const;
export type JobOutcome = (typeof JOB_OUTCOMES)[number];

/**
 * What the stages report, in their own words. Moments are milliseconds since the epoch, durations seconds, sizes
 * bytes, counts never negative. None of the calls does I/O.
 */
export interface Metrics {
  /** One answer (or the lack of one) from Zoom. `endpoint` is the route with placeholders, never a real path. */
  requestFinished(request: { endpoint: string; status: number | 'no-answer'; seconds: number }): void;
  /** Zoom said 429. `label` is its rate-limit class, `type` which limit was hit (per second, per day). */
  rateLimited(limit: { label: string; type: string }): void;
  /** Requests that a rate-limit class may still send at once. */
  tokensLeft(limit: { label: string; tokens: number }): void;
  /** A field or word in answers of Zoom that its reference does not name. */
  unknownShape(shape: { endpoint: string; name: string; count: number }): void;
  /** A rate-limit class sends nothing before this moment. */
  parkedUntil(limit: { label: string; at: number }): void;
  recordsAdmitted(page: { stream: string; kind: string; count: number }): void;
  /** Records seen again with the same content: counted, not stored. */
  sightings(page: { stream: string; count: number }): void;
  /** Records seen again with other content: kept beside the first. */
  drift(page: { stream: string; count: number }): void;
  unitFinished(unit: { stream: string; mode: string; outcome: string }): void;
  /** Everything due of a stream had been collected at this moment. */
  streamComplete(stream: { stream: string; at: number }): void;
  /** The oldest moment of a stream that is not collected yet; `undefined` when nothing is open. */
  oldestUncollected(stream: { stream: string; at: number | undefined }): void;
  /** A window went on record as deleted by Zoom before it was collected. */
  windowLost(window: { stream: string }): void;
  /**
   * Completeness of all known sessions: holes, lost windows on record, and the retention-gap guard: the least time
   * until Zoom deletes something uncollected, the same as a part of how long Zoom keeps it, and how many sessions are
   * within each threshold.
   */
  sessionsSurveyed(state: {
    sessions: number;
    holes: number;
    lost: number;
    untilLossSeconds?: number;
    untilLossRatio: number | undefined;
    within: ReadonlyMap<string, number>;
  }): void;
  /** Units that failed at least three times in a row, by stream; streams that are not named have none. */
  unitsFailing(counts: ReadonlyMap<string, number>): void;
  /** Whether a setting of the Zoom account allows a complete archive. */
  sourceSetting(setting: { setting: string; ok: boolean }): void;
  /** Records waiting in the ledger to be sealed. */
  staged(waiting: { records: number; bytes: number }): void;
  /** Stored by their content so far, each once. */
  objects(stored: { objects: number; bytes: number }): void;
  /** Links of one kind that wait, and those of them whose last attempt failed or was refused. */
  links(links: { kind: string; open: number; failing: number; refused: number }): void;
  holdZipArchived(zip: { outcome: (typeof ZIP_OUTCOMES)[number] }): void;
  /** Legal-hold zips that Zoom lists and has not made yet. */
  holdFilesNotReady(waiting: { files: number }): void;
  /**
   * Legal holds in force by where they come from, those of Zoom whose matter it does not list any more, versions under a
   * flag, and versions whose flag is still to be set or lifted.
   */
  holds(holds: { own: number; zoom: number; gone: number; held: number; waiting: number }): void;
  /** What a probe found out about the locks of the sink at this moment. */
  locksProbed(probe: {
    at: number;
    checks: readonly { check: string; enforced: boolean | 'unknown' }[];
  }): void;
  /** Entries of the archive's log that the published checkpoint covers. */
  logSize(entries: number): void;
  /** A verification of the archive ended at this moment, with so many findings. */
  verified(verification: { at: number; findings: number }): void;
  segmentPut(segment: { stream: string; class: string; bytes: number }): void;
  /** What stands in the archive by class, and when the period of its oldest ends; undefined where it never does. */
  kept(
    classes: readonly {
      class: string;
      segments: number;
      objects: number;
      bytes: number;
      expires: number | undefined;
    }[],
  ): void;
  /** A segment or an object was destroyed after its period. */
  disposed(disposal: { kind: 'segment' | 'object'; class: string; bytes: number }): void;
  /** Something could have been destroyed by the ledger or the log, and the store or a hold keeps it. */
  disposalRefused(refusal: { class: string }): void;
  /** Seconds that one of the collecting workers spent: waiting for Zoom, reading and hashing, waiting for the ledger. */
  collectStage(stage: { stage: 'fetch' | 'parse' | 'admit'; seconds: number }): void;
  sealStep(step: { step: SealStep; seconds: number }): void;
  /** A webhook that Zoom signed, and what became of it. */
  webhookReceived(webhook: { receipt: string }): void;
  /** A request to the webhook endpoint that was turned away. */
  webhookRefused(webhook: { reason: string }): void;
  /** A name in webhooks: of a known session, of none, or not noted because the ledger failed. */
  webhookHinted(hint: { hint: string }): void;
  lease(lease: { held: boolean; generation: number }): void;
  /** `seconds` is left out for a run that never began. */
  jobFinished(run: { job: string; outcome: JobOutcome; seconds?: number }): void;
  /** `phrase` is the constant part of an error's message, never one with values in it. */
  errorSeen(error: { code: string; phrase: string }): void;
}

export interface MetricsOptions {
  /** Milliseconds since the epoch, asked at each scrape. */
  readonly now?: () => number;
  /**
   * Streams whose records are counted, and jobs: their counters begin at 0, because Prometheus' `increase()` does not
   * see the step from no series to its first value.
   */
  readonly streams?: readonly string[];
  readonly jobs?: readonly string[];
  /** Streams that can be complete: while this process leads, each has a time since it was. */
  readonly collected?: readonly string[];
}

/** A registry of its own for one process, so that two archivers in one test do not share numbers. */
export function createRegistry(): Registry {
  return new Registry();
}

/** Of any process of the program: Node's own metrics, and which version runs. */
export function createProcessMetrics(registry: Registry, build: { version: string; commit: string }): void {
  collectDefaultMetrics({ register: registry });
  new Gauge({
    name: `${PREFIX}build_info`,
    help: 'The running version; always 1.',
    labelNames: ['version', 'commit'],
    registers: [registry],
  }).set({ ...build }, 1);
}

/**
 * Declares every metric of the archiver on `registry`, with Node's own process metrics beside them.
 *
 * @throws Error when the registry already holds these metrics.
 */
export function createMetrics(
  registry: Registry,
  build: { version: string; commit: string },
  { now = Date.now, streams = [], jobs: jobNames = [], collected = [] }: MetricsOptions = {},
): Metrics {
  const registers = [registry];
  const counter = <L extends string>(name: string, help: string, labelNames: L[]) =>
    new Counter({ name: PREFIX + name, help, labelNames, registers });
  const gauge = <L extends string>(name: string, help: string, labelNames: L[]) =>
    new Gauge({ name: PREFIX + name, help, labelNames, registers });
  const histogram = <L extends string>(name: string, help: string, labelNames: L[], buckets: number[]) =>
    new Histogram({ name: PREFIX + name, help, labelNames, buckets, registers });

  createProcessMetrics(registry, build);

  const requests = counter('zoom_requests_total', 'Requests to Zoom by route and HTTP status.', [
    'endpoint',
    'status',
  ]);
  const requestSeconds = histogram(
    'zoom_request_seconds',
    'Time from sending a request to Zoom until its answer was read.',
    ['endpoint'],
    REQUEST_SECONDS,
  );
  const rateLimits = counter(
    'zoom_rate_limited_total',
    'Answers 429 by rate-limit class and kind of limit.',
    ['label', 'type'],
  );
  const tokens = gauge('zoom_tokens_left', 'Requests a rate-limit class may still send at once.', ['label']);
  const parked = gauge(
    'zoom_parked_until_timestamp_seconds',
    'Unix time before which a rate-limit class sends nothing.',
    ['label'],
  );
  const unknownShapes = counter(
    'zoom_unknown_shape_total',
    'Fields and words in answers of Zoom that its reference does not name; they are archived all the same.',
    ['endpoint', 'name'],
  );

  const records = counter('records_admitted_total', 'Records stored for the first time.', ['stream', 'kind']);
  const sightings = counter('sightings_total', 'Records seen again unchanged.', ['stream']);
  const drift = counter('drift_total', 'Records seen again with other content under the same identity.', [
    'stream',
  ]);
  for (const stream of streams) drift.inc({ stream }, 0);
  const units = counter('units_total', 'Units of collection by how they ended.', [
    'stream',
    'mode',
    'outcome',
  ]);
  const completed = gauge(
    'stream_last_complete_timestamp_seconds',
    'Unix time at which everything due of a stream was last collected.',
    ['stream'],
  );
  const completeAt = new Map<string, number>();
  const sinceComplete = new Gauge({
    name: `${PREFIX}stream_seconds_since_complete`,
    help: 'Seconds since everything due of a stream was last collected, or since this process took the lease; absent while it stands by.',
    labelNames: ['stream'],
    registers,
    collect() {
      for (const [stream, at] of completeAt) this.set({ stream }, Math.max(0, (now() - at) / 1000));
    },
  });
  const oldest = gauge(
    'oldest_uncollected_timestamp_seconds',
    'Unix time of the oldest moment of a stream that is still to be collected; absent when nothing is.',
    ['stream'],
  );

  const lost = counter(
    'windows_lost_total',
    'Windows that Zoom may have deleted before they were collected.',
    ['stream'],
  );
  for (const stream of streams) lost.inc({ stream }, 0);
  const knownSessions = gauge('sessions_known', 'Sessions in the registry.', []);
  const holes = gauge('coverage_holes', 'Holes in the coverage of the known sessions.', []);
  const lostWindows = gauge('coverage_lost_windows', 'Windows on record as lost, of all known sessions.', []);
  const untilLoss = gauge(
    'retention_gap_seconds',
    'Least time until Zoom deletes something that was not collected, if it is there; negative once that has passed.',
    [],
  );
  const untilLossRatio = gauge(
    'retention_gap_ratio',
    'The same as a part of the time that Zoom keeps it: near 1 when all is collected, 0 at the deletion.',
    [],
  );
  const gapSessions = gauge(
    'retention_gap_sessions',
    'Sessions of which Zoom deletes something uncollected within the time in the label.',
    ['within'],
  );

  const failing = gauge(
    'units_failing',
    'Units that failed at least three times in a row; the coverage report names them.',
    ['stream'],
  );
  const settings = gauge(
    'source_setting_ok',
    '1 while a setting of the Zoom account allows a complete archive, else 0; absent until it was read.',
    ['setting'],
  );

  const lockEnforced = gauge(
    'object_lock_enforced',
    '1 where the sink kept to a rule of Object Lock when that was last tried, 0 where it did not; absent where that is not known.',
    ['check'],
  );
  const lockProbed = gauge(
    'object_lock_probe_timestamp_seconds',
    'Unix time at which the locks of the sink were last tried; absent while this process stands by.',
    [],
  );
  const logSize = gauge('log_size', "Entries of the archive's log that its published checkpoint covers.", []);
  const verifiedAt = gauge('verify_timestamp_seconds', 'When the daemon verified the archive last.', []);
  const verifyFindings = gauge('verify_findings', 'What that verification found wrong.', []);
  const stagedRecords = gauge('staged_records', 'Records in the ledger that no segment holds yet.', []);
  const stagedBytes = gauge(
    'staged_bytes',
    'Size of the records in the ledger that no segment holds yet.',
    [],
  );
  const objects = gauge('objects', 'Files and zips in the archive, each content once.', []);
  const objectBytes = gauge('object_bytes', 'Size of the files and zips in the archive.', []);
  const openLinks = gauge('links_open', 'Files, forwards and zips still to be fetched.', ['kind']);
  const failingLinks = gauge(
    'links_failing',
    'Files, forwards and zips still to be fetched whose last attempt failed.',
    ['kind'],
  );
  const refusedLinks = gauge(
    'links_refused',
    'Files, forwards and zips that Zoom refused last, asked for again until that is its last word.',
    ['kind'],
  );
  const holdZips = counter(
    'hold_zips_total',
    'Legal-hold zips archived: whole, or broken and archived as found.',
    ['outcome'],
  );
  if (streams.includes('hold_files')) for (const outcome of ZIP_OUTCOMES) holdZips.inc({ outcome }, 0);
  const holdNotReady = gauge(
    'hold_files_not_ready',
    'Legal-hold zips that Zoom lists and has not made yet.',
    [],
  );
  const activeHolds = gauge('holds_active', 'Legal holds in force, by where they come from: own or zoom.', [
    'source',
  ]);
  const heldVersions = gauge('hold_versions', 'Objects and segments under the flag of a legal hold.', []);
  const holdsWaiting = gauge(
    'hold_versions_waiting',
    'Objects and segments whose legal-hold flag is still to be set or lifted.',
    [],
  );
  const mattersGone = gauge(
    'hold_matters_gone',
    'Legal holds in force whose matter Zoom does not list any more.',
    [],
  );
  const segments = counter('segments_total', 'Segments put into the archive.', ['stream', 'class']);
  const segmentBytes = counter('segment_bytes_total', 'Size of the segments put into the archive.', []);
  const keptSegments = gauge('class_segments', 'Segments in the archive by the class that keeps them.', [
    'class',
  ]);
  const keptObjects = gauge('class_objects', 'Files and zips in the archive by the class that keeps them.', [
    'class',
  ]);
  const keptBytes = gauge('class_bytes', 'Size of both by the class that keeps them.', ['class']);
  const nextExpiry = gauge(
    'class_next_expiry_timestamp_seconds',
    'Unix time at which the period of the oldest of a class ends; in the past while something waits to be destroyed, or is kept all the same.',
    ['class'],
  );
  const disposals = counter('disposals_total', 'Segments and objects destroyed after their period.', [
    'kind',
    'class',
  ]);
  const disposedBytes = counter('disposed_bytes_total', 'Size of what was destroyed after its period.', []);
  const disposalRefusals = counter(
    'disposal_refusals_total',
    'Segments and objects that were to be destroyed, and that the store or a hold keeps.',
    ['class'],
  );
  const collectSeconds = counter(
    'collect_stage_seconds_total',
    'Seconds that the collecting workers spent by stage; several work at the same time.',
    ['stage'],
  );
  const sealSeconds = histogram(
    'seal_seconds',
    'Time of each step of sealing a segment.',
    ['step'],
    SEAL_SECONDS,
  );

  const leaseHeld = gauge('lease_held', '1 while this process may write for its account, else 0.', []);
  const leaseGeneration = gauge(
    'lease_generation',
    'Generation of the lease as this process last saw it.',
    [],
  );
  const jobs = counter('job_runs_total', 'Runs of a scheduled job by how they ended.', ['job', 'outcome']);
  for (const job of jobNames) for (const outcome of JOB_OUTCOMES) jobs.inc({ job, outcome }, 0);
  const jobSeconds = histogram('job_seconds', 'Time of each run of a scheduled job.', ['job'], JOB_SECONDS);
  const webhooks = counter('webhooks_received_total', 'Webhooks of Zoom by what became of them.', [
    'receipt',
  ]);
  const webhookRefusals = counter(
    'webhooks_refused_total',
    'Requests to the webhook endpoint that were turned away, by reason.',
    ['reason'],
  );
  const webhookHints = counter(
    'webhook_hints_total',
    'Names in webhooks by whether they moved a known session up.',
    ['hint'],
  );
  const errors = counter('errors_total', 'Errors by code and by the constant phrase of their origin.', [
    'code',
    'phrase',
  ]);

  // prom-client starts a gauge without labels at 0, which would claim an empty ledger before anyone has looked.
  for (const unknown of [
    lockProbed,
    logSize,
    verifiedAt,
    verifyFindings,
    stagedRecords,
    stagedBytes,
    leaseGeneration,
    knownSessions,
    holes,
    lostWindows,
    untilLoss,
    untilLossRatio,
    objects,
    objectBytes,
    holdNotReady,
    heldVersions,
    holdsWaiting,
    mattersGone,
  ])
    unknown.remove();

  const endpointLabel = ceiling();
  const limitLabel = ceiling();
  const shapeLabel = ceiling();
  const kindLabel = ceiling();
  const classLabel = ceiling();
  const phraseLabel = ceiling();

  return {
    requestFinished({ endpoint: route, status, seconds }) {
      const endpoint = endpointLabel(route);
      requests.inc({ endpoint, status: String(status) });
      requestSeconds.observe({ endpoint }, seconds);
    },
    rateLimited({ label, type }) {
      rateLimits.inc({ label: limitLabel(label), type });
    },
    tokensLeft({ label, tokens: left }) {
      tokens.set({ label: limitLabel(label) }, left);
    },
    unknownShape({ endpoint, name, count }) {
      unknownShapes.inc({ endpoint: endpointLabel(endpoint), name: shapeLabel(name) }, count);
    },
    parkedUntil({ label, at }) {
      parked.set({ label: limitLabel(label) }, at / 1000);
    },
    recordsAdmitted({ stream, kind, count }) {
      records.inc({ stream, kind: kindLabel(kind) }, count);
    },
    sightings({ stream, count }) {
      sightings.inc({ stream }, count);
    },
    drift({ stream, count }) {
      drift.inc({ stream }, count);
    },
    unitFinished({ stream, mode, outcome }) {
      units.inc({ stream, mode, outcome });
    },
    streamComplete({ stream, at }) {
      completed.set({ stream }, at / 1000);
      completeAt.set(stream, at);
    },
    windowLost({ stream }) {
      lost.inc({ stream });
    },
    sessionsSurveyed(state) {
      knownSessions.set(state.sessions);
      holes.set(state.holes);
      lostWindows.set(state.lost);
      if (state.untilLossSeconds !== undefined) untilLoss.set(state.untilLossSeconds);
      if (state.untilLossRatio !== undefined) untilLossRatio.set(state.untilLossRatio);
      for (const [within, count] of state.within) gapSessions.set({ within }, count);
    },
    unitsFailing(counts) {
      failing.reset();
      for (const [stream, count] of counts) failing.set({ stream }, count);
    },
    oldestUncollected({ stream, at }) {
      if (at === undefined) oldest.remove({ stream });
      else oldest.set({ stream }, at / 1000);
    },
    sourceSetting({ setting, ok }) {
      settings.set({ setting }, ok ? 1 : 0);
    },
    staged(waiting) {
      stagedRecords.set(waiting.records);
      stagedBytes.set(waiting.bytes);
    },
    objects(stored) {
      objects.set(stored.objects);
      objectBytes.set(stored.bytes);
    },
    links({ kind, open, failing, refused }) {
      openLinks.set({ kind }, open);
      failingLinks.set({ kind }, failing);
      refusedLinks.set({ kind }, refused);
    },
    holdZipArchived({ outcome }) {
      holdZips.inc({ outcome });
    },
    holdFilesNotReady({ files }) {
      holdNotReady.set(files);
    },
    holds({ own, zoom, gone, held, waiting }) {
      activeHolds.set({ source: 'own' }, own);
      activeHolds.set({ source: 'zoom' }, zoom);
      mattersGone.set(gone);
      heldVersions.set(held);
      holdsWaiting.set(waiting);
    },
    locksProbed({ at, checks }) {
      lockEnforced.reset();
      for (const { check, enforced } of checks) {
        if (enforced !== 'unknown') lockEnforced.set({ check }, enforced ? 1 : 0);
      }
      lockProbed.set(at / 1000);
    },
    logSize(entries) {
      logSize.set(entries);
    },
    verified({ at, findings }) {
      verifiedAt.set(at / 1000);
      verifyFindings.set(findings);
    },
    kept(classes) {
      for (const each of [keptSegments, keptObjects, keptBytes, nextExpiry]) each.reset();
      for (const { class: name, segments: count, objects: files, bytes, expires } of classes) {
        const label = { class: classLabel(name) };
        keptSegments.set(label, count);
        keptObjects.set(label, files);
        keptBytes.set(label, bytes);
        if (expires !== undefined) nextExpiry.set(label, expires / 1000);
      }
    },
    disposed({ kind, class: name, bytes }) {
      disposals.inc({ kind, class: classLabel(name) });
      disposedBytes.inc(bytes);
    },
    disposalRefused({ class: name }) {
      disposalRefusals.inc({ class: classLabel(name) });
    },
    segmentPut(segment) {
      segments.inc({ stream: segment.stream, class: classLabel(segment.class) });
      segmentBytes.inc(segment.bytes);
    },
    collectStage({ stage, seconds }) {
      collectSeconds.inc({ stage }, seconds);
    },
    sealStep({ step, seconds }) {
      sealSeconds.observe({ step }, seconds);
    },
    webhookReceived({ receipt }) {
      webhooks.inc({ receipt });
    },
    webhookRefused({ reason }) {
      webhookRefusals.inc({ reason });
    },
    webhookHinted({ hint }) {
      webhookHints.inc({ hint });
    },
    lease({ held, generation }) {
      if (held) {
        for (const stream of collected) if (!completeAt.has(stream)) completeAt.set(stream, now());
      } else {
        // A standby does not collect: what it knew of completeness would grow old without meaning anything.
        completeAt.clear();
        sinceComplete.reset();
        // It does not probe either.
        lockEnforced.reset();
        lockProbed.remove();
      }
      leaseHeld.set(held ? 1 : 0);
      leaseGeneration.set(generation);
    },
    jobFinished({ job, outcome, seconds }) {
      jobs.inc({ job, outcome });
      if (seconds !== undefined) jobSeconds.observe({ job }, seconds);
    },
    errorSeen({ code, phrase }) {
      errors.inc({ code, phrase: phraseLabel(phrase) });
    },
  };
}

/** Lets the first values through and calls all later ones `other`. */
function ceiling(): (value: string) => string {
  const known = new Set<string>();
  return (value) => {
    if (known.has(value)) return value;
    if (known.size >= MOST_VALUES) return OVERFLOW;
    known.add(value);
    return value;
  };
}
