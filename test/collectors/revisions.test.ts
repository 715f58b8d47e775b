import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type PageContext, pageCandidates, type RevisionKind } from '../../src/collectors/revisions.ts';
import {
  type Candidate,
  canonicalJson,
  instant,
  type Json,
  type RecordKey,
  type SessionId,
  scopeTag,
  sessionId,
} from '../../src/record.ts';
import { messagesPage } from '../../src/zoom/schemas.ts';

const SESSION = sessionId('session');
const TAG = scopeTag('account', SESSION);
const SEEN = instant(Date.parse('2026-06-15T12:00:00Z'));
const SENT = Date.parse('2026-05-31T23:59:59.500Z');
const EDITED = Date.parse('2026-06-01T00:00:00.250Z');

const ROW = {
  id: '{8A5FD5CC-0000-4C1E-9D4E-8F0A5A0B1C2D}',
  message: 'hello',
  date_time: '2026-05-31T23:59:59Z',
  timestamp: SENT,
  action_timestamp: SENT,
  sender: 'a@company.example',
  sender_member_id: 'M1',
  sender_display_name: 'Anna',
};

const ARRAYS = { sent: 'messages', edited: 'edited_messages', deleted: 'deleted_messages' } as const;

const inSession = (id: SessionId) => ({ id, type: 'Group', name: 'team', channelId: 'channel' });

/** A context in which nothing is known yet; `changes` say what is different. */
function context(changes: Partial<PageContext> = {}): PageContext {
  return { session: inSession(SESSION), tag: TAG, observedAt: SEEN, knownReactions: new Set(), ...changes };
}

/** Candidates of a page with rows in one array, the page as the client would hand it out. */
function candidatesIn(
  within: PageContext,
  kind: RevisionKind,
  ...rows: readonly object[]
): readonly Candidate[] {
  const page = { [ARRAYS[kind]]: rows };
  messagesPage.parse(page);
  return pageCandidates(page, within).candidates;
}

const candidatesOf = (kind: RevisionKind, ...rows: readonly object[]): readonly Candidate[] =>
  candidatesIn(context(), kind, ...rows);

function one(candidates: readonly Candidate[], kind: string): Candidate {
  const found = candidates.filter((candidate) => candidate.kind === kind);
  expect(found).toHaveLength(1);
  return found[0] as Candidate;
}

const revisionOf = (row: object, kind: RevisionKind = 'sent'): Candidate =>
  one(candidatesOf(kind, row), kind);
const stateOf = (row: object): Candidate => one(candidatesOf('sent', row), 'state');

