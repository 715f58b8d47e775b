import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ArchiverError, hasCode } from '../../src/errors.ts';
import {
  createScheduler,
  type Job,
  type JobRun,
  type Scheduler,
  type SchedulerOptions,
} from '../../src/scheduler/scheduler.ts';
import type { StopSignals } from '../../src/scheduler/stop.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

beforeEach(() => {
  vi.useFakeTimers({ now: new Date('2026-03-01T00:00:30Z') });
});
afterEach(() => {
  vi.useRealTimers();
});

describe('ticks', () => {
  test('a job runs at each moment of its schedule and at no other', async () => {
    const { job, calls } = instantJob({ cron: '*/10 * * * *' });
    const { scheduler } = create([job]);
    scheduler.start();
    await vi.advanceTimersByTimeAsync(31 * MINUTE);
    expect(calls).toEqual(['00:10:00', '00:20:00', '00:30:00']);
    await scheduler.stop();
  });

  test('the expression is read in the time zone of the job', async () => {
    const { job, calls } = instantJob({ cron: '0 3 * * *', timezone: 'Asia/Kolkata' });
    const { scheduler } = create([job]);
    scheduler.start();
    await vi.advanceTimersByTimeAsync(24 * HOUR);
    expect(calls).toEqual(['21:30:00']);
    await scheduler.stop();
  });

  test('a job may also run at the start', async () => {
    const { job, calls } = instantJob({ cron: '0 3 * * *', runAtStart: true });
    const { scheduler } = create([job]);
    scheduler.start();
    await vi.advanceTimersByTimeAsync(0);
    expect(calls).toEqual(['00:00:30']);
    await scheduler.stop();
  });

  test('a moment that passed while the process was suspended is made up for once', async () => {
    const { job, calls } = instantJob({ cron: '0 * * * *' });
    const { scheduler } = create([job]);
    scheduler.start();
    vi.setSystemTime(new Date('2026-03-01T01:20:00Z'));
    await vi.runOnlyPendingTimersAsync();
    expect(calls).toHaveLength(1);
    await scheduler.stop();
  });

  test('a clock that was set back repeats no run before the schedule says so', async () => {
    const { job, calls } = instantJob({ cron: '0 * * * *' });
    const { scheduler } = create([job]);
    scheduler.start();
    await vi.advanceTimersByTimeAsync(HOUR);
    expect(calls).toEqual(['01:00:00']);
    vi.setSystemTime(new Date('2026-03-01T00:30:00Z'));
    await vi.advanceTimersByTimeAsync(89 * MINUTE);
    expect(calls).toEqual(['01:00:00']);
    await vi.advanceTimersByTimeAsync(HOUR);
    expect(calls.at(1)).toBe('02:00:00');
    await scheduler.stop();
  });
});

