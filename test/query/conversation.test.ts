/** What a participant saw, from archives whose every record the test knows. */
import { createHash } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { archivedFile } from '../../src/query/archived-file.ts';
import {
  type Conversation,
  type ConversationInput,
  conversation,
  type MessageEvent,
} from '../../src/query/conversation.ts';
import { versionSteps } from '../../src/query/message-event.ts';
import { WHOLE_ARCHIVE } from '../../src/query/reader.ts';
import {
  asking,
  openWritten,
  type TestSession,
  type Told,
  writeArchive,
} from '../support/written-archive.ts';

const DAY = 86_400_000;
const HOUR = 3_600_000;
const T0 = Date.UTC(2026, 2, 28, 20);
const SESSION: TestSession = { id: 'session/1 ü', type: 'Group', name: 'General', channelId: 'channel-1' };
const OTHER: TestSession = { id: 'session-2', type: 'Group', name: 'Secret', channelId: 'channel-2' };
const DIRECT: TestSession = { id: 'direct-1', type: '1:1', name: '', channelId: '' };

interface Said {
  readonly kind?: 'sent' | 'edited' | 'deleted';
  /** When this version came to be; default when it was sent. */
  readonly action?: number;
  readonly text?: string;
  readonly session?: TestSession;
  readonly observedAt?: number;
  readonly drift?: boolean;
  readonly fields?: Readonly<Record<string, unknown>>;
}

const ANN = { sender: 'ann@example.com', sender_member_id: 'MEMBER-ANN', sender_display_name: 'Ann' };

function said(
  id: string,
  sent: number,
  { kind = 'sent', action = sent, text = `text of ${id}`, ...rest }: Said = {},
): Told {
  const { session = SESSION, fields, ...told } = rest;
  const record = {
    ...ANN,
    id,
    timestamp: sent,
    action_timestamp: action,
    message: text,
    ...fields,
  };
  return {
    stream: 'messages',
    kind,
    at: action,
    session,
    ...told,
    record: JSON.parse(JSON.stringify(record)),
  };
}

function membership(
  kind: 'joined' | 'left' | 'other',
  at: number,
  people: readonly object[],
  operator: object | null = null,
): Told {
  const record = {
    activity_type: 'membership',
    activity_timestamp: at,
    channel_id: SESSION.channelId,
    members: { member_status: kind, member_list: people },
    ...(operator === null ? {} : { operator }),
  };
  return { stream: 'channel_activities', kind, at, record: JSON.parse(JSON.stringify(record)) };
}

const BOB = { member_id: 'MEMBER-BOB', user_id: 'user-bob', display_name: 'Bob' };
const CAM = { member_id: 'MEMBER-CAM', user_id: '', display_name: 'Cam' };

async function asked(told: readonly Told[], input: Partial<ConversationInput> = {}): Promise<Conversation> {
  const { root } = await writeArchive(told);
  return conversation(asking(await openWritten(root)).ctx, { session: SESSION.id, ...input });
}

const messagesOf = ({ events }: Conversation): readonly MessageEvent[] =>
  events.flatMap((event) => (event.type === 'message' ? [event] : []));
const namesOf = ({ events }: Conversation): readonly string[] =>
  events.map((event) => (event.type === 'message' ? event.messageId : event.type));

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

