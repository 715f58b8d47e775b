/** What commands share that read segments. */
import type { CommandIo } from './context.ts';
import { createProgress } from './progress.ts';

/**
 * What `work` makes of each item, in the items' order, several at a time, with a progress bar that is called `what`.
 * Asked to stop, or after a failure, it begins no other item, and none is underway any more when it ends.
 */
export async function withProgress<T, R>(
  io: CommandIo,
  what: string,
  items: readonly T[],
  work: (item: T) => Promise<R>,
): Promise<readonly R[]> {
  const progress = createProgress(io, what);
  progress.expect(items.length);
  try {
    return await sideBySide(items, async (item) => {
      io.drain.throwIfAborted();
      const result = await work(item);
      progress.finish('');
      return result;
    });
  } finally {
    progress.stop();
  }
}

/** As many as a bucket answers side by side without slowing down. */
const AT_ONCE = 8;

async function sideBySide<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<readonly R[]> {
  const results = new Map<number, R>();
  const waiting = [...items.entries()];
  const worker = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [place, item] = next;
      try {
        results.set(place, await work(item));
      } catch (error) {
        waiting.length = 0;
        throw error;
      }
    }
  };
  const workers = Array.from({ length: AT_ONCE }, worker);
  await Promise.allSettled(workers);
  await Promise.all(workers);
  return [...results].sort(([one], [other]) => one - other).map(([, result]) => result);
}
