import { Presets, SingleBar } from 'cli-progress';
import type { CommandIo } from './context.ts';

/** How far a long command is. On a terminal a bar on standard error; elsewhere nothing. */
export interface Progress {
  /** More work became known. */
  expect(items: number): void;
  /** One item of it is finished, or so many. `note` stands behind the bar. */
  finish(note: string, items?: number): void;
  stop(): void;
}

export function createProgress(io: CommandIo, what: string): Progress {
  if (io.err.isTTY !== true)
    return { expect: () => undefined, finish: () => undefined, stop: () => undefined };
  const bar = new SingleBar(
    {
      format: `${what} {bar} {percentage}% | {value}/{total} | {eta_formatted} left | {note}`,
      stream: io.err,
      hideCursor: true,
      etaBuffer: 200,
    },
    Presets.shades_classic,
  );
  bar.start(0, 0, { note: '' });
  return {
    expect: (items) => bar.setTotal(bar.getTotal() + items),
    finish: (note, items = 1) => bar.increment(items, { note }),
    stop: () => bar.stop(),
  };
}