describe('pages', () => {
  /** Messages, some of one moment, and changes of membership among them. */
  const told = [
    ...Array.from({ length: 23 }, (_, number) =>
      said(`m${String(number).padStart(2, '0')}`, T0 + Math.floor(number / 3) * 5 * HOUR),
    ),
    ...Array.from({ length: 9 }, (_, number) =>
      membership(number % 2 === 0 ? 'joined' : 'left', T0 + number * 5 * HOUR, [BOB]),
    ),
    said('elsewhere', T0, { session: OTHER }),
  ];
  /** As the test orders them: by time, changes before messages, then by id. */
  const expected = told
    .filter(({ session }) => session?.id !== OTHER.id)
    .map((one) => ({
      at: one.at,
      rank: one.stream === 'messages' ? 1 : 0,
      name: one.stream === 'messages' ? String((one.record as { id: string }).id) : one.kind,
    }))
    .sort((one, other) => one.at - other.at || one.rank - other.rank || (one.name < other.name ? -1 : 1));
  const names = expected.map(({ name }) => name);

  test('of any size follow each other, forwards and back, each event once', async () => {
    const { root } = await writeArchive(told);
    const { ctx } = asking(await openWritten(root));
    const all = await conversation(ctx, { session: SESSION.id, limit: 1000 });
    expect(namesOf(all)).toEqual(names);
    expect(all).toMatchObject({ next: null, previous: null });
    for (const limit of [5, 31, 32]) {
      const forwards: string[] = [];
      let page = await conversation(ctx, { session: SESSION.id, limit });
      expect(page.previous).toBeNull();
      for (;;) {
        forwards.push(...namesOf(page));
        if (page.next === null) break;
        page = await conversation(ctx, { session: SESSION.id, limit, after: page.next });
      }
      expect(forwards).toEqual(names);
      const back = [...namesOf(page)];
      while (page.previous !== null) {
        page = await conversation(ctx, { session: SESSION.id, limit, after: page.previous });
        back.unshift(...namesOf(page));
      }
      expect(back.slice(-names.length)).toEqual(names);
    }
    for (const name of ['m00', 'm11', 'm22']) {
      const page = await conversation(ctx, {
        session: SESSION.id,
        limit: 7,
        around: `{${name.toUpperCase()}}`,
      });
      const place = names.indexOf(name);
      expect(namesOf(page)).toContain(name);
      expect(names.join().includes(namesOf(page).join())).toBe(true);
      expect(page.previous === null).toBe(place <= 3);
      expect(page.next === null).toBe(names.length - 1 - place <= 6 - Math.min(3, place));
    }
    const refused: readonly (readonly [Partial<ConversationInput>, string])[] = [
      [{ around: 'nobody' }, 'record-not-found'],
      [{ around: 'elsewhere' }, 'record-not-found'],
      [{ session: 'nowhere' }, 'record-not-found'],
      [{ after: 'nonsense' }, 'usage'],
      [{ zone: 'Mars/Olympus' }, 'usage'],
      [{ from: '2026-03-29', to: '2026-03-28' }, 'usage'],
    ];
    for (const [input, code] of refused)
      await expect(conversation(ctx, { session: SESSION.id, ...input })).rejects.toMatchObject({ code });
  });

  test('of a day are those of its zone, also of the one on which clocks go forward', async () => {
    const { root } = await writeArchive(told);
    const { ctx } = asking(await openWritten(root));
    for (const [zone, from, to] of [
      ['UTC', Date.UTC(2026, 2, 29), Date.UTC(2026, 2, 30)],
      // 23 hours: from 23:00 UTC to 22:00 UTC.
      ['Europe/Berlin', Date.UTC(2026, 2, 28, 23), Date.UTC(2026, 2, 29, 22)],
      ['Pacific/Auckland', Date.UTC(2026, 2, 28, 11), Date.UTC(2026, 2, 29, 11)],
    ] as const) {
      const page = await conversation(ctx, {
        session: SESSION.id,
        from: '2026-03-29',
        to: '2026-03-29',
        zone,
      });
      const own = expected.filter(({ at }) => at >= from && at < to).map(({ name }) => name);
      expect(own.length).toBeGreaterThan(0);
      expect(namesOf(page)).toEqual(own);
    }
  });
});

