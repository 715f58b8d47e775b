/** A small account in which names change, and messages too: what tests of queries compare answers with. */
import type { Json } from '../../src/record.ts';
import type { Written, WrittenSession } from '../support/searched-archive.ts';

export const DAY = 86_400_000;
export const START = Date.UTC(2026, 2, 27);

export interface ChatPerson {
  readonly email: string;
  readonly memberId: string;
  /** By day of the corpus. */
  readonly nameOn: (day: number) => string;
}

export const PEOPLE: readonly ChatPerson[] = [
  { email: 'ann@example.com', memberId: 'M-ANN', nameOn: (day) => (day < 2 ? 'Ann Small' : 'Ann Größer') },
  { email: 'bob@example.com', memberId: 'M-BOB', nameOn: () => 'Bob Ray' },
  // From outside: Zoom gives no address.
  { email: '', memberId: 'M-GUEST', nameOn: () => 'Guest' },
  { email: '', memberId: '', nameOn: () => 'Nobody Known' },
];

const SESSIONS: readonly ((day: number) => WrittenSession)[] = [
  (day) => ({ id: 's-legal', type: 'Group', name: day < 2 ? 'Legal' : 'Law & Order', channelId: 'c-legal' }),
  () => ({ id: 's-sales', type: 'Group', name: 'Sales [EU]', channelId: 'c-sales' }),
  () => ({ id: 's-direct', type: '1:1', name: '', channelId: '' }),
];

export const TEXTS: readonly string[] = [
  'The side letter is signed',
  'Please, a LETTER on the other side!',
  'sideletter',
  'Straße und Maß',
  'STRASSE',
  'the ﬁnal oﬀer',
  'the final offer',
  'ＦＵＬＬ width',
  'Cafe\u0301 au lait',
  'CAFÉ AU LAIT',
  'ΟΔΟΣ και οδός',
  'שלום לכולם',
  'abc \u202eright to left\u202c def',
  'thumbs 👍🏽 up',
  '👩‍💻 at work ❤️',
  '明日の会議です',
  'ｶﾞｲﾄﾞ and ガイド',
  '한국어 문장',
  'हिन्दी में संदेश',
  'price 100% (net) [a-z] c:\\temp $1 .*',
  "it's “quoted” — said O'Brien",
  'line one\nline two',
  'half \ud83d a pair',
  '',
  'İstanbul ve ısı',
];

/** One revision as the test knows it. */
export interface ChatRow {
  readonly session: WrittenSession;
  readonly messageId: string;
  readonly kind: 'sent' | 'edited' | 'deleted';
  readonly sentAt: number;
  readonly actionAt: number;
  readonly day: number;
  readonly person: ChatPerson;
  readonly text: string;
  readonly files: readonly string[];
  /** Texts of its card. */
  readonly bot: readonly string[];
  readonly senderExternal: boolean;
}

export function chatRows(days = 5): readonly ChatRow[] {
  const rows: ChatRow[] = [];
  for (let day = 0; day < days; day += 1) {
    for (const [place, sessionOn] of SESSIONS.entries()) {
      for (let n = 0; n < TEXTS.length; n += 1) {
        const session = sessionOn(day);
        const person = PEOPLE[session.type === '1:1' ? n % 3 : (n + place) % PEOPLE.length] ?? PEOPLE[0];
        if (person === undefined) throw new Error('nobody');
        // Two of each session stand in one millisecond.
        const sentAt = START + day * DAY + Math.floor(n / 2) * 3_000_000 + place;
        const row: ChatRow = {
          session,
          messageId: `${session.id}-${day}-${n}`,
          kind: 'sent',
          sentAt,
          actionAt: sentAt,
          day,
          person,
          text: TEXTS[n] ?? '',
          files: n % 8 === 3 ? [`Minutes ﬁnal ${n}.pdf`, 'photo.png'] : [],
          bot: n % 12 === 5 ? ['Build', 'Pipeline straße is green'] : [],
          senderExternal: session.type === '1:1' && person.email === '',
        };
        rows.push(row);
        if (n % 9 === 1) {
          const actionAt = sentAt + DAY + 60_000;
          rows.push({ ...row, kind: 'edited', actionAt, text: `${row.text} (edited)`, files: [], bot: [] });
        }
        if (n % 11 === 2) rows.push({ ...row, kind: 'deleted', actionAt: sentAt + 30_000, bot: [] });
      }
    }
  }
  return rows;
}

export function messageRecord(row: ChatRow): Written {
  const { session, messageId, kind, sentAt, actionAt, person, text, files, bot, senderExternal, day } = row;
  const record: Record<string, Json> = {
    id: `{${messageId.toUpperCase()}}`,
    timestamp: sentAt,
    action_timestamp: actionAt,
    message: text,
    sender: person.email,
    sender_member_id: person.memberId,
    sender_display_name: person.nameOn(day),
  };
  if (files.length > 0)
    record.files = files.map((name, place) => ({ file_id: `f-${place}`, file_name: name, file_size: 9 }));
  if (bot.length > 0) {
    const [head = '', ...body] = bot;
    record.bot_message = {
      content: JSON.stringify({
        head: { text: head },
        body: body.map((line) => ({ type: 'message', text: line })),
      }),
    };
  }
  if (session.type === '1:1') {
    record.receiver = 'bob@example.com';
    record.is_sender_external = senderExternal;
  }
  const className = session.type === '1:1' ? 'direct' : 'general';
  return { stream: 'messages', kind, time: actionAt, session, record, class: className };
}

/** What else the archive knows: descriptions of sessions, a channel with members, who joined. */
export const ABOUT: readonly Written[] = [
  ...SESSIONS.map((sessionOn, place): Written => {
    const { id, type, name, channelId } = sessionOn(9);
    const members =
      type === '1:1' ? { member_emails: ['bob@example.com', 'ann@example.com'] } : { channel_id: channelId };
    const record = {
      id,
      type,
      name,
      has_external_member: place === 1,
      last_message_sent_time: '2026-03-30T00:00:00Z',
      ...members,
    };
    return { stream: 'sessions', kind: 'description', time: START + 4 * DAY, record };
  }),
  {
    stream: 'channel_activities',
    kind: 'joined',
    time: START + DAY,
    record: {
      channel_id: 'c-sales',
      activity_type: 'membership',
      activity_timestamp: START + DAY,
      operator: { display_name: 'Bob Ray', member_id: 'M-BOB', user_id: 'U-BOB' },
      members: {
        member_status: 'joined',
        member_list: [{ display_name: 'Zoë Quiet', member_id: 'M-ZOE', user_id: 'U-ZOE' }],
      },
    },
  },
  {
    stream: 'context',
    kind: 'user',
    time: START,
    record: {
      kind: 'user',
      subject: 'U-ZOE',
      name: 'Zoë Quiet',
      value: { id: 'U-ZOE', email: 'Zoe@Example.com', display_name: 'Zoë Quiet' },
    },
  },
];
