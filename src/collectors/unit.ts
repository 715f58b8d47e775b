/** One thing to collect, from its first request to its coverage record. */
import { type ArchiverError, asArchiverError, hasCode } from '../errors.ts';
import type { Admission, Page } from '../ledger/admit.ts';
import { addLinks, type Link } from '../ledger/links.ts';
import type { Provenance } from '../ledger/staged.ts';
import { endUnit, type StartedUnit, startUnit } from '../ledger/units.ts';
import { type Candidate, type Interval, instant, type Stream, utcDay } from '../record.ts';
import type { Reply } from '../zoom/client.ts';
import { refusesParameters } from '../zoom/refusal.ts';
import type { ReportDates } from '../zoom/reports.ts';
import { coverageRecord } from './coverage.ts';
import type { PassTools } from './pass.ts';
import { DAY_MS, type ReportWindow, reportHorizon } from './windows.ts';

export interface Unit {
  readonly stream: Stream;
  /** Session, channel or matter; empty for the whole account. */
  readonly scope: string;
  readonly mode: string;
  readonly window: ReportWindow;
  /** What the unit proves to be collected when it succeeds. */
  readonly covers: Interval;
}

/** Where a page came from. */
export type Origin = Pick<Reply<unknown>, 'requestId' | 'trackingId' | 'observedAt'>;

/** What a collector made of an answer of Zoom. */
export interface CollectedPage {
  readonly rows: number;
  readonly candidates: readonly Candidate[];
  /** What the records point to. */
  readonly links?: readonly Link[];
  readonly session?: Provenance['session'];
}

/** Times a unit begins anew because a page token lapsed or came back, before it counts as failed. */
const RESTARTS = 3;
const FAILED_RETRY_MS = 15 * 60_000;
const LONGEST_RETRY_MS = DAY_MS;

/** When a unit that failed so many times in a row before is tried again: each time twice as late, within a day. */
export function retryDelay(failures: number): number {
  return Math.min(FAILED_RETRY_MS * 2 ** Math.min(failures, 20), LONGEST_RETRY_MS);
}

export function unitName(unit: Unit): string {
  return `${unit.stream} ${unit.mode} ${unit.window.fromDate}..${unit.window.toDate} ${unit.scope}`;
}

/** An attempt at a unit: what its collector works with. */
export class Attempt {
  readonly #tools: PassTools;
  readonly #unit: Unit;
  readonly #started: StartedUnit;
  #dates: ReportDates;
  #pages = 0;
  #rows = 0;
  #admitted = 0;
  #sightings = 0;
  #drift = 0;
  /** Latest action seen, milliseconds: keeps a session's age for the modification cadence. */
  latestAction = 0;

  constructor(tools: PassTools, unit: Unit, started: StartedUnit) {
    this.#tools = tools;
    this.#unit = unit;
    this.#started = started;
    this.#dates = { from: unit.window.fromDate, to: unit.window.toDate };
  }

  /** Report dates to ask for. */
  get dates(): ReportDates {
    return this.#dates;
  }

  /** Leaves out the first date, which Zoom refused. */
  skipFirstDate(): void {
    this.#dates = { ...this.#dates, from: utcDay(Date.parse(this.#dates.from) + DAY_MS) };
  }