describe('a revision', () => {
  test('is kept as the canonical JSON of what Zoom sent', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (extra) => {
        const row = JSON.parse(
          JSON.stringify({
            ...extra,
            ...ROW,
            files: undefined,
            reactions: undefined,
            custom_emoji_reactions: undefined,
            emoji_actions: undefined,
          }),
        );
        const { record } = revisionOf(row);
        expect(JSON.parse(record)).toEqual(row);
        expect(record).toBe(canonicalJson(row));
      }),
    );
  });

  test('belongs to the moment of its own action, and to that month', () => {
    expect(revisionOf(ROW)).toMatchObject({
      stream: 'messages',
      rule: 'once',
      time: SENT,
      keyMonth: '2026-05-01',
    });
    expect(revisionOf({ ...ROW, action_timestamp: EDITED }, 'edited')).toMatchObject({
      time: EDITED,
      keyMonth: '2026-06-01',
    });
    expect(revisionOf({ ...ROW, action_timestamp: undefined }, 'deleted')).toMatchObject({ time: SENT });
  });

  test('is the same one however its id is spelled', () => {
    const bare = '8a5fd5cc-0000-4c1e-9d4e-8f0a5a0b1c2d';
    const spelled = [bare, bare.toUpperCase(), `{${bare}}`, ROW.id].map((id) => ({ ...ROW, id }));
    expect(new Set(spelled.map((row) => revisionOf(row).key)).size).toBe(1);
    expect(new Set(spelled.map((row) => revisionOf(row).content)).size).toBe(1);
    expect(spelled.map((row) => JSON.parse(revisionOf(row).record))).toEqual(spelled);
  });

  test('is another one for another session, message, kind or moment', () => {
    const other = candidatesIn(context({ session: inSession(sessionId('other')) }), 'sent', ROW);
    const keys = [
      revisionOf(ROW),
      one(other, 'sent'),
      revisionOf({ ...ROW, id: 'x' }),
      revisionOf(ROW, 'edited'),
      revisionOf(ROW, 'deleted'),
      revisionOf({ ...ROW, action_timestamp: SENT + 1 }),
    ].map(({ key }) => key);
    expect(new Set(keys).size).toBe(keys.length);
  });

  const file = {
    file_id: 'f1',
    file_name: 'a.pdf',
    file_size: 7,
    download_url: 'https://file.zoom.us/1?jwt=a',
  };
  const full = {
    ...ROW,
    files: [file, { ...file, file_id: 'f2' }],
    reactions: [{ emoji: 'U+1F44D', total_count: 1, user_ids: ['u'], member_ids: ['m'] }],
    custom_emoji_reactions: [{ custom_emoji_name: 'party', total_count: 1, member_ids: ['m'] }],
    emoji_actions: [{ emoji: 'U+1F44D', emoji_action: 'add', emoji_action_timestamp: SENT, member_id: 'm' }],
  };

  test.each<[string, object]>([
    [
      'another download link',
      { files: full.files.map((entry) => ({ ...entry, download_url: 'https://x?jwt=b' })) },
    ],
    ['no download link', { files: full.files.map(({ download_url: _url, ...entry }) => entry) }],
    ['more reactions', { reactions: [{ ...full.reactions[0], total_count: 9 }] }],
    ['no reactions', { reactions: undefined, custom_emoji_reactions: undefined, emoji_actions: undefined }],
    ['another custom reaction', { custom_emoji_reactions: [] }],
    ['further reaction events', { emoji_actions: [...full.emoji_actions, ...full.emoji_actions] }],
  ])('has the same content with %s, and its record still shows it', (_name, change) => {
    const [before, after] = [revisionOf(full), revisionOf({ ...full, ...change })];
    expect(after.content).toBe(before.content);
    expect(after.key).toBe(before.key);
    expect(after.record).not.toBe(before.record);
  });

  test('has the same content whether or not the moving parts are there at all', () => {
    expect(revisionOf({ ...ROW, reactions: [] }).content).toBe(revisionOf(ROW).content);
  });

  test.each<[string, object]>([
    ['another text', { message: 'hello!' }],
    ['another sender', { sender_display_name: 'Anna B.' }],
    ['another file name', { files: [{ ...file, file_name: 'b.pdf' }, full.files[1]] }],
    ['another file size', { files: [{ ...file, file_size: 8 }, full.files[1]] }],
    ['a file less', { files: [file] }],
    ['files in another order', { files: full.files.toReversed() }],
    ['a new field of Zoom’s', { classification: 'secret' }],
    ['a time of sending that moved', { date_time: '2026-06-01T00:00:00Z' }],
  ])('has other content with %s, under the same key', (_name, change) => {
    const [before, after] = [revisionOf(full), revisionOf({ ...full, ...change })];
    expect(after.content).not.toBe(before.content);
    expect(after.key).toBe(before.key);
  });

  test('does not change the row it was made from', () => {
    const row = structuredClone(full);
    candidatesOf('sent', row);
    expect(row).toEqual(full);
  });
});

