import type { ScheduledTask } from 'node-cron';
import { ArchiverError, hasCode } from '../errors.ts';
import type { Logger } from '../log.ts';
import { createClock, cronProblems } from './cron.ts';
import type { StopSignals } from './stop.ts';

export interface Job {
  /** Unique among the jobs; also the label of the job's metrics. */
  readonly name: string;
  readonly cron: string;
  /** IANA name of the zone in which `cron` is read. */
  readonly timezone: string;
  /** Each run waits between 0 and so many seconds first, so that replicas and tenants do not act at once. */
  readonly jitterSeconds?: number;
  /** Least time from the beginning of a run to the beginning of one that {@link Scheduler.trigger} asked for. */
  readonly pauseSeconds?: number;
  /** Also run as soon as the scheduler starts. */
  readonly runAtStart?: boolean;
  run(stop: StopSignals): Promise<void>;
}

/** How one run went. `interrupted` is a failure that follows from being asked to stop. */
export type JobRun =
  | { readonly job: string; readonly outcome: 'done'; readonly seconds: number }
  | {
      readonly job: string;
      readonly outcome: 'failed' | 'interrupted';
      readonly seconds: number;
      readonly error: unknown;
    }
  | { readonly job: string; readonly outcome: 'skipped' };

export interface SchedulerOptions {
  readonly jobs: readonly Job[];
  /** Milliseconds since the epoch; measures runs. */
  readonly now: () => number;
  /** Uniform in [0, 1); spreads the jitter. */
  readonly random: () => number;
  /** Told of each run that ended and each tick that was skipped. What it throws is logged and goes no further. */
  readonly onRun: (run: JobRun) => void;
  /** Signals of the process: their drain drains the scheduler, their interrupt interrupts the jobs. */
  readonly stop?: StopSignals;
  readonly log?: Logger;
}

export interface Scheduler {
  /** Begins to tick. Does nothing the second time, nor after a drain or stop: a stopped scheduler stays so. */
  start(): void;
  /**
   * Runs a job outside its schedule: without jitter, after its pause. Does nothing while a run waits to begin, nor
   * outside start and drain.
   */
  trigger(job: string): void;
  /** Begins no new run and asks the running ones to finish their unit. Resolves when all have returned. */
  drain(): Promise<void>;
  /** As `drain`, and asks the running ones to stop now. */
  stop(): Promise<void>;
}

/** `waiting` is the time before a run, `again` a tick that fell into one, `asked` a trigger that did. */
interface Entry {
  readonly job: Job;
  readonly clock: ScheduledTask;
  state: 'idle' | 'waiting' | 'running';
  again: boolean;
  asked: boolean;
  /** When the last run began, milliseconds. */
  beganAt: number;
  ended: Promise<void>;
}

/**
 * Runs jobs on their cron schedules, each at most once at a time. The first tick that falls into a run is
 * remembered and runs after it, so that a long run does not cost a daily job its day. Further ticks in the same
 * run, and ticks during the jitter, are covered by the run ahead and reported as `skipped`. A job's failure never
 * ends the scheduler.
 *
 * @throws ArchiverError `config-invalid` naming every invalid job.
 */
