/** What a participant saw, from archives whose every record the test knows. */
import { createHash } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { archivedFile } from '../../src/query/archived-file.ts';
import { conversation } from '../../src/query/conversation.ts';
import { versionSteps } from '../../src/query/message-event.ts';
import { WHOLE_ARCHIVE } from '../../src/query/reader.ts';
import { asking, openWritten, type Told, writeArchive } from '../support/told-archive.ts';
import {
  asked,
  BOB,
  DAY,
  HOUR,
  membership,
  messagesOf,
  namesOf,
  OTHER,
  SESSION,
  said,
  T0,
} from './saying.ts';

describe('a message', () => {
  test('is all its versions, of whatever day, with the last text and what each changed', async () => {
    const page = await asked([
      said('{M-1}', T0, { text: 'Pay 100 EUR' }),
      said('m-1', T0, { kind: 'edited', action: T0 + HOUR, text: 'Pay 1000 EUR' }),
      said('m-1', T0, { action: T0 + HOUR, text: 'Pay 1000 EUR' }),
      said('M-1', T0, { kind: 'edited', action: T0 + 40 * DAY, text: 'Pay nothing' }),
      said('m-2', T0 + HOUR),
    ]);
    const [first, second] = messagesOf(page);
    expect(first).toMatchObject({
      messageId: 'm-1',
      at: new Date(T0).toISOString(),
      state: 'edited',
      text: 'Pay nothing',
      sender: { email: 'ann@example.com', memberId: 'MEMBER-ANN', name: 'Ann' },
    });
    expect(first?.versions.map(({ kind, text }) => `${kind} ${text}`)).toEqual([
      'sent Pay 100 EUR',
      'sent Pay 1000 EUR',
      'edited Pay 1000 EUR',
      'edited Pay nothing',
    ]);
    const steps = versionSteps(first?.versions ?? []);
    const shown = steps.map(({ difference }) =>
      (difference ?? []).map(({ kind, text }) => `${kind[0]}:${text}`).join('|'),
    );
    expect(shown).toEqual(['', 'k:Pay |r:100|a:1000|k: EUR', 'k:Pay |r:1000 EUR|a:nothing']);
    expect(second).toMatchObject({ messageId: 'm-2', state: 'standing' });
    for (const { place, record, hash } of first?.versions ?? []) {
      expect(place.segment).toMatch(/^segments\/stream=messages\//);
      expect(JSON.parse(record).timestamp).toBe(T0);
      expect(hash).toMatch(/^[0-9a-f]{64}$/);
    }
  });

  test.each<[string, readonly Told[], string, string]>([
    [
      'keeps the text that Zoom left',
      [said('m', T0), said('m', T0, { kind: 'deleted', action: T0 + 1, text: 'last' })],
      'deleted',
      'last',
    ],
    [
      'has the text before, where Zoom took it',
      [
        said('m', T0, { text: 'first' }),
        said('m', T0, { kind: 'edited', action: T0 + 1, text: 'second' }),
        said('m', T0, { kind: 'deleted', action: T0 + 2, text: '' }),
      ],
      'deleted',
      'second',
    ],
    [
      'may have been gone before it was ever seen',
      [said('m', T0, { kind: 'deleted', action: T0 + 2, text: '' })],
      'deleted',
      '',
    ],
    [
      'edited before it was ever seen is edited',
      [said('m', T0, { action: T0 + 5, text: 'new' })],
      'edited',
      'new',
    ],
    [
      'that was emptied by an edit is empty',
      [said('m', T0), said('m', T0, { kind: 'edited', action: T0 + 5, text: '' })],
      'edited',
      '',
    ],
  ])('%s', async (_name, told, state, text) => {
    const [message] = messagesOf(await asked(told));
    expect(message).toMatchObject({ state, text, versions: { length: told.length } });
  });

  test('of which one version came with other content has both, the drifted one marked', async () => {
    const page = await asked([
      said('m', T0, { text: 'first', observedAt: T0 + HOUR }),
      said('m', T0, { text: 'other', observedAt: T0 + 2 * HOUR, drift: true }),
    ]);
    const [message] = messagesOf(page);
    expect(message?.versions.map(({ text, drift }) => [text, drift])).toEqual([
      ['first', false],
      ['other', true],
    ]);
    expect(versionSteps(message?.versions ?? []).map(({ difference }) => difference !== null)).toEqual([
      false,
      true,
    ]);
  });

  test('of odd records comes as it is: nobody sent it, nothing in it, signs of every direction', async () => {
    const page = await asked([
      said('odd', T0, {
        text: '\u202egnp.exe\u0000 \ud83d שלום <script>',
        fields: {
          sender: null,
          sender_member_id: null,
          sender_display_name: null,
          files: null,
          reply_main_message_id: '{NOBODY-Knows}',
          reactions: 'none',
          bot_message: null,
        },
      }),
    ]);
    const [message] = messagesOf(page);
    expect(message).toMatchObject({
      sender: { email: '', memberId: '', name: '' },
      text: '\u202egnp.exe\u0000 \ud83d שלום <script>',
      replyTo: 'nobody-knows',
      files: [],
      reactions: [],
      forwarded: null,
    });
  });
});

describe('what belongs to a message', () => {
  const reactions = (at: number, kind: string, record: object): Told => ({
    stream: 'reactions',
    kind,
    at,
    observedAt: at,
    session: SESSION,
    record: JSON.parse(JSON.stringify({ id: '{M}', timestamp: T0, ...record })),
  });

  test('is how its reactions stand last, custom ones by name, people by what others say of them', async () => {
    const page = await asked([
      said('m', T0),
      said('b', T0 + 1, {
        fields: { sender: '', sender_member_id: 'MEMBER-BOB', sender_display_name: 'Bob' },
      }),
      reactions(T0 + HOUR, 'state', {
        reactions: [
          { emoji: 'U+1F44D', total_count: 2, member_ids: ['MEMBER-ANN', 'MEMBER-BOB'], user_ids: ['u'] },
        ],
        custom_emoji_reactions: [],
      }),
      reactions(T0 + 50 * DAY, 'state', {
        reactions: [{ emoji: 'U+1F468 U+200D U+1F4BB', total_count: 3, member_ids: ['MEMBER-BOB'] }],
        custom_emoji_reactions: [
          {
            custom_emoji_name: 'tökö',
            custom_emoji_file_id: 'f',
            total_count: 1,
            member_ids: ['MEMBER-ANN'],
          },
        ],
      }),
      reactions(T0 + 50 * DAY + 1, 'add', {
        emoji: 'U+2764',
        emoji_action: 'add',
        emoji_action_timestamp: T0 + 50 * DAY + 1,
        member_id: 'MEMBER-BOB',
      }),
    ]);
    const [message] = messagesOf(page);
    const bob = { email: '', memberId: 'MEMBER-BOB', name: 'Bob' };
    expect(message?.reactions).toEqual([
      { emoji: '👨‍💻', count: 3, people: [bob] },
      {
        emoji: ':tökö:',
        count: 1,
        people: [{ email: 'ann@example.com', memberId: 'MEMBER-ANN', name: 'Ann' }],
      },
      { emoji: '❤', count: 1, people: [bob] },
    ]);
  });

  const bytes = Buffer.from('the bytes of a file\n');
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const object = {
    key: `objects/sha256/${sha256.slice(0, 2)}/${sha256}`,
    version: sha256,
    sha256,
    size: bytes.length,
  };
  const file = (record: object, at = T0): Told => ({
    stream: 'files',
    kind: 'stored',
    at,
    session: SESSION,
    record: JSON.parse(
      JSON.stringify({
        file_name: 'from files',
        origin: 'message',
        place: 0,
        session_id: SESSION.id,
        object: null,
        ...record,
      }),
    ),
  });
  const named = (id: string, name: string) => ({ file_id: id, file_name: name, file_size: 9 });

  test('are its files: their bytes, or why there are none; those of an earlier version too', async () => {
    const told = [
      said('m', T0, {
        fields: { files: [named('f1', 'a.pdf'), named('f2', 'b.pdf'), named('', 'c.pdf'), named('f4', '')] },
      }),
      said('m', T0, {
        kind: 'edited',
        action: T0 + 1,
        fields: { files: [named('f5', 'shared before.pdf')] },
      }),
      file({ file_id: 'f1', message_id: 'm', reason: 'not-found' }),
      file({ file_id: 'f1', message_id: 'm', object }, T0 + 1),
      file({ file_id: 'f2', message_id: 'm', reason: 'restricted' }),
      file({ file_id: '', message_id: 'm', place: 2, file_name: 'c.pdf', object, reason: 'size-differs' }),
      // Another message pointed to it long before, and it has no record of its own here.
      file({ file_id: 'f5', message_id: 'old', object }, T0 - 90 * DAY),
    ];
    const { root } = await writeArchive(told, { objects: [bytes] });
    const archive = await openWritten(root);
    const { ctx } = asking(archive);
    const [message] = messagesOf(await conversation(ctx, { session: SESSION.id }));
    const had = { ...object, parts: [object] };
    expect(message?.files).toEqual([
      { id: 'f1', name: 'a.pdf', size: 9, object: had, reason: null },
      { id: 'f2', name: 'b.pdf', size: 9, object: null, reason: 'restricted' },
      { id: '', name: 'c.pdf', size: 9, object: had, reason: 'size-differs' },
      { id: 'f4', name: '', size: 9, object: null, reason: 'not-archived' },
      { id: 'f5', name: 'shared before.pdf', size: 9, object: had, reason: null },
    ]);
    const given = await archivedFile(ctx, { sha256, session: SESSION.id, message: '{M}' });
    expect(given).toMatchObject({ size: bytes.length, name: 'a.pdf' });
    expect(await readFile(given.path)).toEqual(bytes);
    await given.release();
    await writeFile(join(root, object.key), 'other bytes of a file');
    await expect(archivedFile(ctx, { sha256, session: SESSION.id, message: 'm' })).rejects.toMatchObject({
      code: 'proof-invalid',
    });
    const elsewhere = [
      { sha256: 'a'.repeat(64), session: SESSION.id, message: 'm' },
      { sha256, session: 'elsewhere', message: 'm' },
      { sha256, session: SESSION.id, message: 'nobody' },
    ];
    for (const input of elsewhere)
      await expect(archivedFile(ctx, input)).rejects.toMatchObject({ code: 'record-not-found' });
  });

  test('is what it forwards, with its files, or why that is not known', async () => {
    const forwarded = (forward: string, message: object | null, reason?: string): Told => ({
      stream: 'forwarded',
      kind: message === null ? 'unresolved' : 'resolved',
      at: T0,
      session: SESSION,
      record: JSON.parse(
        JSON.stringify({ forward_id: forward, message_id: 'm1', session_id: SESSION.id, message, reason }),
      ),
    });
    const page = await asked([
      said('m1', T0, { fields: { forward_id: 'fw-1' } }),
      said('m2', T0 + 1, { fields: { forward_id: 'fw-2' } }),
      said('m3', T0 + 2, { fields: { forward_id: 'fw-3' } }),
      forwarded('fw-1', {
        id: 'far',
        message: 'from elsewhere',
        sender: '',
        send_member_id: 'FAR',
        sender_display_name: 'Far Away',
        timestamp: T0 - DAY,
        files: [named('', 'x.pdf')],
      }),
      file({
        file_id: '',
        file_name: 'x.pdf',
        message_id: 'm1',
        forward_id: 'fw-1',
        origin: 'forwarded',
        object,
      }),
      forwarded('fw-2', null, 'not-found'),
    ]);
    const nobody = { email: '', memberId: '', name: '' };
    expect(messagesOf(page).map((one) => one.forwarded)).toEqual([
      {
        sender: { email: '', memberId: 'FAR', name: 'Far Away' },
        sentAt: new Date(T0 - DAY).toISOString(),
        text: 'from elsewhere',
        files: [{ id: '', name: 'x.pdf', size: 9, object: { ...object, parts: [object] }, reason: null }],
        reason: null,
      },
      { sender: nobody, sentAt: null, text: '', files: [], reason: 'not-found' },
      { sender: nobody, sentAt: null, text: '', files: [], reason: 'not-archived' },
    ]);
  });
});

describe('what is asked', () => {
  const renamed = { ...SESSION, name: 'Renamed' };
  const told = [
    said('m1', T0),
    said('m2', T0 + 5 * DAY, { session: renamed }),
    said('m1', T0, { kind: 'edited', action: T0 + 5 * DAY, text: 'later', session: renamed }),
    said('s', T0, { session: OTHER }),
    membership('joined', T0 + 5 * DAY, [BOB]),
  ];

  test('a renamed session has all its names, the last one first', async () => {
    const { session } = await asked(told);
    expect(session).toEqual({
      id: SESSION.id,
      type: 'Group',
      name: 'Renamed',
      channelId: 'channel-1',
      names: ['Renamed', 'General'],
      external: null,
    });
  });

  test('is written down before anything is answered, and not answered where it cannot be', async () => {
    const { root } = await writeArchive(told);
    const archive = await openWritten(root);
    const { ctx, recorded } = asking(archive);
    await conversation(ctx, { session: SESSION.id });
    expect(recorded).toEqual([{ action: 'view', input: { session: SESSION.id, zone: 'UTC', limit: 200 } }]);
    const failing = { ...ctx, record: async () => Promise.reject(new Error('cannot be written')) };
    await expect(conversation(failing, { session: SESSION.id })).rejects.toThrow('cannot be written');
    const admin = asking(archive, { role: 'admin' });
    await expect(conversation(admin.ctx, { session: SESSION.id })).rejects.toMatchObject({
      code: 'access-denied',
    });
    expect(admin.recorded).toEqual([]);
  });

  test('shows what is in scope, and of the rest not that it is there', async () => {
    const { root } = await writeArchive(told);
    const archive = await openWritten(root);
    const within = (scope: object) =>
      asking(archive, { role: 'auditor', scope: { ...WHOLE_ARCHIVE, ...scope } }).ctx;
    const byChannel = within({ channels: ['Rena*'] });
    expect(namesOf(await conversation(byChannel, { session: SESSION.id }))).toEqual(['m1', 'joined', 'm2']);
    await expect(conversation(byChannel, { session: OTHER.id })).rejects.toMatchObject({
      code: 'record-not-found',
    });
    // Of what was said before the last day only that, not what became of it later.
    const early = within({ to: new Date(T0 + DAY).toISOString().slice(0, 10) });
    const page = await conversation(early, { session: SESSION.id });
    expect(messagesOf(page).map(({ messageId, state, text }) => [messageId, state, text])).toEqual([
      ['m1', 'standing', 'text of m1'],
    ]);
    expect(page.events).toHaveLength(1);
    await expect(conversation(early, { session: SESSION.id, around: 'm2' })).rejects.toMatchObject({
      code: 'record-not-found',
    });
  });

  test('fails by the name of a segment that was altered after it was found', async () => {
    const { root } = await writeArchive(told);
    const archive = await openWritten(root);
    const { ctx } = asking(archive);
    await conversation(ctx, { session: SESSION.id });
    const files = (await readdir(join(root, 'segments/stream=messages'), { recursive: true }))
      .filter((name) => name.endsWith('.parquet'))
      .sort();
    const name = files.at(-1) ?? '';
    const path = join(root, 'segments/stream=messages', name);
    const bytes = await readFile(path);
    bytes[40] = (bytes[40] ?? 0) ^ 1;
    await writeFile(path, bytes);
    await expect(conversation(ctx, { session: SESSION.id })).rejects.toMatchObject({
      code: 'proof-invalid',
      detail: expect.stringContaining(name),
    });
  });
});
