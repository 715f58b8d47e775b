import { expect, test } from 'vitest';
import { LinkBell } from '../../src/collectors/links.ts';

/** A collector that looks through `finds` (true: it found links) and rests when there are none. */
async function collector(bell: LinkBell, finds: () => boolean, work: () => Promise<void>): Promise<void> {
  bell.join();
  for (;;) {
    const ring = bell.next();
    await Promise.resolve();
    if (!finds()) {
      if (bell.over) break;
      await bell.rest(ring);
      continue;
    }
    await work();
  }
  bell.leave();
}

test('nobody ends while another may still find links for it', async () => {
  const bell = new LinkBell();
  let forwards = 3;
  let files = 0;
  let fetched = 0;
  const ends: string[] = [];
  const all = Promise.all([
    collector(
      bell,
      () => files > 0,
      async () => {
        files -= 1;
        fetched += 1;
      },
    ).then(() => ends.push('files')),
    collector(
      bell,
      () => forwards > 0,
      async () => {
        await new Promise((resolve) => setImmediate(resolve));
        forwards -= 1;
        files += 2;
        bell.ring();
      },
    ).then(() => ends.push('forwarded')),
  ]);
  bell.close();
  await all;
  expect({ fetched, ends: ends.sort() }).toEqual({ fetched: 6, ends: ['files', 'forwarded'] });
});

test('a ring between looking and resting is not missed', async () => {
  const bell = new LinkBell();
  bell.join();
  const ring = bell.next();
  bell.ring();
  await bell.rest(ring);
  expect(bell.over).toBe(false);
});

test('one that fails does not keep the others', async () => {
  const bell = new LinkBell();
  bell.join();
  const other = collector(
    bell,
    () => false,
    async () => undefined,
  );
  bell.close();
  bell.leave();
  await other;
  expect(bell.over).toBe(true);
});

test('without members it is over at once', () => {
  const bell = new LinkBell();
  bell.close();
  expect(bell.over).toBe(true);
});
