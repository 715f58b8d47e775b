/** Answers of the API, typed as the verbs type them, for pages that are looked at without an archive. */

import type { Me, Verification } from '../../portal/api/contract.ts';
import type { AccessPage } from '../../src/access/read.ts';
import type { CalendarDay, CoverageCalendar } from '../../src/query/calendar.ts';
import type { Conversation, MessageEvent } from '../../src/query/conversation.ts';
import type { Kept } from '../../src/query/kept.ts';
import type { MessageView } from '../../src/query/message.ts';
import type { People } from '../../src/query/people.ts';
import type { Person, ReadAt, Revision } from '../../src/query/revision.ts';
import type { Hit, SearchResult } from '../../src/query/search.ts';
import type { Sessions } from '../../src/query/sessions.ts';

export const AT: ReadAt = {
  origin: 'archive.example.com/acme',
  size: 1482,
  root: 'q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=',
};
export const KEY = 'archive.example.com/acme+a6ec3449+AYGMLPbDw4HT3VfZqzjrv2SvFnezk+8FBHm2Pmyj+RXr';

export const OFFICER: Me = {
  name: 'olive.officer@example.com',
  role: 'officer',
  scope: { matters: [], custodians: [], channels: [], from: null, to: null },
  can: ['search', 'view', 'export', 'coverage', 'retention', 'verification', 'access-log'],
  csrf: 'token-of-the-session',
  archive: { origin: AT.origin, size: AT.size, account: 'acme' },
  expires: '2026-11-20T20:00:00.000Z',
};

export const AUDITOR: Me = {
  ...OFFICER,
  name: 'arthur.auditor@example.com',
  role: 'auditor',
  can: ['search', 'view', 'export', 'coverage', 'verification'],
  scope: { matters: ['M-7 Halvorsen'], custodians: [], channels: [], from: '2026-01-01', to: null },
};

export const ADMIN: Me = {
  ...OFFICER,
  name: 'ada.admin@example.com',
  role: 'admin',
  can: ['coverage', 'retention', 'verification', 'access-log'],
};

const ANA: Person = { email: 'ana.diaz@example.com', memberId: 'm-ana', name: 'Ana Díaz' };
export const BEN: Person = { email: 'ben.osei@example.com', memberId: 'm-ben', name: 'Ben Osei' };
const GUEST: Person = { email: 'kari@halvorsen.example', memberId: 'm-kari', name: 'Kari Halvorsen' };
export const SESSION = {
  id: '9f2e41c07b2a4f0c@conference.example.com',
  type: 'Group',
  name: 'deal-halvorsen',
  channelId: 'c-77',
};

let rows = 0;

interface Told {
  readonly id: string;
  readonly at: string;
  readonly sender: Person;
  readonly text: string;
  readonly kind?: Revision['kind'];
  readonly actionAt?: string;
  readonly external?: boolean;
  readonly bot?: string;
  readonly drift?: boolean;
  readonly replyTo?: string;
  readonly fileName?: string;
}

export function revision(told: Told): Revision {
  const { id, at, sender, text, kind = 'sent', actionAt = at } = told;
  rows += 1;
  return {
    place: {
      segment: 'segments/stream=messages/class=general/date=2026-03-12/4f1c.parquet',
      entry: 44,
      row: rows,
    },
    hash: rows.toString(16).padStart(64, '0'),
    session: SESSION,
    messageId: id,
    kind,
    drift: told.drift ?? false,
    sentAt: at,
    actionAt,
    observedAt: '2026-03-12T12:00:00.000Z',
    sender,
    receiver: SESSION.name,
    text,
    replyTo: told.replyTo ?? null,
    forwardId: null,
    files: told.fileName === undefined ? [] : [{ id: 'f-1', name: told.fileName, size: 48_213 }],
    bot: told.bot ?? null,
    giphy: [],
    senderExternal: told.external ?? false,
    record: JSON.stringify({ id, message: text, sender: sender.email, date_time: at }),
  };
}

