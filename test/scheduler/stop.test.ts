import { EventEmitter } from 'node:events';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { hasCode } from '../../src/errors.ts';
import { type InstalledStop, installStopSignals } from '../../src/scheduler/stop.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('installStopSignals', () => {
  test.each(['SIGTERM', 'SIGINT'])('the first %s drains and does not interrupt', (signal) => {
    const { emitter, stop } = install();
    expect(stages(stop)).toEqual({ drain: false, interrupt: false });

    emitter.emit(signal, signal);
    expect(stages(stop)).toEqual({ drain: true, interrupt: false });
    expect(hasCode(stop.drain.reason, 'interrupted')).toBe(true);
    expect(stop.drain.reason.detail).toBe(signal);
  });

  test('a second signal, of either kind, interrupts', () => {
    const { emitter, stop } = install();
    emitter.emit('SIGTERM', 'SIGTERM');
    emitter.emit('SIGINT', 'SIGINT');
    expect(stages(stop)).toEqual({ drain: true, interrupt: true });
    expect(hasCode(stop.interrupt.reason, 'interrupted')).toBe(true);
  });

  test('a drain that takes longer than drainSeconds becomes an interrupt', () => {
    const { emitter, stop } = install(30);
    emitter.emit('SIGTERM', 'SIGTERM');
    vi.advanceTimersByTime(29_999);
    expect(stages(stop)).toEqual({ drain: true, interrupt: false });
    vi.advanceTimersByTime(1);
    expect(stages(stop)).toEqual({ drain: true, interrupt: true });
  });

  test('after the interrupt nobody listens any more, so that a third signal ends the process', () => {
    const { emitter } = install();
    emitter.emit('SIGTERM', 'SIGTERM');
    expect(emitter.listenerCount('SIGTERM')).toBe(1);
    emitter.emit('SIGTERM', 'SIGTERM');
    expect(emitter.listenerCount('SIGTERM') + emitter.listenerCount('SIGINT')).toBe(0);
  });

  test('dispose, also twice, takes listeners and timer away', () => {
    const { emitter, stop } = install(30);
    emitter.emit('SIGTERM', 'SIGTERM');
    stop.dispose();
    stop.dispose();
    expect(emitter.listenerCount('SIGTERM') + emitter.listenerCount('SIGINT')).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
    expect(stop.interrupt.aborted).toBe(false);
  });

  test('a drain time beyond what a timer can hold does not interrupt at once', () => {
    const { emitter, stop } = install(1e9);
    emitter.emit('SIGTERM', 'SIGTERM');
    vi.advanceTimersByTime(1000);
    expect(stop.interrupt.aborted).toBe(false);
  });
});

function install(drainSeconds = 30): { emitter: EventEmitter; stop: InstalledStop } {
  const emitter = new EventEmitter();
  return { emitter, stop: installStopSignals({ emitter, drainSeconds: () => drainSeconds }) };
}

function stages(stop: InstalledStop) {
  return { drain: stop.drain.aborted, interrupt: stop.interrupt.aborted };
}