  /** Stores what is new of a page. Fails with `lease-lost`, `ledger-unreachable`. */
  async admit(origin: Origin, page: CollectedPage): Promise<Admission> {
    const { db, lease, events, classes, run, now } = this.#tools;
    const provenance: Provenance = {
      run,
      requestId: origin.requestId,
      trackingId: origin.trackingId,
      observedAt: instant(origin.observedAt),
      ...(page.session === undefined ? {} : { session: page.session }),
    };
    const begun = performance.now();
    await addLinks(db, lease, page.links ?? [], now());
    const admission = await this.#tools.admit(this.#started, {
      rows: page.rows,
      candidates: page.candidates,
      provenance,
      classOf: await classes.of(page.session),
    } satisfies Page);
    events.spent('admit', (performance.now() - begun) / 1000);
    this.#pages += 1;
    this.#rows += admission.rows;
    this.#admitted += admission.admitted.length;
    this.#sightings += admission.sightings;
    this.#drift += admission.admitted.filter((record) => record.drift).length;
    events.pageAdmitted(this.#unit.stream, admission);
    if ((page.links?.length ?? 0) > 0) this.#tools.linksFound();
    return admission;
  }

  /** The unit's outcome, its coverage and its coverage record, in one statement. */
  async end(startedAt: number, proves: Interval, error: ArchiverError | undefined): Promise<void> {
    const { db, lease, run, now, classes } = this.#tools;
    const finishedAt = now();
    const outcome = error === undefined ? 'done' : 'failed';
    const failure = error === undefined ? {} : { error: error.code };
    const candidate = coverageRecord(lease.account, run, this.#started, {
      outcome,
      ...failure,
      pages: this.#pages,
      rows: this.#rows,
      admitted: this.#admitted,
      sightings: this.#sightings,
      drift: this.#drift,
      startedAt,
      finishedAt,
      fromDate: this.#dates.from,
      toDate: this.#dates.to,
      covers: proves,
    });
    const classOf = await classes.of(undefined);
    await endUnit(db, lease, this.#started, {
      outcome,
      ...failure,
      ...(error === undefined ? {} : { retryAt: finishedAt + retryDelay(this.#started.failures) }),
      ...(this.latestAction > 0 ? { latestAction: this.latestAction } : {}),
      startedAt,
      now: finishedAt,
      covers: proves,
      coverage: {
        candidate,
        provenance: { run, requestId: '', trackingId: '', observedAt: instant(finishedAt) },
        className: classOf(candidate),
      },
    });
  }
}

/** How a unit is collected; answers what it proves when that is less than planned. */
export type CollectUnit<U extends Unit> = (unit: U, attempt: Attempt) => Promise<Interval | undefined>;

/**
 * One unit to its end: covered, or recorded as failed. Throws what does not concern this unit alone.
 * @param isOwn whether an error says something about this unit only
 * @returns the unit's own error, if it failed
 */
export async function runUnit<U extends Unit>(
  tools: PassTools,
  unit: U,
  collectUnit: CollectUnit<U>,
  isOwn: (error: ArchiverError) => boolean,
): Promise<ArchiverError | undefined> {
  const { db, lease, now, log, interrupt } = tools;
  const { stream, scope, mode, window, covers } = unit;
  const startedAt = now();
  const started = await startUnit(
    db,
    lease,
    { stream, scope, mode, from: window.from, to: window.to },
    startedAt,
  );
  const attempt = new Attempt(tools, unit, started);
  let proves = covers;
  let failure: ArchiverError | undefined;
  for (let restart = 0; ; restart += 1) {
    try {
      proves = (await collectUnit(unit, attempt)) ?? covers;
    } catch (thrown) {
      if (interrupt.aborted) throw thrown;
      // Zoom's six months begin later than ours where its day is ahead of UTC, or midnight passed since planning.
      const ofReport = stream === 'sessions' || stream === 'messages';
      if (ofReport && refusesParameters(thrown) && attempt.dates.from <= utcDay(reportHorizon(now()))) {
        attempt.skipFirstDate();
        continue;
      }
      if (hasCode(thrown, 'zoom-page-token') && restart < RESTARTS) {
        log.warn({ unit: unitName(unit), restart: restart + 1 }, thrown.message);
        continue;
      }
      failure = asArchiverError(thrown);
      if (!isOwn(failure)) throw thrown;
    }
    break;
  }
  // A clock that was ahead when the unit was planned, and set right since, would have it cover what is yet to come.
  const until = Math.min(proves.to, startedAt);
  await attempt.end(
    startedAt,
    failure === undefined ? { from: Math.min(proves.from, until), to: until } : covers,
    failure,
  );
  if (failure !== undefined) {
    log.error({ unit: unitName(unit), code: failure.code, err: failure.message }, 'unit failed');
  }
  return failure;
}