function messageOf(
  versions: readonly [Revision, ...Revision[]],
  more: Partial<MessageEvent> = {},
): MessageEvent {
  const [first] = versions;
  const last = versions.at(-1) ?? first;
  return {
    type: 'message',
    at: first.sentAt,
    messageId: first.messageId,
    sender: first.sender,
    state: last.kind === 'sent' ? 'standing' : last.kind,
    text: versions.findLast(({ text }) => text !== '')?.text ?? '',
    versions,
    replyTo: first.replyTo,
    reactions: [],
    files: [],
    forwarded: null,
    ...more,
  };
}

const id = (tail: string): string => `0b5d4a5c-9e0f-4f4a-8a2b-${tail.padStart(12, '0')}`;
export const EDITED = id('2');

const opened = revision({
  id: id('1'),
  at: '2026-03-12T08:58:12.120Z',
  sender: ANA,
  text: 'Morning. The draft invoice for Halvorsen is in the folder, see https://files.example.com/halvorsen/draft?v=3 before ten.',
});
const first = revision({
  id: EDITED,
  at: '2026-03-12T09:04:40.000Z',
  sender: BEN,
  text: 'The invoice says 48,000. I will book it for March and tell Kari tomorrow.',
});
const second = revision({
  id: EDITED,
  at: '2026-03-12T09:04:40.000Z',
  actionAt: '2026-03-12T09:21:07.000Z',
  sender: BEN,
  kind: 'edited',
  text: 'The invoice says 43,000. I will book it for April and tell Kari tomorrow.',
});
const third = revision({
  id: EDITED,
  at: '2026-03-12T09:04:40.000Z',
  actionAt: '2026-03-12T09:25:31.000Z',
  sender: BEN,
  kind: 'edited',
  text: 'The invoice says 43,000. I will book it for April.',
});
const asked = revision({
  id: id('3'),
  at: '2026-03-12T09:30:02.000Z',
  sender: GUEST,
  external: true,
  text: 'Could you resend the invoice? 🙏🏽 We only have page one.',
  replyTo: EDITED,
});
const sentFile = revision({
  id: id('4'),
  at: '2026-03-12T09:41:00.000Z',
  sender: ANA,
  text: 'Here it is.',
  fileName: 'Halvorsen invoice March.pdf',
});
const regretted = revision({
  id: id('5'),
  at: '2026-03-12T10:02:00.000Z',
  sender: BEN,
  text: 'Let us keep the difference off the books until the quarter is closed.',
});
const deleted = revision({
  id: id('5'),
  at: '2026-03-12T10:02:00.000Z',
  actionAt: '2026-03-12T10:03:15.000Z',
  sender: BEN,
  kind: 'deleted',
  text: '',
});
const card = revision({
  id: id('6'),
  at: '2026-03-13T07:30:00.000Z',
  sender: { email: '', memberId: 'bot-1', name: 'Ledger bot' },
  text: '',
  bot: 'Invoice 2026-118 booked\nAmount: 43,000\nPeriod: April',
});
const forwarded = revision({
  id: id('7'),
  at: '2026-03-13T08:11:00.000Z',
  sender: ANA,
  text: 'For the file.',
});

export const PDF_SHA = 'ab'.repeat(32);