describe('jitter', () => {
  test('delays each run by the drawn share of jitterSeconds', async () => {
    const { job, calls } = instantJob({ cron: '*/10 * * * *', jitterSeconds: 60 });
    const draws = [0.5, 0];
    const { scheduler } = create([job], { random: () => draws.shift() ?? 0 });
    scheduler.start();
    await vi.advanceTimersByTimeAsync(21 * MINUTE);
    expect(calls).toEqual(['00:10:30', '00:20:00']);
    await scheduler.stop();
  });

  test('a tick during the jitter is covered by the run ahead, and counted', async () => {
    const { job, calls } = instantJob({ cron: '* * * * *', jitterSeconds: 90 });
    const { scheduler, runs } = create([job], { random: () => 1 - Number.EPSILON });
    scheduler.start();
    await vi.advanceTimersByTimeAsync(2.5 * MINUTE);
    expect(calls).toHaveLength(1);
    expect(outcomes(runs)).toEqual(['skipped', 'done']);
    await scheduler.stop();
  });

  test('a drain during the jitter ends the wait without a run', async () => {
    const { job, calls } = instantJob({ cron: '* * * * *', jitterSeconds: 50 });
    const { scheduler } = create([job], { random: () => 0.99 });
    scheduler.start();
    await vi.advanceTimersByTimeAsync(MINUTE);
    await scheduler.drain();
    await vi.advanceTimersByTimeAsync(HOUR);
    expect(calls).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('overlap', () => {
  test('a job never runs twice at once; the first tick in a run follows it, further ones are skipped', async () => {
    const held = heldJob({ cron: '* * * * *' });
    const { scheduler, runs } = create([held.job]);
    scheduler.start();
    await vi.advanceTimersByTimeAsync(4 * MINUTE);
    expect(held.begun).toBe(1);
    expect(outcomes(runs)).toEqual(['skipped', 'skipped']);

    held.finish();
    await vi.advanceTimersByTimeAsync(0);
    expect(held.begun).toBe(2);
    held.finish();
    await vi.advanceTimersByTimeAsync(0);
    expect(held.begun).toBe(2);
    expect(outcomes(runs)).toEqual(['skipped', 'skipped', 'done', 'done']);
    await scheduler.stop();
  });

  test('another job is not held up', async () => {
    const held = heldJob({ name: 'slow', cron: '* * * * *' });
    const { job, calls } = instantJob({ name: 'quick', cron: '* * * * *' });
    const { scheduler } = create([held.job, job]);
    scheduler.start();
    await vi.advanceTimersByTimeAsync(3 * MINUTE);
    expect(calls).toHaveLength(3);
    held.finish();
    await scheduler.stop();
  });
});

describe('triggers', () => {
  test('run a job between its ticks, the first at once and all others after the pause', async () => {
    const { job, calls } = instantJob({ cron: '0 * * * *', jitterSeconds: 60, pauseSeconds: 30 });
    const { scheduler, runs } = create([job], { random: () => 1 });
    scheduler.trigger('instant');
    scheduler.start();
    scheduler.trigger('nobody');
    for (let second = 0; second < 45; second += 1) {
      scheduler.trigger('instant');
      await vi.advanceTimersByTimeAsync(1000);
    }
    await vi.advanceTimersByTimeAsync(5 * MINUTE);
    expect(calls).toEqual(['00:00:30', '00:01:00', '00:01:30']);
    expect(outcomes(runs)).toEqual(['done', 'done', 'done']);
    vi.setSystemTime(new Date('2026-02-28T12:00:00Z'));
    scheduler.trigger('instant');
    await vi.advanceTimersByTimeAsync(30_000);
    expect(calls.at(3)).toBe('12:00:30');
    await scheduler.stop();
  });

  test('that fall into a run are one run after it and its pause; a tick that falls into it does not wait', async () => {
    const held = heldJob({ cron: '* * * * *', pauseSeconds: 45 });
    const { scheduler } = create([held.job]);
    scheduler.start();
    scheduler.trigger('held');
    await vi.advanceTimersByTimeAsync(10_000);
    scheduler.trigger('held');
    scheduler.trigger('held');
    held.finish();
    await vi.advanceTimersByTimeAsync(34_999);
    expect(held.begun).toBe(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(held.begun).toBe(2);
    scheduler.trigger('held');
    await vi.advanceTimersByTimeAsync(15_000);
    held.finish();
    await vi.advanceTimersByTimeAsync(0);
    expect(held.begun).toBe(2);
    await vi.advanceTimersByTimeAsync(MINUTE);
    held.finish();
    await vi.advanceTimersByTimeAsync(0);
    const stopped = scheduler.drain();
    scheduler.trigger('held');
    held.finish();
    await stopped;
  });
});

describe('failures', () => {
  test('are reported with their error and leave the schedule as it is', async () => {
    const error = new ArchiverError('zoom-unreachable', 'zoom did not answer');
    const job: Job = {
      name: 'collect',
      cron: '* * * * *',
      timezone: 'UTC',
      run() {
        vi.setSystemTime(Date.now() + 2000);
        throw error;
      },
    };
    const { scheduler, runs } = create([job]);
    scheduler.start();
    await vi.advanceTimersByTimeAsync(2 * MINUTE);
    expect(runs).toEqual([
      { job: 'collect', outcome: 'failed', seconds: 2, error },
      { job: 'collect', outcome: 'failed', seconds: 2, error },
    ]);
    await scheduler.stop();
  });

  test('an interruption that nobody asked for is a failure', async () => {
    const held = heldJob({ cron: '* * * * *' });
    const { scheduler, runs } = create([held.job]);
    scheduler.start();
    await vi.advanceTimersByTimeAsync(MINUTE);
    held.fail(new ArchiverError('interrupted', 'stopped by something else'));
    await vi.advanceTimersByTimeAsync(0);
    expect(outcomes(runs)).toEqual(['failed']);
    await scheduler.stop();
  });

  test('a callback that throws does not end the scheduler', async () => {
    const { job, calls } = instantJob({ cron: '* * * * *' });
    const scheduler = createScheduler({
      jobs: [job],
      now: Date.now,
      random: () => 0,
      onRun: () => {
        throw new Error('metrics are broken');
      },
    });
    scheduler.start();
    await vi.advanceTimersByTimeAsync(2 * MINUTE);
    expect(calls).toHaveLength(2);
    await scheduler.stop();
  });

  test('a run is never shorter than nothing, even when the clock was set back in it', async () => {
    const held = heldJob({ cron: '* * * * *' });
    const { scheduler, runs } = create([held.job]);
    scheduler.start();
    await vi.advanceTimersByTimeAsync(MINUTE);
    vi.setSystemTime(new Date('2026-02-01T00:00:00Z'));
    held.finish();
    await vi.advanceTimersByTimeAsync(0);
    expect(runs).toEqual([{ job: 'held', outcome: 'done', seconds: 0 }]);
    await scheduler.stop();
  });
});

describe('stopping', () => {
  test('drain asks the running job to finish its unit, waits for it and begins nothing more', async () => {
    const held = heldJob({ cron: '* * * * *' });
    const { scheduler, runs } = create([held.job]);
    scheduler.start();
    await vi.advanceTimersByTimeAsync(2 * MINUTE);

    let drained = false;
    const drain = scheduler.drain().then(() => {
      drained = true;
    });
    await vi.advanceTimersByTimeAsync(10 * MINUTE);
    expect(held.stop?.drain.aborted).toBe(true);
    expect(held.stop?.interrupt.aborted).toBe(false);
    expect(drained).toBe(false);

    held.finish();
    await drain;
    expect(held.begun).toBe(1);
    expect(outcomes(runs)).toEqual(['done']);
  });

  test('stop after drain interrupts; a run that ends by it is interrupted, not failed', async () => {
    const held = heldJob({ cron: '* * * * *' });
    const { scheduler, runs } = create([held.job]);
    scheduler.start();
    await vi.advanceTimersByTimeAsync(MINUTE);
    const drain = scheduler.drain();
    await scheduler.stop();
    await drain;
    expect(outcomes(runs)).toEqual(['interrupted']);
    expect(hasCode(held.stop?.interrupt.reason, 'interrupted')).toBe(true);
  });

  test('a failure of its own while draining stays a failure', async () => {
    const held = heldJob({ cron: '* * * * *' });
    const { scheduler, runs } = create([held.job]);
    scheduler.start();
    await vi.advanceTimersByTimeAsync(MINUTE);
    const drain = scheduler.drain();
    held.fail(new ArchiverError('sink-full', 'disk is full'));
    await drain;
    expect(outcomes(runs)).toEqual(['failed']);
  });

  test('start and stop are safe twice and together, and a stopped scheduler stays stopped', async () => {
    const { job, calls } = instantJob({ cron: '* * * * *', runAtStart: true });
    const { scheduler, runs } = create([job]);
    scheduler.start();
    scheduler.start();
    await vi.advanceTimersByTimeAsync(0);
    await Promise.all([scheduler.stop(), scheduler.stop(), scheduler.drain()]);
    scheduler.start();
    await vi.advanceTimersByTimeAsync(HOUR);
    expect(calls).toHaveLength(1);
    expect(outcomes(runs)).toEqual(['done']);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('a scheduler that never started stops at once', async () => {
    const { job } = instantJob({ cron: '* * * * *' });
    await create([job]).scheduler.stop();
    expect(vi.getTimerCount()).toBe(0);
  });

  test('follows the signals of the process, stage by stage', async () => {
    const drain = new AbortController();
    const interrupt = new AbortController();
    const held = heldJob({ cron: '* * * * *' });
    const { scheduler, runs } = create([held.job], {
      stop: { drain: drain.signal, interrupt: interrupt.signal },
    });
    scheduler.start();
    await vi.advanceTimersByTimeAsync(MINUTE);
    drain.abort(new ArchiverError('interrupted', 'asked to stop'));
    expect(held.stop?.drain.reason).toBe(drain.signal.reason);
    expect(held.stop?.interrupt.aborted).toBe(false);
    interrupt.abort();
    await scheduler.drain();
    expect(outcomes(runs)).toEqual(['interrupted']);
  });

  test('signals raised before it was made keep it from starting', async () => {
    const { job, calls } = instantJob({ cron: '* * * * *', runAtStart: true });
    const aborted = AbortSignal.abort();
    const { scheduler } = create([job], {
      stop: { drain: aborted, interrupt: new AbortController().signal },
    });
    scheduler.start();
    await vi.advanceTimersByTimeAsync(HOUR);
    expect(calls).toEqual([]);
  });
});

describe('invalid schedules', () => {
  test('are refused, all problems named together', () => {
    const jobs = [
      instantJob({ name: 'seal', cron: '61 * * * *' }).job,
      instantJob({ name: 'verify', cron: '0 3 * * *', timezone: 'Mars/Olympus' }).job,
      instantJob({ name: 'publish', cron: '0 0 31 2 *', jitterSeconds: -1 }).job,
      instantJob({ name: 'seal', cron: '@daily' }).job,
    ];
    const error = thrownBy(() => create(jobs));
    expect(hasCode(error, 'config-invalid')).toBe(true);
    expect(String(error)).toMatch(/seal: cron "61 \* \* \* \*": minute/);
    expect(String(error)).toMatch(/verify: time zone "Mars\/Olympus"/);
    expect(String(error)).toMatch(/publish: cron "0 0 31 2 \*"/);
    expect(String(error)).toMatch(/publish: jitter of -1 seconds/);
    expect(String(error)).toMatch(/seal: a second job of this name/);
  });

  test.each(['', 'every day', '* * * *', '* * * * * * *'])('cron %j is refused', (cron) => {
    expect(
      hasCode(
        thrownBy(() => create([instantJob({ cron }).job])),
        'config-invalid',
      ),
    ).toBe(true);
  });
});

function create(
  jobs: readonly Job[],
  options: Partial<SchedulerOptions> = {},
): { scheduler: Scheduler; runs: JobRun[] } {
  const runs: JobRun[] = [];
  const onRun = (run: JobRun) => void runs.push(run);
  return { scheduler: createScheduler({ jobs, now: Date.now, random: () => 0, onRun, ...options }), runs };
}

/** A job that returns at once and notes the UTC time of day of each call. */
function instantJob(job: Partial<Job>): { job: Job; calls: string[] } {
  const calls: string[] = [];
  const run = async () => void calls.push(new Date().toISOString().slice(11, 19));
  return { job: { name: 'instant', cron: '* * * * *', timezone: 'UTC', run, ...job }, calls };
}

/** A job that runs until the test says so or it is interrupted. */
function heldJob(job: Partial<Job>) {
  const held = {
    begun: 0,
    stop: undefined as StopSignals | undefined,
    finish: () => {},
    fail: (_error: Error) => {},
    job: {
      name: 'held',
      cron: '* * * * *',
      timezone: 'UTC',
      run: (stop: StopSignals) =>
        new Promise<void>((resolve, reject) => {
          held.begun += 1;
          held.stop = stop;
          held.finish = resolve;
          held.fail = reject;
          stop.interrupt.addEventListener('abort', () => reject(stop.interrupt.reason));
        }),
      ...job,
    },
  };
  return held;
}

function outcomes(runs: readonly JobRun[]): string[] {
  return runs.map((run) => run.outcome);
}

function thrownBy(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}
