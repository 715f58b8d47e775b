import { ArchiverError } from '../errors.ts';

/**
 * How a run is asked to end. `drain`: finish the unit in hand, begin nothing new, return. `interrupt`: stop now;
 * whatever is half done is left to recovery. An interrupt is always preceded by a drain.
 */
export interface StopSignals {
  readonly drain: AbortSignal;
  readonly interrupt: AbortSignal;
}

/** The part of `process` that matters here. */
export interface SignalEmitter {
  on(signal: 'SIGTERM' | 'SIGINT', listener: (signal: 'SIGTERM' | 'SIGINT') => void): unknown;
  off(signal: 'SIGTERM' | 'SIGINT', listener: (signal: 'SIGTERM' | 'SIGINT') => void): unknown;
}

export interface StopOptions {
  readonly emitter: SignalEmitter;
  /** How long a drain may take before it becomes an interrupt: the orchestrator's grace period minus a margin. Asked when a drain begins. */
  readonly drainSeconds: () => number;
}

export interface InstalledStop extends StopSignals {
  /** Takes the listeners and the timer away again; safe to call twice. */
  dispose(): void;
}

/** Longer timers fire at once in Node. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * Ends the process in two stages: the first SIGTERM or SIGINT drains, the second, or `drainSeconds` without an
 * end, interrupts. A third meets no listener, so the system's default ends a process that does not obey.
 *
 * @returns the two signals; both abort with an `ArchiverError('interrupted')`.
 */
export function installStopSignals({ emitter, drainSeconds }: StopOptions): InstalledStop {
  const drain = new AbortController();
  const interrupt = new AbortController();
  let timer: NodeJS.Timeout | undefined;

  const received = (signal: string): void => {
    if (drain.signal.aborted) {
      interruptNow(`second ${signal}`);
      return;
    }
    const ms = Math.min(drainSeconds() * 1000, LONGEST_TIMER_MS);
    timer = setTimeout(() => interruptNow('drain took too long'), ms);
    timer.unref();
    drain.abort(new ArchiverError('interrupted', 'asked to stop', { detail: signal }));
  };
  const interruptNow = (why: string): void => {
    dispose();
    interrupt.abort(new ArchiverError('interrupted', 'stopped at once', { detail: why }));
  };
  const dispose = (): void => {
    clearTimeout(timer);
    emitter.off('SIGTERM', received);
    emitter.off('SIGINT', received);
  };

  emitter.on('SIGTERM', received);
  emitter.on('SIGINT', received);
  return { drain: drain.signal, interrupt: interrupt.signal, dispose };
}
