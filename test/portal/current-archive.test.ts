import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { ArchiverError } from '../../src/errors.ts';
import { type ArchiveSource, CurrentArchive } from '../../src/portal/current-archive.ts';
import type { OpenArchive } from '../../src/query/archive.ts';
import { smallArchive } from './small-archive.ts';
import { signedIn, stage } from './stage.ts';

async function opened(changes: Partial<ArchiveSource> = {}) {
  const small = await smallArchive();
  const kept: number[] = [];
  const current = await CurrentArchive.open({
    published: small.published,
    open: small.open,
    served: undefined,
    keep: async ({ checkpoint }) => void kept.push(checkpoint.size),
    ...changes,
  });
  onTestFinished(() => current.close());
  return { small, current, kept };
}

const sizeOf = async ({ log }: OpenArchive): Promise<number> => log.checkpoint.size;

describe('the archive that answers', () => {
  test('is that of the newest head that was looked for, kept before anything is answered from it', async () => {
    const { small, current, kept } = await opened();
    expect(current.account).toBe('acct');
    await small.publish(5);
    expect(await current.use(sizeOf)).toBe(3);
    await Promise.all([current.refresh(), current.refresh()]);
    expect(await current.use(sizeOf)).toBe(5);
    expect(kept).toEqual([3, 5]);
  });

  test('stays open for whoever works on it when it is replaced', async () => {
    const { small, current } = await opened();
    const closed: number[] = [];
    await current.use(async (archive) => {
      const close = archive.close.bind(archive);
      archive.close = () => {
        closed.push(archive.log.checkpoint.size);
        close();
      };
      await small.publish(5);
      await current.refresh();
      expect(await current.use(sizeOf)).toBe(5);
      expect(closed).toEqual([]);
    });
    expect(closed).toEqual([3]);
  });

  test('answers while a new head is opened', async () => {
    const small = await smallArchive();
    let go: () => void = () => undefined;
    const waiting = new Promise<void>((resolve) => {
      go = resolve;
    });
    let times = 0;
    const current = await CurrentArchive.open({
      published: small.published,
      async open() {
        times += 1;
        if (times > 1) await waiting;
        return small.open();
      },
      served: undefined,
      keep: async () => undefined,
    });
    onTestFinished(() => current.close());
    await small.publish(4);
    const looking = current.refresh();
    expect(await current.use(sizeOf)).toBe(3);
    go();
    await looking;
    expect(await current.use(sizeOf)).toBe(4);
  });

  test.each([
    ['goes back', 2, ''],
    ['was forked', 6, ' otherwise'],
    ['was rewritten at the same size', 3, ' otherwise'],
  ])('refuses to answer while the log %s, and goes on when it is as it was', async (_, size, fork) => {
    const { small, current } = await opened();
    await small.publish(size, fork);
    await expect(current.refresh()).rejects.toMatchObject({ code: 'proof-invalid' });
    await expect(current.use(sizeOf)).rejects.toMatchObject({ code: 'proof-invalid' });
    await small.publish(3);
    expect(await current.use(sizeOf)).toBe(3);
  });

  test('does not begin with a log that does not extend what was served before the restart', async () => {
    const { small, current } = await opened();
    const served = current.checkpoint;
    await small.publish(2);
    const again = CurrentArchive.open({
      published: small.published,
      open: small.open,
      served,
      keep: async () => undefined,
    });
    await expect(again).rejects.toMatchObject({ code: 'proof-invalid' });
  });

  test('goes on while the store does not answer', async () => {
    const { current } = await opened({
      published: async () => {
        throw new ArchiverError('sink-unreachable', 'the store does not answer');
      },
    });
    await expect(current.refresh()).rejects.toMatchObject({ code: 'sink-unreachable' });
    expect(await current.use(sizeOf)).toBe(3);
  });

  test('does not answer when it was closed', async () => {
    const { current } = await opened();
    await current.close();
    await current.close();
    await expect(current.use(sizeOf)).rejects.toMatchObject({ code: 'interrupted' });
  });
});

test('a log that was taken away is answered by 502, by name', async () => {
  const { url, archive, current } = await stage();
  const client = await signedIn(url);
  expect((await client.post('/api/search')).status).toBe(200);
  await rename(join(archive.root, 'log'), join(archive.root, 'gone'));
  await current.refresh().catch(() => undefined);
  const { status, json } = await client.post('/api/search');
  expect([status, json.error.code]).toEqual([502, 'archive-missing']);
});
