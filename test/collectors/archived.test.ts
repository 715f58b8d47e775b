/** What a collector made of Zoom's row, and what is made of the record years later, is the same. */
import { describe, expect, test } from 'vitest';
import { activityCandidate } from '../../src/collectors/activity-rows.ts';
import { recall } from '../../src/collectors/archived.ts';
import { contextCandidate, goneCandidate } from '../../src/collectors/context-records.ts';
import { holdFileLink } from '../../src/collectors/hold-links.ts';
import {
  fileCandidate,
  fileLinkOf,
  forwardedCandidate,
  holdFileCandidate,
} from '../../src/collectors/link-records.ts';
import * as matters from '../../src/collectors/matter-records.ts';
import { pageCandidates } from '../../src/collectors/revisions.ts';
import { fileLinkDetail, fileLinks } from '../../src/collectors/row-links.ts';
import { sessionCandidate } from '../../src/collectors/sessions.ts';
import { type Candidate, instant, type RecordKey, scopeTag, sessionId } from '../../src/record.ts';
import { messagesPage } from '../../src/zoom/schemas.ts';

const ACCOUNT = 'account';
const SEEN = instant(Date.parse('2026-06-15T12:00:00.123Z'));
const SENT = Date.parse('2026-05-31T23:59:59.500Z');
const FOUND = '2026-06-01T07:08:09.010Z';
const SESSION = { id: sessionId('se+ssion/=='), type: 'Group', name: 'team \ud83d', channelId: 'channel' };
const NO_SESSION = undefined;

/** What the archive gives back of a candidate. */
function recalled(candidate: Candidate, session: typeof SESSION | undefined) {
  const { stream, kind, time, record } = candidate;
  if (stream === 'coverage') throw new Error('coverage has no keys');
  return recall({ stream, kind, drift: false, time, observedAt: SEEN, session, record }, ACCOUNT);
}

/** Rows with all that is left out of a hash, in no order, with what Zoom never sent so far, and with broken texts. */
const ROWS = [
  { id: '{8A5FD5CC-0000-4C1E-9D4E-8F0A5A0B1C2D}', message: 'hello', timestamp: SENT, action_timestamp: SENT },
  {
    id: 'plain',
    timestamp: SENT,
    action_timestamp: SENT + 5,
    message: 'half \ud83d \u0000',
    new_field: { b: 1, a: [] },
  },
  {
    id: 'Mixed',
    timestamp: SENT,
    message: 'see this',
    files: [
      { file_id: 'f1', file_name: 'a.pdf', file_size: 7, download_url: 'https://zoom.us/1?jwt=x' },
      { file_name: 'no id \u0000.txt', download_url: '' },
      { file_name: 'no id \u0000.txt' },
    ],
    forward_id: 'forward',
  },
  {
    id: '{REACTED}',
    timestamp: SENT,
    reactions: [
      { emoji: '1F600', total_count: 2, member_ids: ['z', 'a'] },
      { emoji: '1F44D', total_count: 1, member_ids: ['a'], users: [{ email: 'x' }] },
    ],
    custom_emoji_reactions: [{ custom_emoji_name: 'party', total_count: 1, member_ids: ['q'] }],
    emoji_actions: [
      { emoji: '1F600', emoji_action: 'add', emoji_action_timestamp: SENT + 10, user_id: '', member_id: 'z' },
      { emoji: '1F600', emoji_action: 'state', emoji_action_timestamp: SENT + 20, user_id: 'u' },
    ],
  },
];

test('messages and reactions, in all three arrays', () => {
  const page = messagesPage.parse({ messages: ROWS, edited_messages: ROWS, deleted_messages: ROWS });
  const context = {
    session: SESSION,
    tag: scopeTag(ACCOUNT, SESSION.id),
    observedAt: SEEN,
    knownReactions: new Set<RecordKey>(),
  };
  const { candidates, links } = pageCandidates(page, context);
  // The reactions are gone at the next look.
  const without = messagesPage.parse({ messages: [{ id: '{REACTED}', timestamp: SENT }] });
  const all = [...candidates, ...pageCandidates(without, context).candidates];
  expect(
    all.map(({ stream, kind }) => `${stream} ${kind}`).filter((name) => name === 'reactions state'),
  ).toHaveLength(3);
  const found = all.map((candidate) => recalled(candidate, SESSION));
  expect(found.map(({ candidate }) => candidate)).toEqual(all);
  expect(found.flatMap((one) => one.links)).toEqual(links);
});

test('sessions, activities and context', () => {
  const listed = {
    id: 's',
    type: 'Group',
    name: 'x',
    has_external_member: true,
    last_message_sent_time: '2026-06-01T00:00:00Z',
  };
  const person = { display_name: 'Anna', user_id: 'u', member_id: 'm' };
  const members = { member_status: 'Join', member_list: [{ display_name: 'B' }, person] };
  const activity = { activity_type: 'member', activity_timestamp: SENT, operator: person, members };
  const user = { kind: 'user', subject: 'u\u0000', name: 'Anna' } as const;
  const value = { id: 'u', last_login_time: 'now', list: [{ member_count: 3, a: 1 }] };
  const all = [
    sessionCandidate(listed, ACCOUNT, SEEN),
    activityCandidate(activity, ACCOUNT, 'channel'),
    activityCandidate({ ...activity, channel_id: 'channel' }, ACCOUNT),
    contextCandidate({ ...user, value }, ACCOUNT, SEEN),
    contextCandidate({ ...user, kind: 'channel_members', value: [value] }, ACCOUNT, SEEN),
    goneCandidate(user, ACCOUNT, SEEN),
  ];
  expect(all.map((candidate) => recalled(candidate, NO_SESSION).candidate)).toEqual(all);
});