describe('the state of reactions', () => {
  const thumbs = { emoji: 'U+1F44D', total_count: 3, user_ids: ['u1', 'u2'], member_ids: ['m1', 'm2', 'm3'] };
  const heart = { emoji: 'U+2764', total_count: 1, user_ids: [], member_ids: ['m1'] };
  const party = { custom_emoji_name: 'party', custom_emoji_file_id: 'f', total_count: 1, member_ids: ['m2'] };
  const row = { ...ROW, reactions: [thumbs, heart], custom_emoji_reactions: [party] };

  test('names the message and holds what Zoom sent', () => {
    const state = stateOf(row);
    expect(state).toMatchObject({ stream: 'reactions', rule: 'state', time: SEEN, keyMonth: '2026-05-01' });
    expect(JSON.parse(state.record)).toEqual({
      id: ROW.id,
      timestamp: SENT,
      reactions: [thumbs, heart],
      custom_emoji_reactions: [party],
    });
  });

  test('does not depend on the order of reactions or of the people in them, nor on when it was seen', () => {
    fc.assert(
      fc.property(
        fc.shuffledSubarray(row.reactions, { minLength: 2 }),
        fc.shuffledSubarray(thumbs.member_ids, { minLength: 3 }),
        (reactions, members) => {
          const mixed = reactions.map((entry) =>
            entry === thumbs ? { ...thumbs, member_ids: members } : entry,
          );
          expect(stateOf({ ...row, reactions: mixed }).content).toBe(stateOf(row).content);
        },
      ),
    );
    const later = candidatesIn(context({ observedAt: instant(SEEN + 1) }), 'sent', row);
    expect(one(later, 'state')).toMatchObject({
      key: stateOf(row).key,
      content: stateOf(row).content,
    });
  });

  test.each<[string, object]>([
    ['one more of them', { reactions: [{ ...thumbs, total_count: 4 }, heart] }],
    ['another person', { reactions: [{ ...thumbs, member_ids: ['m1', 'm2', 'm4'] }, heart] }],
    ['one less', { reactions: [thumbs] }],
    ['no custom one', { custom_emoji_reactions: undefined }],
    [
      'the custom one as a plain one',
      { reactions: [thumbs, heart, { emoji: 'x', ...party }], custom_emoji_reactions: [] },
    ],
  ])('is another with %s, under the same key', (_name, change) => {
    const changed = stateOf({ ...row, ...change });
    expect(changed.content).not.toBe(stateOf(row).content);
    expect(changed.key).toBe(stateOf(row).key);
  });

  test('does not change with the text, nor with an edit that moves the time of action', () => {
    const edited = stateOf({ ...row, message: 'other', action_timestamp: EDITED });
    expect(edited).toMatchObject({ key: stateOf(row).key, content: stateOf(row).content });
  });

  test('is the same message’s however its id is spelled', () => {
    const bare = { ...row, id: '8a5fd5cc-0000-4c1e-9d4e-8f0a5a0b1c2d' };
    expect(stateOf(bare)).toMatchObject({ key: stateOf(row).key, content: stateOf(row).content });
  });

  describe.each<[string, object]>([
    ['none given', {}],
    ['empty lists', { reactions: [], custom_emoji_reactions: [] }],
    ['one empty list', { custom_emoji_reactions: [] }],
  ])('when there are none (%s)', (_name, none) => {
    const bare = { ...ROW, ...none };
    const kinds = (candidates: readonly Candidate[]) => candidates.map(({ kind }) => kind);

    test('is not worth a record while none are known of this message', () => {
      const another = stateOf({ ...row, id: 'another' }).key;
      for (const known of [[], [another]]) {
        const knownReactions = new Set<RecordKey>(known);
        expect(kinds(candidatesIn(context({ knownReactions }), 'sent', bare))).toEqual(['sent']);
        expect([...knownReactions]).toEqual(known);
      }
    });

    test('is the empty record where some are known', () => {
      const { key, content } = stateOf(row);
      const knownReactions = new Set([key]);
      const state = one(candidatesIn(context({ knownReactions }), 'sent', bare), 'state');
      expect(state).toMatchObject({
        stream: 'reactions',
        rule: 'state',
        key,
        time: SEEN,
        keyMonth: '2026-05-01',
      });
      expect(state.content).not.toBe(content);
      expect(state.content).toBe(
        one(candidatesIn(context({ knownReactions }), 'sent', ROW), 'state').content,
      );
      expect(state.record).toBe(
        canonicalJson({ id: ROW.id, timestamp: SENT, reactions: [], custom_emoji_reactions: [] }),
      );
    });

    test.each<[string, object]>([
      ['a later page', { id: '8a5fd5cc-0000-4c1e-9d4e-8f0a5a0b1c2d' }],
      ['a later page after an edit', { action_timestamp: EDITED }],
    ])('is worth a record in %s', (_where, change) => {
      const within = context();
      candidatesIn(within, 'sent', row);
      expect(kinds(candidatesIn(within, 'sent', { ...bare, ...change }))).toEqual(['sent', 'state']);
    });

    test('is worth a record further down the same page, not further up', () => {
      expect(kinds(candidatesOf('sent', bare, row, bare))).toEqual([
        'sent',
        'sent',
        'state',
        'sent',
        'state',
      ]);
    });
  });

  test.each<[string, object]>([
    ['plain', { reactions: [thumbs] }],
    ['custom', { custom_emoji_reactions: [party] }],
  ])('makes the message known, and leaves known what was (%s ones)', (_name, some) => {
    const before = stateOf({ ...row, id: 'another' }).key;
    const knownReactions = new Set([before]);
    const state = one(candidatesIn(context({ knownReactions }), 'sent', { ...ROW, ...some }), 'state');
    expect(knownReactions).toEqual(new Set([before, state.key]));
  });

  test('is taken from messages only: rows of edits do not have it', () => {
    for (const kind of ['edited', 'deleted'] as const) {
      const within = context();
      expect(candidatesIn(within, kind, row).map(({ stream }) => stream)).toEqual(['messages']);
      expect(within.knownReactions.size).toBe(0);
    }
  });
});