export function createScheduler(options: SchedulerOptions): Scheduler {
  rejectInvalid(options.jobs);
  const { now, random, log } = options;
  const drain = new AbortController();
  const interrupt = new AbortController();
  const signals: StopSignals = { drain: drain.signal, interrupt: interrupt.signal };
  let started = false;

  const entries: Entry[] = options.jobs.map((job) => {
    const clock = createClock(job.cron, job.timezone, () => tick(entry), log);
    const entry: Entry = {
      job,
      clock,
      state: 'idle',
      again: false,
      asked: false,
      beganAt: Number.NEGATIVE_INFINITY,
      ended: Promise.resolve(),
    };
    return entry;
  });

  function tick(entry: Entry): void {
    if (drain.signal.aborted) return;
    if (entry.state === 'idle') {
      entry.ended = runUntilQuiet(entry, jitter(entry));
    } else if (entry.state === 'running' && !entry.again) {
      entry.again = true;
    } else {
      report({ job: entry.job.name, outcome: 'skipped' });
    }
  }

  function trigger(name: string): void {
    const entry = entries.find(({ job }) => job.name === name);
    if (entry === undefined || !started || drain.signal.aborted) return;
    if (entry.state === 'idle') entry.ended = runUntilQuiet(entry, pauseLeft(entry));
    else if (entry.state === 'running') entry.asked = true;
  }

  function jitter({ job }: Entry): number {
    return random() * (job.jitterSeconds ?? 0) * 1000;
  }

  function pauseLeft({ job, beganAt }: Entry): number {
    const pause = (job.pauseSeconds ?? 0) * 1000;
    // A clock that was set back must not make the pause longer.
    return Math.min(Math.max(beganAt + pause - now(), 0), pause);
  }

  async function runUntilQuiet(entry: Entry, milliseconds: number): Promise<void> {
    let delay = milliseconds;
    do {
      entry.state = 'waiting';
      entry.again = false;
      entry.asked = false;
      await wait(delay, drain.signal);
      if (drain.signal.aborted) break;
      entry.state = 'running';
      entry.beganAt = now();
      report(await runOnce(entry.job));
      delay = entry.again ? jitter(entry) : pauseLeft(entry);
    } while (entry.again || entry.asked);
    // In the same turn as the look at both, so that no tick can fall between the two and be lost.
    entry.state = 'idle';
  }

  async function runOnce(job: Job): Promise<JobRun> {
    const began = now();
    const seconds = () => Math.max(0, (now() - began) / 1000);
    try {
      await job.run(signals);
      return { job: job.name, outcome: 'done', seconds: seconds() };
    } catch (error) {
      const asked = drain.signal.aborted && (interrupt.signal.aborted || hasCode(error, 'interrupted'));
      return { job: job.name, outcome: asked ? 'interrupted' : 'failed', seconds: seconds(), error };
    }
  }

  function report(run: JobRun): void {
    try {
      options.onRun(run);
    } catch (error) {
      log?.error({ err: error, job: run.job }, 'reporting a run failed');
    }
  }

  async function allReturned(): Promise<void> {
    await Promise.all(entries.map((entry) => entry.ended));
  }

  function start(): void {
    if (started || drain.signal.aborted) return;
    started = true;
    for (const entry of entries) {
      entry.clock.start();
      const { name: job, cron, timezone } = entry.job;
      log?.info({ job, cron, timezone, next: entry.clock.getNextRun() }, 'job scheduled');
      if (entry.job.runAtStart === true) tick(entry);
    }
  }

  function beginDrain(reason?: unknown): void {
    if (drain.signal.aborted) return;
    for (const entry of entries) entry.clock.destroy();
    drain.abort(reason ?? new ArchiverError('interrupted', 'scheduler drains'));
  }

  function beginInterrupt(reason?: unknown): void {
    beginDrain(reason);
    if (!interrupt.signal.aborted) {
      interrupt.abort(reason ?? new ArchiverError('interrupted', 'scheduler stops'));
    }
  }

  if (options.stop !== undefined) follow(options.stop, beginDrain, beginInterrupt);
  return {
    start,
    trigger,
    drain: () => {
      beginDrain();
      return allReturned();
    },
    stop: () => {
      beginInterrupt();
      return allReturned();
    },
  };
}

function rejectInvalid(jobs: readonly Job[]): void {
  const names = new Set<string>();
  const problems = jobs.flatMap(({ name, cron, timezone, jitterSeconds = 0 }) => {
    const found = cronProblems(cron, timezone);
    if (!(jitterSeconds >= 0 && Number.isFinite(jitterSeconds)))
      found.push(`jitter of ${jitterSeconds} seconds`);
    if (names.has(name)) found.push('a second job of this name');
    names.add(name);
    return found.map((problem) => `${name}: ${problem}`);
  });
  if (problems.length === 0) return;
  throw new ArchiverError('config-invalid', 'invalid schedule', { detail: problems.join('; ') });
}

/** Resolves after `milliseconds`, or at once when `signal` aborts. */
function wait(milliseconds: number, signal: AbortSignal): Promise<void> {
  if (milliseconds <= 0 || signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, milliseconds);
    signal.addEventListener('abort', end);
  });
}

/** Hands the process's signals on, also when they have been raised already. */
function follow(
  stop: StopSignals,
  drain: (reason: unknown) => void,
  interrupt: (reason: unknown) => void,
): void {
  for (const [signal, act] of [
    [stop.drain, drain],
    [stop.interrupt, interrupt],
  ] as const) {
    if (signal.aborted) act(signal.reason);
    else signal.addEventListener('abort', () => act(signal.reason), { once: true });
  }
}
