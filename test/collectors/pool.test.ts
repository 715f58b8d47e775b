import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { runExclusive } from '../../src/collectors/pool.ts';

interface Item {
  readonly place: number;
  readonly scope: string;
  /** Turns of the event loop it takes. */
  readonly turns: number;
}

const items = fc
  .array(fc.record({ scope: fc.constantFrom('a', 'b', 'c', 'd', 'e'), turns: fc.nat(6) }), { maxLength: 40 })
  .map((list) => list.map((item, place): Item => ({ ...item, place })));
const parallel = fc.integer({ min: 1, max: 8 });

/** Runs the items and watches them. */
class Watched {
  readonly begun: number[] = [];
  readonly ended: number[] = [];
  readonly inFlight = new Map<number, Item>();
  most = 0;
  readonly list: readonly Item[];
  readonly parallel: number;

  constructor(list: readonly Item[], parallelism: number) {
    this.list = list;
    this.parallel = parallelism;
  }

  run(drain: AbortSignal, during: (item: Item) => void = () => undefined): Promise<void> {
    return runExclusive(
      this.list,
      (item) => item.scope,
      this.parallel,
      drain,
      async (item) => {
        this.begin(item);
        try {
          for (let turn = 0; turn < item.turns; turn += 1) await Promise.resolve();
          during(item);
        } finally {
          this.inFlight.delete(item.place);
          this.ended.push(item.place);
        }
      },
    );
  }

  begin(item: Item): void {
    const busy = new Set([...this.inFlight.values()].map(({ scope }) => scope));
    expect(busy.has(item.scope)).toBe(false);
    // Only items of other scopes may be overtaken, and none by a single worker.
    for (const earlier of this.list.slice(0, item.place)) {
      if (earlier.scope === item.scope || this.parallel === 1) expect(this.begun).toContain(earlier.place);
    }
    this.begun.push(item.place);
    this.inFlight.set(item.place, item);
    this.most = Math.max(this.most, this.inFlight.size);
  }
}

const { signal: NEVER } = new AbortController();

describe('runExclusive', () => {
  test('runs everything once, in order, never two of one scope, never more than allowed', async () => {
    await fc.assert(
      fc.asyncProperty(items, parallel, async (list, width) => {
        const watched = new Watched(list, width);
        await watched.run(NEVER);
        expect(watched.ended.toSorted((a, b) => a - b)).toEqual(list.map(({ place }) => place));
        expect(watched.most).toBeLessThanOrEqual(width);
        expect(watched.inFlight.size).toBe(0);
      }),
      { numRuns: 500 },
    );
  });

  test('uses all places while there are scopes for them', async () => {
    const list = Array.from({ length: 24 }, (_, place) => ({ place, scope: `${place % 8}`, turns: 5 }));
    const watched = new Watched(list, 6);
    await watched.run(NEVER);
    expect(watched.most).toBe(6);
  });

  test('after a failure nothing begins, what runs ends, and the first failure is thrown', async () => {
    await fc.assert(
      fc.asyncProperty(
        items,
        parallel,
        fc.array(fc.nat(39), { minLength: 1, maxLength: 3 }),
        async (list, width, bad) => {
          const watched = new Watched(list, width);
          const failures: Error[] = [];
          let begunAtFailure = 0;
          const running = watched.run(NEVER, (item) => {
            if (!bad.includes(item.place)) return;
            const error = new Error(`item ${item.place}`);
            if (failures.length === 0) begunAtFailure = watched.begun.length;
            failures.push(error);
            throw error;
          });
          if (bad.every((place) => place >= list.length)) {
            await running;
            return;
          }
          const caught: unknown = await running.catch((error: unknown) => error);
          expect(watched.inFlight.size).toBe(0);
          expect(caught).toBe(failures[0]);
          // A worker that was choosing at that very moment may still begin one.
          expect(watched.begun.length).toBeLessThanOrEqual(begunAtFailure + width - 1);
        },
      ),
      { numRuns: 500 },
    );
  });

  test('after a drain nothing begins and what runs ends', async () => {
    await fc.assert(
      fc.asyncProperty(items, parallel, fc.nat(39), async (list, width, last) => {
        const stop = new AbortController();
        const watched = new Watched(list, width);
        let begunAtStop: number | undefined;
        await watched.run(stop.signal, (item) => {
          if (item.place !== last) return;
          begunAtStop = watched.begun.length;
          stop.abort();
        });
        expect(watched.inFlight.size).toBe(0);
        expect(watched.begun.length).toBe(begunAtStop ?? list.length);
        expect(watched.ended.length).toBe(watched.begun.length);
      }),
      { numRuns: 300 },
    );
  });

  test('drained before it begins, it does nothing', async () => {
    const watched = new Watched([{ place: 0, scope: 'a', turns: 1 }], 4);
    await watched.run(AbortSignal.abort());
    expect(watched.begun).toEqual([]);
  });

  test('a run that throws before it returns a promise is a failure like any other', async () => {
    const run = (): Promise<void> => {
      throw new Error('at once');
    };
    await expect(runExclusive([{}, {}], () => 'a', 2, NEVER, run)).rejects.toThrow('at once');
  });

  test('many items of few scopes end', async () => {
    const list = Array.from({ length: 3000 }, (_, place) => ({ place, scope: `${place % 2}`, turns: 1 }));
    let ran = 0;
    await runExclusive(
      list,
      (item) => item.scope,
      16,
      NEVER,
      async () => {
        await Promise.resolve();
        ran += 1;
      },
    );
    expect(ran).toBe(3000);
  });
});
