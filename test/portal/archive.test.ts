/** The portal over a real archive and its real access log: what the verbs say is what a browser gets. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { type AccessLog, beginAccessLog, createAccessLog } from '../../src/access/log.ts';
import { verifyAccessLog } from '../../src/access/verify.ts';
import { CurrentArchive } from '../../src/portal/current-archive.ts';
import type { Recording } from '../../src/portal/recording.ts';
import { VERBS } from '../../src/portal/verbs.ts';
import { generateSignerKey, noteKeyOf, parseNoteKey } from '../../src/proof/key.ts';
import { openPublished } from '../../src/proof/published.ts';
import { createDirectorySink } from '../../src/sinks/directory.ts';
import { ABOUT, type ChatRow, chatRows, messageRecord } from '../query/chat.ts';
import { PUBLIC_KEY } from '../support/log.ts';
import { writtenArchive } from '../support/searched-archive.ts';
import { signedIn, stage } from './stage.ts';

const ARCHIVE = 'archive.example.com/test';
const ROWS = chatRows(2);

async function realStage() {
  const written = await writtenArchive([...ROWS.map(messageRecord), ...ABOUT]);
  const sink = createDirectorySink({ root: written.root });
  const signer = generateSignerKey(`${ARCHIVE}/access`);
  const keeping = { sink, signer, archive: ARCHIVE, now: Date.now };
  await beginAccessLog({ ...keeping, lock: null });
  const recording = (log: AccessLog): Recording => ({
    recordFor: (reader, asked) => (access) => log.record(reader, access, asked),
    contextFor: (archive, reader, signal) => ({
      archive,
      reader,
      record: (access) => log.record(reader, access, archive.log.checkpoint),
      accessLog: log.place,
      signal,
    }),
  });
  const archive = await CurrentArchive.open({
    published: () => openPublished(sink, parseNoteKey(PUBLIC_KEY)),
    open: () => written.open(),
    served: undefined,
    keep: async () => undefined,
  });
  onTestFinished(() => written.remove());
  const fresh = async () => ({ archive, verbs: VERBS, recording: recording(await createAccessLog(keeping)) });
  const users = (hash: string): string =>
    `users:
  - { name: olga, role: officer, scope: all, password: "${hash}" }
  - { name: max, role: auditor, scope: { from: 2026-03-28, to: 2026-03-28 }, password: "${hash}" }`;
  const built = await stage({ users, options: await fresh() });
  const verified = async () => {
    const signal = new AbortController().signal;
    return verifyAccessLog({ sink, key: noteKeyOf(signer), archive: ARCHIVE, signal });
  };
  return { ...built, written, archive, fresh, verified };
}

test('answers what is archived, within the scope, and writes down what was asked', async () => {
  const { url, written, archive, verified } = await realStage();
  const [olga, max] = [await signedIn(url, 'olga'), await signedIn(url, 'max')];
  const all = (await olga.post('/api/search', { limit: 1000 })).json;
  expect(all.total.revisions).toBe(ROWS.length);
  // Days bound what was done on them: an edit on a day is seen on it, whenever the message was sent.
  const isInScope = ({ actionAt }: ChatRow): boolean =>
    new Date(actionAt).toISOString().startsWith('2026-03-28');
  expect((await max.post('/api/search', { limit: 1000 })).json.total.revisions).toBe(
    ROWS.filter(isInScope).length,
  );
  const seen = new Set(ROWS.filter(isInScope).map(({ messageId }) => messageId));
  const message = ROWS.find(({ messageId }) => !seen.has(messageId))?.messageId;
  expect((await olga.post('/api/message', { message })).json.versions.length).toBeGreaterThan(0);
  const hidden = await max.post('/api/message', { message });
  expect([hidden.status, hidden.json.error.code]).toEqual([404, 'record-not-found']);

  const page = (await olga.post('/api/access-log', {})).json;
  expect(
    page.entries.map(({ name, action }: { name: string; action: string }) => `${name} ${action}`),
  ).toEqual(expect.arrayContaining(['olga access-log', 'olga view', 'max search', 'olga search']));
  expect((await max.post('/api/access-log', {})).status).toBe(403);
  expect((await verified()).findings).toEqual([]);

  const [later] = ROWS;
  if (later === undefined) throw new Error('no rows');
  await written.append([messageRecord({ ...later, messageId: 'later-1', text: 'zanzibar' })]);
  await archive.refresh();
  expect((await olga.post('/api/search', { text: 'zanzibar' })).json.total.revisions).toBe(1);
});

test('a segment that was altered between a search and a view fails the view by its name', async () => {
  const { url, written } = await realStage();
  const olga = await signedIn(url, 'olga');
  const [{ revision }] = (await olga.post('/api/search', { limit: 1 })).json.hits;
  const path = join(written.root, revision.place.segment);
  const bytes = await readFile(path);
  bytes[100] = (bytes[100] ?? 0) ^ 1;
  await writeFile(path, bytes);
  const { status, json } = await olga.post('/api/message', { message: revision.messageId });
  expect([status, json.error.code]).toEqual([502, 'proof-invalid']);
  expect(json.error.detail).toContain(revision.place.segment);
});

test('two servers side by side write every question into one access log', async () => {
  const { url, again, fresh, verified } = await realStage();
  const other = await again(await fresh());
  const clients = await Promise.all([url, other.url].map((at) => signedIn(at, 'olga')));
  const before = (await verified()).entries;
  const asked = clients.flatMap((client) =>
    Array.from({ length: 6 }, (_, index) => client.post('/api/people', { text: `a${index}` })),
  );
  expect((await Promise.all(asked)).map(({ status }) => status)).toEqual(Array(12).fill(200));
  const after = await verified();
  expect(after.findings).toEqual([]);
  expect(after.entries).toBe(before + 12);
});