export const CONVERSATION: Conversation = {
  at: AT,
  session: { ...SESSION, names: ['deal-halvorsen', 'project-fjord'], external: true },
  members: { at: opened.sentAt, people: [ANA, BEN, GUEST], basis: 'exact' },
  events: [
    messageOf([opened], { reactions: [{ emoji: '👍', count: 2, people: [BEN, GUEST] }] }),
    messageOf([first, second, third]),
    {
      type: 'joined',
      at: '2026-03-12T09:28:00.000Z',
      people: [GUEST],
      operator: ANA,
      place: { segment: 'segments/a.parquet', entry: 12, row: 4 },
    },
    messageOf([asked]),
    messageOf([sentFile], {
      files: [
        {
          id: 'f-1',
          name: 'Halvorsen invoice March.pdf',
          size: 48_213,
          object: {
            key: `objects/sha256/ab/${PDF_SHA}`,
            version: '1',
            sha256: PDF_SHA,
            size: 48_213,
            parts: [],
          },
          reason: null,
        },
        { id: 'f-2', name: 'old draft.docx', size: 9_000, object: null, reason: 'Zoom had deleted it' },
      ],
    }),
    messageOf([regretted, deleted]),
    messageOf([card]),
    messageOf([forwarded], {
      forwarded: {
        sender: GUEST,
        sentAt: '2026-03-11T17:20:00.000Z',
        text: 'We agreed on 48,000.',
        reason: null,
        files: [],
      },
    }),
    {
      type: 'left',
      at: '2026-03-13T09:00:00.000Z',
      people: [GUEST],
      operator: GUEST,
      place: { segment: 'segments/a.parquet', entry: 12, row: 5 },
    },
  ],
  next: 'later',
  previous: null,
};

function hit(of: Revision, word: string): Hit {
  const ranges = [...of.text.matchAll(new RegExp(word, 'gi'))].map(
    ({ index }) => [index, index + word.length] as const,
  );
  return { revision: of, found: [{ in: 'text', text: of.text, ranges }] };
}

export const HITS: SearchResult = {
  at: AT,
  hits: [
    hit(opened, 'invoice'),
    hit(first, 'invoice'),
    hit(second, 'invoice'),
    hit(third, 'invoice'),
    hit(asked, 'invoice'),
    {
      revision: sentFile,
      found: [{ in: 'file', text: 'Halvorsen invoice March.pdf', ranges: [[10, 17]] }],
    },
    { revision: card, found: [{ in: 'bot', text: 'Invoice 2026-118 booked', ranges: [[0, 7]] }] },
  ],
  next: 'page-2',
  total: { revisions: 1_204, messages: 1_087 },
  segments: { read: 31, of: 412 },
};

export const MESSAGE: MessageView = {
  at: AT,
  key: KEY,
  messageId: EDITED,
  versions: [first, second, third],
  records: [first, second, third].map((version, index) => ({
    stream: 'messages',
    kind: version.kind,
    observedAt: version.observedAt,
    drift: false,
    place: version.place,
    hash: version.hash,
    record: version.record,
    evidence: {
      name: `${EDITED}-${index + 1}-${version.kind}`,
      record: Buffer.from(`{"kind":"${version.kind}"}\n${version.record}`).toString('base64'),
      proof: `c2sp.org/tlog-proof@v1\nindex ${version.place.entry}\nq83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=\n\n${AT.origin}\n${AT.size}\n${AT.root}\n`,
    },
  })),
};

export const SESSIONS: Sessions = {
  sessions: [
    {
      ...SESSION,
      names: ['deal-halvorsen', 'project-fjord'],
      first: '2026-01-08T09:00:00.000Z',
      last: '2026-03-13T09:00:00.000Z',
      revisions: 2_311,
      external: true,
    },
    {
      id: 'direct-ana-ben',
      type: '1:1',
      name: '',
      channelId: '',
      names: [],
      first: '2026-02-01T10:00:00.000Z',
      last: '2026-03-12T15:00:00.000Z',
      revisions: 88,
      external: false,
    },
  ],
  next: null,
};

export const PEOPLE: People = {
  people: [
    { email: BEN.email, memberId: BEN.memberId, names: ['Ben Osei', 'Ben Mensah'] },
    { email: ANA.email, memberId: ANA.memberId, names: ['Ana Díaz'] },
  ],
};

