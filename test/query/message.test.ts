/** One message with its proofs, which somebody without the archive checks. */
import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { parseNoteKey } from '../../src/proof/key.ts';
import { checkRecordProof } from '../../src/proof/record-proof.ts';
import { message } from '../../src/query/message.ts';
import { WHOLE_ARCHIVE } from '../../src/query/reader.ts';
import { PUBLIC_KEY } from '../support/log.ts';
import { asking, openWritten, type Told, writeArchive } from '../support/told-archive.ts';
import { DAY, HOUR, OTHER, SESSION, said, T0 } from './saying.ts';

const reaction: Told = {
  stream: 'reactions',
  kind: 'state',
  at: T0 + HOUR,
  observedAt: T0 + HOUR,
  session: SESSION,
  record: { id: '{M}', timestamp: T0, reactions: [{ emoji: 'U+1F44D', total_count: 1, member_ids: ['X'] }] },
};
const told = [
  said('{M}', T0, { text: 'first' }),
  said('m', T0, { kind: 'edited', action: T0 + 3 * DAY, text: 'second', observedAt: T0 + 4 * DAY }),
  said('m', T0, { session: OTHER, text: 'the same id elsewhere', observedAt: T0 + 5 * DAY }),
  said('another', T0),
  reaction,
];

async function opened() {
  const { root } = await writeArchive(told);
  return openWritten(root);
}

test('has every version and record in its place, with proofs that hold by the key alone', async () => {
  const { ctx, recorded } = asking(await opened());
  const view = await message(ctx, { message: '{m}', session: SESSION.id, proofs: true });
  expect(view).toMatchObject({ messageId: 'm', key: PUBLIC_KEY });
  expect(view.versions.map(({ kind, text }) => `${kind} ${text}`)).toEqual(['sent first', 'edited second']);
  expect(view.records.map(({ stream, kind }) => `${stream} ${kind}`)).toEqual([
    'messages sent',
    'reactions state',
    'messages edited',
  ]);
  for (const { evidence, hash, place, record } of view.records) {
    const bytes = Buffer.from(evidence?.record ?? '', 'base64');
    expect(createHash('sha256').update(Buffer.of(0)).update(bytes).digest('hex')).toBe(hash);
    expect(bytes.toString().endsWith(`\n${record}`)).toBe(true);
    const verdict = checkRecordProof(evidence?.proof ?? '', bytes, parseNoteKey(PUBLIC_KEY), []);
    expect(verdict).toMatchObject({ holds: true, messageId: 'm', entry: { key: place.segment } });
    const other = checkRecordProof(
      evidence?.proof ?? '',
      Buffer.concat([bytes, Buffer.from(' ')]),
      parseNoteKey(PUBLIC_KEY),
      [],
    );
    expect(other.holds).toBe(false);
  }
  expect(recorded).toEqual([
    { action: 'view', input: { message: '{m}', session: SESSION.id, proofs: true } },
  ]);
});

test('without a session is that of all of them; proofs come only when they are asked for', async () => {
  const { ctx } = asking(await opened());
  const view = await message(ctx, { message: 'M' });
  expect(view.versions).toHaveLength(3);
  expect(view.records.map(({ evidence }) => evidence)).toEqual([null, null, null, null]);
});

test('is not there where the archive has none, or none within the scope', async () => {
  const archive = await opened();
  const scope = { ...WHOLE_ARCHIVE, channels: [OTHER.channelId] };
  const auditor = asking(archive, { role: 'auditor', scope }).ctx;
  expect((await message(auditor, { message: 'm' })).versions.map(({ text }) => text)).toEqual([
    'the same id elsewhere',
  ]);
  const missing = { code: 'record-not-found' };
  await expect(message(auditor, { message: 'another' })).rejects.toMatchObject(missing);
  await expect(message(auditor, { message: 'm', session: SESSION.id })).rejects.toMatchObject(missing);
  const { ctx } = asking(archive);
  await expect(message(ctx, { message: 'nobody' })).rejects.toMatchObject(missing);
  const admin = asking(archive, { role: 'admin' }).ctx;
  await expect(message(admin, { message: 'm' })).rejects.toMatchObject({ code: 'access-denied' });
});
