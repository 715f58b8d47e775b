/** Pages of a conversation and who was a member, from archives whose every record the test knows. */
import { describe, expect, test } from 'vitest';
import { type Conversation, type ConversationInput, conversation } from '../../src/query/conversation.ts';
import { asking, openWritten, type Told, writeArchive } from '../support/told-archive.ts';
import {
  asked,
  BOB,
  CAM,
  DAY,
  DIRECT,
  HOUR,
  membership,
  namesOf,
  OTHER,
  SESSION,
  said,
  T0,
} from './saying.ts';

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
      [{ after: Buffer.from(JSON.stringify(['after', 1e300, 0, 'x'])).toString('base64url') }, 'usage'],
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

  test('of a session in which nobody wrote are those of the time when the archive was written', async () => {
    const listed: Told = {
      stream: 'sessions',
      kind: 'description',
      at: T0,
      record: { id: SESSION.id, type: 'Group', name: 'General', channel_id: SESSION.channelId },
    };
    const page = await asked([listed, list(T0, [member('Ann')])]);
    expect(page).toMatchObject({ events: [], next: null, previous: null });
    expect(page.members).toMatchObject({ at: '2026-11-20T00:00:00.000Z', people: [{ name: 'Ann' }] });
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
