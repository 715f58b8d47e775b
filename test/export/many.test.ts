/** A hundred thousand messages, exported and compared with the archive one by one. */
import { afterAll, expect, test } from 'vitest';
import { verifyExport } from '../../src/export/verify-export.ts';
import { parseNoteKey } from '../../src/proof/key.ts';
import { PUBLIC_KEY } from '../support/log.ts';
import { contextOf, type WrittenSession, writtenArchive } from '../support/searched-archive.ts';
import { DAY, exported, message, removeTemporary, trueRevisions, unzipped } from './slices.ts';

const MESSAGES = 100_000;

afterAll(removeTemporary);

test('100,000 messages as records: none is missing, none is there twice, each is as it was archived', async () => {
  const sessions = Array.from(
    { length: 50 },
    (_one, index): WrittenSession => ({
      id: `session-${index}`,
      type: 'Group',
      name: `Room ${index}`,
      channelId: `c${index}`,
    }),
  );
  const [room] = sessions;
  if (room === undefined) throw new Error('no session');
  const archive = await writtenArchive(
    Array.from({ length: MESSAGES }, (_one, index) =>
      message(sessions[index % 50] ?? room, `m-${index}`, DAY + index * 2_500, {
        message: `message ${index} of many`,
      }),
    ),
  );
  try {
    const open = await archive.open();
    const input = { formats: ['ndjson' as const], proofs: false };
    const { path, summary } = await exported(contextOf(open), input);
    expect(summary).toMatchObject({ revisions: MESSAGES, messages: MESSAGES, conversations: 50 });
    const text = (await unzipped(path)).get('ndjson/revisions.ndjson')?.toString() ?? '';
    const found = new Map(
      text
        .trimEnd()
        .split('\n')
        .map((line) => [line.slice('{"hash":"'.length, 73), line]),
    );
    expect(found.size).toBe(MESSAGES);
    const wrong = (await trueRevisions(archive.root)).filter(
      ({ hash, record }) => found.get(hash)?.endsWith(`,"record":${record}}`) !== true,
    );
    expect(wrong).toEqual([]);
    const key = parseNoteKey(PUBLIC_KEY);
    const verdict = await verifyExport(path, { key, signal: new AbortController().signal });
    expect(verdict).toMatchObject({ holds: true, revisions: { ndjson: MESSAGES } });
  } finally {
    await archive.remove();
  }
});