test('an emoji leads to its picture', () => {
  const value = { file_id: 'e', name: 'party' };
  const emoji = contextCandidate({ kind: 'emoji', subject: 'e', name: 'party', value }, ACCOUNT, SEEN);
  expect(recalled(emoji, NO_SESSION).links).toMatchObject([{ kind: 'emoji', id: 'e' }]);
  const record = {
    file_id: 'e',
    file_name: 'party',
    origin: 'emoji' as const,
    message_id: null,
    session_id: null,
    found_at: FOUND,
    declared_size: null,
    object: { sha256: 'ab' },
  };
  const candidate = fileCandidate('stored', record, ACCOUNT, Date.parse(FOUND));
  const { settled, ...rest } = recalled(candidate, NO_SESSION);
  expect(rest).toEqual({ candidate, links: [] });
  expect(settled).toMatchObject({
    link: { kind: 'emoji', id: 'e' },
    foundAt: Date.parse(FOUND),
    reason: undefined,
  });
});

describe('what a link led to', () => {
  const found = { found_at: FOUND, message_id: 'mixed', session_id: SESSION.id };
  const from = { session: SESSION, messageId: 'mixed', sentAt: SENT };

  test.each([
    { name: 'with an id', index: 0 },
    { name: 'without an id', index: 1 },
    { name: 'without an id, and with the name of another', index: 2 },
  ])('a file $name', ({ index }) => {
    const link = fileLinks(ROWS[2]?.files ?? [], from)[index];
    const { fileId, name, place } = fileLinkDetail.parse(link?.detail);
    const record = {
      ...{ file_id: fileId, file_name: name, place, origin: 'message' as const, ...found },
      declared_size: null,
      object: null,
      reason: 'not-found',
    };
    expect(fileLinkOf(record)).toEqual({ kind: 'file', id: link?.id });
    const candidate = fileCandidate('unavailable', record, ACCOUNT, SENT);
    const { settled, ...rest } = recalled(candidate, SESSION);
    expect(rest).toEqual({ candidate, links: [] });
    expect(settled).toMatchObject({ link: { id: link?.id }, reason: 'not-found', settledAt: SEEN });
    expect(settled?.refusal).toEqual({ reason: 'not-found', times: 3, since: Date.parse(FOUND) });
    // Whoever asks again has all that is needed, but an address that has lapsed.
    const { size: _size, ...detail } = { ...link?.detail, downloadUrl: '' } as Record<string, unknown>;
    expect(settled?.link.detail).toEqual(detail);
  });

  test('a forward, whose files are links again', () => {
    const message = {
      id: 'm',
      files: [{ file_name: 'x', download_url: 'u' }],
      download_url: 'u',
      reactions: [1],
    };
    for (const record of [
      { forward_id: 'forward', ...found, message, reason: undefined },
      { forward_id: 'forward', ...found, message: null, reason: 'restricted' },
    ]) {
      const candidate = forwardedCandidate(record, ACCOUNT, SENT);
      const { settled, ...rest } = recalled(candidate, SESSION);
      const files = record.message?.files ?? [];
      expect(rest).toEqual({ candidate, links: fileLinks(files, { ...from, forwardId: 'forward' }) });
      expect(settled).toMatchObject({ link: { kind: 'forwarded', id: 'forward' }, reason: record.reason });
    }
  });

  test('a zip, and a matter', () => {
    const file = { file_key: 'k\ud83d', total_file_size: 12, ready_for_download: true };
    const custodian = { user_id: '', email: 'a@company.example' };
    const record = {
      matter_id: 'm',
      matter_name: 'M',
      custodian,
      file,
      object: { sha256: 'ab' },
      problems: [],
    };
    const candidate = holdFileCandidate(record, ACCOUNT, SENT);
    const { settled, ...rest } = recalled(candidate, NO_SESSION);
    expect(rest).toEqual({ candidate, links: [] });
    expect(settled?.link).toEqual(
      holdFileLink({ id: 'm', name: 'M' }, { userId: '', email: 'a@company.example' }, file),
    );
    const users = [{ email: 'b' }, { user_id: 'u', email: 'a' }];
    const states = [
      matters.matterCandidate({ matter_id: 'm', matter_name: 'M', matter_users: users }, ACCOUNT, SEEN),
      matters.goneCandidate({ id: 'm', name: 'M' }, ACCOUNT, SEEN),
    ];
    expect(states.map((state) => recalled(state, NO_SESSION).candidate)).toEqual(states);
  });
});

test('a record that its collector would not have made is a bug, and says so', () => {
  const user = { kind: 'user', subject: 'u', name: 'Anna', value: {} } as const;
  const candidate = contextCandidate(user, ACCOUNT, SEEN);
  expect(() => recalled({ ...candidate, record: `${candidate.record} ` }, NO_SESSION)).toThrow(
    'as it was written',
  );
  expect(() => recalled({ ...candidate, kind: 'user_gone' }, NO_SESSION)).toThrow('as it was written');
});
