/** `dispose` and `find-person` as they are run, and what auditors see afterwards. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runArchiver } from '../support/command.ts';
import { PUBLIC_KEY } from '../support/log.ts';
import { createSchema } from '../support/postgres.ts';
import { expectRefusal, setStage } from './stage.ts';

interface MessageRow {
  readonly message_id: string;
  readonly sender_email: string;
  readonly day: string;
}

test('what is past its date is planned, approved by two names, destroyed, and told from what is missing', async () => {
  const retention = { default: { keep: '30d', mode: 'none', disposition: 'review' } };
  const stage = await setStage({ retention });
  const json = async (...args: string[]) => JSON.parse(await stage.succeeds(...args, '--json'));
  await stage.succeeds('migrate');
  await stage.succeeds('init');
  expect(await json('dispose', 'plan')).toEqual({ rows: [], items: [], unindexed: 0 });
  await stage.succeeds('collect');
  await stage.succeeds('seal', '--all');

  const plan = await json('dispose', 'plan');
  expect(plan.rows).toEqual([
    {
      class: 'default',
      disposition: 'review',
      standing: 'review',
      because: null,
      until: null,
      segments: expect.any(Number),
      objects: 0,
      records: expect.any(Number),
      bytes: expect.any(Number),
      oldest: expect.any(String),
      newest: expect.any(String),
    },
  ]);
  const [{ segments, newest, records }] = plan.rows;
  expect(plan.items).toHaveLength(segments);
  const items: readonly { key: string; day: string; records: number; standing: string }[] = plan.items;
  expect(items.reduce((sum, item) => sum + item.records, 0)).toBe(records);
  for (const { key, day, standing } of items)
    expect({ key, standing }).toEqual({ key: expect.stringContaining(`date=${day}/`), standing: 'review' });
  expect(await stage.succeeds('dispose', 'plan', '--list')).toContain(items[0]?.key);
  const messages: MessageRow[] = await json(
    'query',
    'select message_id, sender_email, date::varchar as day from messages order by day, message_id',
  );
  const old = messages.filter(({ day }) => day <= newest);
  const [gone] = old;
  const kept = messages.at(-1);
  if (gone === undefined || kept === undefined || kept.day <= newest)
    throw new Error('nothing to tell apart');
  expect(await json('dispose', 'plan', '--before', '2000-01-01')).toMatchObject({ rows: [], items: [] });
  expect(await stage.succeeds('dispose', 'plan')).toContain('review not approved');

  const person = await json('find-person', gone.sender_email.toUpperCase());
  expect(person).toMatchObject({
    person: gone.sender_email.toUpperCase(),
    aliases: expect.arrayContaining([gone.sender_email]),
    places: expect.arrayContaining([
      { id: expect.any(String), type: 'Group', name: expect.any(String) },
      { id: expect.any(String), type: 'channel', name: expect.any(String) },
    ]),
    kept: [{ class: 'default', disposition: 'review', lockedUntil: null, matters: [] }],
    verdict: {
      now: { segments: expect.any(Number), objects: 0 },
      notBefore: { class: 'default', because: 'period' },
      heldBy: [],
      keptForGoodBy: [],
    },
    unindexed: 0,
  });
  const sent = messages.filter(({ sender_email: email }) => email === gone.sender_email).length;
  expect(person.streams).toContainEqual(expect.objectContaining({ stream: 'messages', sent }));
  expect(await stage.succeeds('find-person', gone.sender_email)).not.toMatch(/undefined|null/);
  expect(await stage.succeeds('find-person', 'nobody@example.com')).toContain('nothing is archived');

  const proofs = join(stage.folder, 'proofs');
  for (const { message_id: id } of [gone, kept])
    await stage.succeeds('prove', '--message', id, '--out', proofs);

  const run = (...args: string[]) =>
    stage.run('dispose', 'run', '--by', 'Ann Lee', '--reason', 'over', ...args);
  expectRefusal(await run('--yes'), 2, 'default');
  expectRefusal(await run('--yes', '--approve-by', ' ann  LEE'), 2, 'somebody else');
  expectRefusal(await run('--yes', '--approve-by', ' '), 2, 'blank');
  expectRefusal(await run('--approve-by', 'Bo'), 2, '--yes');
  expectRefusal(await run('--yes', '--approve-by', 'Bo', '--class', 'lost'), 2, 'lost');
  expect(await json('dispose', 'plan')).toEqual(plan);

  const approved = ['dispose', 'run', '--by', 'Ann Lee', '--reason', 'over', '--yes', '--approve-by', 'Bo'];
  expect(await json(...approved, '--limit', '1')).toMatchObject({ segments: 1, refused: [] });
  expect(await json(...approved)).toMatchObject({ segments: segments - 1, objects: 0, refused: [] });
  expect(await json(...approved)).toEqual({ segments: 0, objects: 0, bytes: 0, refused: [] });
  expect(await json('dispose', 'plan')).toEqual({ rows: [], items: [], unindexed: 0 });
  expect(await json('verify')).toMatchObject({ ok: true, disposed: segments, findings: [] });

  // Proofs of what stays and of what is gone hold as before.
  const names = (await readdir(proofs)).filter((name) => name.endsWith('.tlog-proof'));
  expect(names.length).toBeGreaterThanOrEqual(2);
  const paths = names.map((name) => join(proofs, name));
  expect(await runArchiver(['verify-proof', ...paths, '--key', PUBLIC_KEY])).toMatchObject({ code: 0 });

  const left: MessageRow[] = await json('query', 'select message_id from messages');
  expect(left).toHaveLength(messages.length - old.length);
  const again = await stage.run('prove', '--message', gone.message_id, '--out', join(stage.folder, 'later'));
  expectRefusal(again, 25, 'disposed of', 'Ann Lee');

  // A ledger made from what is left has nothing more to dispose of.
  const ledger = { url: (await createSchema()).url, lease: '2s' };
  await stage.configure({ retention, ledger });
  await stage.succeeds('rebuild-ledger');
  expect(await json('dispose', 'plan')).toMatchObject({ rows: [] });
  expect(await json(...approved)).toEqual({ segments: 0, objects: 0, bytes: 0, refused: [] });
  expect(await json('verify')).toMatchObject({ ok: true, disposed: segments });
  expect(await runArchiver(['help', 'dispose'])).toMatchObject({ code: 0 });
});