describe('members', () => {
  const list = (at: number, people: readonly object[]): Told => ({
    stream: 'context',
    kind: 'channel_members',
    at,
    observedAt: at,
    record: JSON.parse(
      JSON.stringify({ kind: 'channel_members', subject: SESSION.channelId, name: 'General', value: people }),
    ),
  });
  const covered = (from: number, to: number): Told => ({
    stream: 'coverage',
    kind: 'done',
    at: to,
    record: {
      unit: { stream: 'channel_activities', scope: '', mode: 'log', from: iso(from), to: iso(to) },
      covers: { from: iso(from), to: iso(to) },
      outcome: 'done',
      rows: 0,
    },
  });
  const iso = (time: number): string => new Date(time).toISOString();
  const member = (name: string) => ({
    id: `user-${name.toLowerCase()}`,
    member_id: `MEMBER-${name.toUpperCase()}`,
    email: `${name.toLowerCase()}@example.com`,
    name,
  });
  const at = T0 + 10 * DAY;
  const peopleOf = ({ members }: Conversation): readonly string[] => members.people.map(({ name }) => name);

  test('are exactly those of a list and the changes since, or undone until it', async () => {
    const told = [
      list(T0, [member('Ann'), member('Bob')]),
      membership('joined', T0 + DAY, [CAM]),
      membership('left', T0 + 2 * DAY, [BOB]),
      membership('joined', at + DAY, [BOB]),
      list(T0 + 20 * DAY, [member('Ann'), member('Cam'), member('Bob'), member('Zoe')]),
      said('m', at),
      said('before', T0 + DAY / 2),
    ];
    const exact = await asked([...told, covered(T0 - DAY, T0 + 30 * DAY)], { from: iso(at) });
    expect(exact.members).toMatchObject({ at: iso(at), basis: 'exact' });
    expect(peopleOf(exact)).toEqual(['Ann', 'Cam']);
    expect(exact.members.people[0]).toEqual({
      email: 'ann@example.com',
      memberId: 'MEMBER-ANN',
      name: 'Ann',
    });
    // The later list is nearer to what is known, so changes are undone.
    const undone = await asked([...told, covered(at - DAY, T0 + 30 * DAY)], { from: iso(at) });
    expect(undone.members.basis).toBe('exact');
    expect(peopleOf(undone)).toEqual(['Ann', 'Cam', 'Zoe']);
    const inferred = await asked(told, { from: iso(at) });
    expect(inferred.members.basis).toBe('inferred');
    expect(peopleOf(inferred)).toEqual(['Ann', 'Cam']);
    expect(namesOf(inferred)).toEqual(['m', 'joined']);
  });

  test('without a list are whoever wrote and came before, and did not leave', async () => {
    const page = await asked(
      [
        said('m', at),
        said('b', at - DAY, {
          fields: { sender: 'bob@example.com', sender_member_id: 'MEMBER-BOB', sender_display_name: 'Bob' },
        }),
        membership('joined', at - 2 * DAY, [CAM], BOB),
        membership('left', at - DAY / 2, [BOB]),
      ],
      { from: iso(at) },
    );
    expect(page.members.basis).toBe('inferred');
    expect(peopleOf(page)).toEqual(['Ann', 'Cam']);
  });

  test('of a direct conversation are both, by whatever is known of them', async () => {
    const page = await asked(
      [
        said('m', T0, { session: DIRECT, fields: { receiver: 'bob@example.com' } }),
        {
          stream: 'sessions',
          kind: 'description',
          at: T0,
          record: {
            id: DIRECT.id,
            type: '1:1',
            name: '',
            member_emails: ['bob@example.com', 'ann@example.com'],
            has_external_member: true,
          },
        },
      ],
      { session: DIRECT.id },
    );
    expect(page.members).toMatchObject({ basis: 'fixed' });
    expect(page.members.people.map(({ email, name }) => `${name} ${email}`)).toEqual([
      'Ann ann@example.com',
      ' bob@example.com',
    ]);
    expect(page.session).toMatchObject({ type: '1:1', external: true });
  });

  test('a change says who did it and to whom, and where it stands', async () => {
    const page = await asked([
      said('m', T0),
      membership('joined', T0 + 1, [BOB, CAM], { display_name: 'Ann', member_id: 'MEMBER-ANN' }),
      membership('other', T0 + 2, []),
    ]);
    expect(page.events.slice(1)).toMatchObject([
      {
        type: 'joined',
        people: [{ name: 'Bob' }, { name: 'Cam', memberId: 'MEMBER-CAM' }],
        operator: { name: 'Ann', email: 'ann@example.com' },
        place: { segment: expect.stringContaining('stream=channel_activities') },
      },
      { type: 'other', people: [], operator: { name: '' } },
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