describe('reaction events', () => {
  const event = {
    emoji: 'U+1F44D',
    emoji_action: 'add',
    emoji_action_timestamp: EDITED,
    user_id: 'u',
    member_id: 'm',
  };
  const eventsOf = (...events: readonly object[]): readonly Candidate[] =>
    candidatesOf('sent', { ...ROW, emoji_actions: events }).filter(
      ({ stream, kind }) => stream === 'reactions' && kind !== 'state',
    );

  test('are records of their own, at their own time', () => {
    const [added, removed] = eventsOf(event, {
      ...event,
      emoji_action: 'remove',
      emoji_action_timestamp: EDITED + 1,
    });
    expect(added).toMatchObject({
      stream: 'reactions',
      kind: 'add',
      rule: 'once',
      time: EDITED,
      keyMonth: '2026-06-01',
    });
    expect(removed).toMatchObject({ kind: 'remove', time: EDITED + 1 });
    expect(JSON.parse(added?.record ?? '')).toEqual({ ...event, id: ROW.id });
  });

  test('are different for another person, emoji, action or moment', () => {
    const keys = eventsOf(
      event,
      { ...event, member_id: 'm2' },
      { ...event, emoji: 'U+2764' },
      { ...event, emoji_action: 'remove' },
      { ...event, emoji_action_timestamp: EDITED + 1 },
    ).map(({ key }) => key);
    expect(new Set(keys).size).toBe(5);
  });

  test('of people without a member id are told apart by their user id', () => {
    const [one1, two] = eventsOf(
      { ...event, member_id: '', user_id: 'u1' },
      { ...event, member_id: '', user_id: 'u2' },
    );
    expect(one1?.key).not.toBe(two?.key);
  });

  test('seen again are the same, also where the message’s id is spelled otherwise', () => {
    const [again] = candidatesOf('sent', {
      ...ROW,
      id: '8a5fd5cc-0000-4c1e-9d4e-8f0a5a0b1c2d',
      emoji_actions: [event],
    }).filter(({ kind }) => kind === 'add');
    expect(again).toMatchObject({ key: eventsOf(event)[0]?.key, content: eventsOf(event)[0]?.content });
  });
});

describe('a page', () => {
  const row = fc.record({
    id: fc.uuid(),
    timestamp: fc.nat(1e9),
    action_timestamp: fc.option(fc.nat(1e9), { nil: undefined }),
  });
  const rows = fc.option(fc.array(row, { maxLength: 5 }), { nil: undefined });

  test('gives each row its revision, counts the rows and knows the latest action', () => {
    fc.assert(
      fc.property(rows, rows, rows, (messages, edited, deleted) => {
        const page = JSON.parse(
          JSON.stringify({ messages, edited_messages: edited, deleted_messages: deleted }),
        );
        const { rows: count, candidates, latestAction } = pageCandidates(page, context());
        const all = [...(messages ?? []), ...(edited ?? []), ...(deleted ?? [])];
        expect(count).toBe(all.length);
        expect(latestAction).toBe(
          Math.max(0, ...all.map((entry) => entry.action_timestamp ?? entry.timestamp)),
        );
        const revisions = candidates.filter(({ stream }) => stream === 'messages');
        expect(revisions.map(({ record }) => JSON.parse(record))).toEqual(
          all.map((entry) => JSON.parse(canonicalJson(JSON.parse(JSON.stringify(entry)) as Json))),
        );
      }),
    );
  });

  test('that is empty gives nothing', () => {
    expect(pageCandidates({}, context())).toEqual({ rows: 0, candidates: [], links: [], latestAction: 0 });
  });
});