function days(): CalendarDay[] {
  const all: CalendarDay[] = [];
  for (let at = Date.UTC(2025, 10, 20); at <= Date.UTC(2026, 4, 20); at += 86_400_000) {
    const day = new Date(at).toISOString().slice(0, 10);
    const weekday = new Date(at).getUTCDay();
    const state =
      day < '2025-11-24'
        ? 'outside'
        : day === '2025-12-24' || day === '2025-12-25'
          ? 'lost'
          : day >= '2026-02-10' && day <= '2026-02-12'
            ? 'missing'
            : day === '2026-02-13'
              ? 'partly'
              : 'covered';
    const busy = weekday === 0 || weekday === 6 ? 0 : ((at / 86_400_000) % 7) ** 3 * 9 + 3;
    all.push({ day, state, records: state === 'covered' || state === 'partly' ? Math.round(busy) : 0 });
  }
  return all;
}

export const CALENDAR: CoverageCalendar = {
  at: AT,
  stream: 'messages',
  session: null,
  streams: ['messages', 'reactions', 'files', 'channel_activities'],
  days: days(),
  holes: [
    {
      stream: 'messages',
      session: '',
      from: '2025-12-24T00:00:00.000Z',
      to: '2025-12-26T00:00:00.000Z',
      why: 'lost',
      reason: 'older than what Zoom keeps at the first start',
    },
    {
      stream: 'messages',
      session: '',
      from: '2026-02-10T00:00:00.000Z',
      to: '2026-02-13T14:00:00.000Z',
      why: 'failed',
      reason: 'zoom-unavailable: 503 for three days',
    },
  ],
  covered: { from: '2025-11-24T00:00:00.000Z', to: '2026-05-21T00:00:00.000Z' },
};

export const KEPT: Kept = {
  at: AT,
  classes: [
    {
      name: 'general',
      segments: 398,
      objects: 2_120,
      bytes: 8_730_112_004,
      records: 6_201_338,
      firstDay: '2025-11-24',
      lastDay: '2026-05-20',
      locks: [
        {
          mode: 'compliance',
          count: 2_430,
          from: '2026-11-24T00:00:00.000Z',
          to: '2027-05-21T00:00:00.000Z',
        },
        { mode: 'none', count: 88, from: null, to: null },
      ],
      disposed: 4,
    },
    {
      name: 'direct',
      segments: 14,
      objects: 0,
      bytes: 91_004,
      records: 12_004,
      firstDay: '2025-12-01',
      lastDay: '2026-05-20',
      locks: [],
      disposed: 0,
    },
  ],
  holds: [
    {
      hold: 'h-2026-7',
      matter: 'M-7 Halvorsen',
      source: 'own',
      state: 'in force',
      scope: {
        custodians: [BEN.email],
        channels: ['deal-*'],
        sessions: [],
        from: '2026-01-01',
        to: null,
      },
      steps: [
        {
          action: 'place',
          at: '2026-04-02T09:00:00.000Z',
          by: 'olive.officer@example.com',
          reason: 'Claim of 31 March',
          endsAt: null,
          entry: 902,
        },
      ],
    },
  ],
  disposals: [
    {
      at: '2026-05-02T09:00:00.000Z',
      by: 'olive.officer@example.com',
      approvedBy: 'ada.admin@example.com',
      class: 'general',
      reason: 'Period over',
      count: 4,
      bytes: 120_400,
    },
  ],
};

export const VERIFICATION: Verification = {
  state: 'holds',
  at: '2026-05-20T03:10:00.000Z',
  size: AT.size,
  root: AT.root,
  origin: AT.origin,
  key: KEY,
  seconds: 42.4,
  findings: [],
  covered: [{ stream: 'messages', from: '2025-11-24T00:00:00.000Z', to: '2026-05-21T00:00:00.000Z' }],
  lost: 1,
  more: 0,
  error: null,
};

