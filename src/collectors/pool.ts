/**
 * Runs `items` in their order, `parallel` at a time, never two of one scope at once (Zoom may refuse concurrent
 * requests on one resource). After a failure, or once `drain` is aborted, no further item begins; those in flight
 * end first, then the first failure is thrown.
 */
export async function runExclusive<T extends object>(
  items: readonly T[],
  scopeOf: (item: T) => string,
  parallel: number,
  drain: AbortSignal,
  run: (item: T) => Promise<void>,
): Promise<void> {
  const waiting: (T | undefined)[] = [...items];
  const busy = new Set<string>();
  let head = 0;
  const next = (): T | undefined => {
    while (head < waiting.length && waiting[head] === undefined) head += 1;
    for (let index = head; index < waiting.length; index += 1) {
      const item = waiting[index];
      if (item === undefined || busy.has(scopeOf(item))) continue;
      waiting[index] = undefined;
      return item;
    }
    return undefined;
  };
  let failure: { readonly error: unknown } | undefined;
  let sleepers: (() => void)[] = [];
  const worker = async (): Promise<void> => {
    while (failure === undefined && !drain.aborted) {
      const item = next();
      if (item === undefined) {
        if (head >= waiting.length) return;
        // What is left belongs to scopes in flight: wait until one of them ends.
        await new Promise<void>((resolve) => sleepers.push(resolve));
        continue;
      }
      busy.add(scopeOf(item));
      try {
        await run(item);
      } catch (error) {
        failure ??= { error };
      } finally {
        busy.delete(scopeOf(item));
        const woken = sleepers;
        sleepers = [];
        for (const wake of woken) wake();
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(parallel, items.length) }, worker));
  if (failure !== undefined) throw failure.error;
}