export const ACCESS: AccessPage = {
  entries: [
    {
      index: 311,
      at: '2026-05-20T10:12:09.000Z',
      name: 'arthur.auditor@example.com',
      role: 'auditor',
      scope: { matters: [], custodians: [], channels: [], from: null, to: null },
      action: 'search',
      input: { text: 'invoice', match: 'words', zone: 'Europe/Oslo', order: 'oldest', limit: 50 },
    },
    {
      index: 310,
      at: '2026-05-20T10:11:00.000Z',
      name: 'olive.officer@example.com',
      role: 'officer',
      scope: { matters: [], custodians: [], channels: [], from: null, to: null },
      action: 'retention',
      input: {},
    },
  ],
  next: null,
  origin: 'archive.example.com/acme/access',
  size: 312,
  root: 'kKvN7xI0VniQq83vEjRWeJCrze8SNFZ4kKvN7xI0Vng=',
};

/** Texts that would do harm, or lie, where they were taken for more than text. */
export const HOSTILE: readonly string[] = [
  '<script>window.harmed = 1</script><img src=x onerror="window.harmed = 1">',
  '<svg onload="window.harmed = 1"><a xlink:href="javascript:window.harmed=1">x</a></svg>',
  '<b>bold</b> &lt;i&gt; &#x3c;u&#x3e; {{constructor.constructor("window.harmed=1")()}} ${window.harmed=1}',
  'javascript:window.harmed=1 JaVaScRiPt://example.com/%0awindow.harmed=1 data:text/html,<script>window.harmed=1</script>',
  'https://bank.example.com@evil.example.net/login and https://раypal.example.org/ and http://127.0.0.1:1/?"onclick="window.harmed=1',
  'invoice_\u202Efdp.exe and \u2066isolated\u2069 and \u200Bnothing',
  '</bdi></div></li></ol></main></body><h1>Archive deleted</h1>',
  'NUL \u0000 BEL \u0007 ESC \u001B[31m and a lone surrogate \uD800 here',
  'family 👨‍👩‍👧‍👦 flag 🏴󠁧󠁢󠁳󠁣󠁴󠁿 wave 👋🏽 and שלום עליכם with مرحبا',
  `${'A'.repeat(20_000)}`,
  `Z\u0335\u0321${'\u0336\u0322\u0353'.repeat(200)} combining`,
  'mailto:ben@example.com?subject=hello and line\nbreaks\r\nand\ttabs',
];

export const HOSTILE_CONVERSATION: Conversation = {
  ...CONVERSATION,
  session: {
    ...SESSION,
    name: '<img src=x onerror=window.harmed=1>\u202Elarutan',
    names: ['<script>window.harmed=1</script>'],
    external: null,
  },
  events: HOSTILE.map((text, index) =>
    messageOf(
      [
        revision({
          id: id(`a${index}`),
          at: '2026-03-12T09:00:00.000Z',
          sender: { ...BEN, name: text.slice(0, 60) },
          text: 'before',
        }),
        revision({
          id: id(`a${index}`),
          at: '2026-03-12T09:00:00.000Z',
          sender: { ...BEN, name: text.slice(0, 60) },
          kind: 'edited',
          text,
        }),
      ],
      {
        reactions: [{ emoji: text.slice(0, 20), count: 1, people: [{ ...BEN, name: text.slice(0, 60) }] }],
        files: [
          {
            id: 'f',
            name: text.slice(0, 80),
            size: 1,
            object: { key: 'k', version: 'v', sha256: PDF_SHA, size: 1, parts: [] },
            reason: null,
          },
        ],
        forwarded: { sender: ANA, sentAt: null, text, reason: null, files: [] },
      },
    ),
  ),
  next: null,
};

export const HOSTILE_HITS: SearchResult = {
  ...HITS,
  hits: HOSTILE.map((text, index) => ({
    revision: revision({
      id: id(`b${index}`),
      at: '2026-03-12T09:00:00.000Z',
      sender: { ...BEN, name: text.slice(0, 60) },
      text,
    }),
    found: [{ in: 'text', text, ranges: [[0, Math.min(5, text.length)]] }],
  })),
  next: null,
};
