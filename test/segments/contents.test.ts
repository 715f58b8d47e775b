/** What segments hold, noted when they are sealed and read again later, and the questions about it. */
import { hash } from 'node:crypto';
import { describe, expect, onTestFinished, test } from 'vitest';
import { fileCandidate, forwardedCandidate, holdFileCandidate } from '../../src/collectors/link-records.ts';
import { admit } from '../../src/ledger/admit.ts';
import { coveredObjects, coveredSegments, membersOf, placesOf } from '../../src/ledger/contents.ts';
import type { Database } from '../../src/ledger/database.ts';
import { outrankedSegments, sealedGroups } from '../../src/ledger/kept.ts';
import { registerSessions } from '../../src/ledger/registry.ts';
import {
  type Candidate,
  canonicalJson,
  instant,
  type Json,
  type Stream,
  sessionId,
} from '../../src/record.ts';
import { indexSegments } from '../../src/segments/index-contents.ts';
import { SegmentReader } from '../../src/segments/read.ts';
import { DAY, message, PROVENANCE, page } from '../ledger/candidates.ts';
import { ACCOUNT, ENGINES, type Engine, type Ledger, NOW, openLedger } from '../ledger/ledgers.ts';
import { folder } from './building.ts';
import { DIRECTORY, fillLedger, sealAll } from './sealing.ts';

const AT = instant(NOW - DAY);
const FOUND = '2026-11-19T08:00:00.000Z';
const CHANNEL = { id: 'session-1', type: 'Group', name: 'General', channelId: 'channel-1' };
const DIRECT = { id: 'session-2', type: '1:1', name: '', channelId: '' };
const OTHER = { id: 'session-3', type: 'Group', name: 'Other', channelId: 'channel-3' };
const digest = (text: string): string => hash('sha256', text, 'hex');

function other(stream: Stream, kind: string, value: Json): Candidate {
  return message(canonicalJson(value), {}, { stream, kind, record: canonicalJson(value), time: AT });
}

const said = (name: string, fields: Record<string, Json>): Candidate => message(name, fields, { time: AT });

const file = {
  ...{ file_id: 'F', file_name: 'plan.pdf', origin: 'message' as const, message_id: 'm', place: 0 },
  ...{ session_id: 'session-1', sender: 'ANNA@old.example', sender_member_id: 'anna', found_at: FOUND },
  declared_size: null,
  object: { sha256: digest('whole'), parts: [{ sha256: digest('one') }, { sha256: digest('two') }] },
};

/** Two people and a silent one in a channel, a talk of two, a file that is sent on, a zip with a long listing. */
async function sealed(engine: Engine): Promise<Ledger & { readonly again: () => Promise<number> }> {
  const ledger = await openLedger(engine);
  const { db, lease, unit } = ledger;
  await fillLedger(ledger);
  await db.query('delete from staged');
  const target = await DIRECTORY.open();
  const run = { db, lease, sink: target.sink, spool: await folder() };
  const from = (session: typeof CHANNEL | undefined, candidates: readonly Candidate[]): Promise<unknown> => {
    const { session: _none, ...provenance } = PROVENANCE;
    return admit(
      db,
      lease,
      unit,
      page(candidates, {
        provenance: session === undefined ? provenance : { ...provenance, session },
      }),
    );
  };
  await from(CHANNEL, [
    said('a', { sender: 'Anna@OLD.example', sender_member_id: 'anna', files: [{ file_id: 'F' }] }),
    said('b', { sender: 'anna@new.example', sender_member_id: 'anna' }),
    said('c', { sender: '', sender_member_id: 'guest' }),
    said('d', { message: 'from nobody \u0000\ud83d' }),
    fileCandidate('stored', file, ACCOUNT, AT),
    other('reactions', 'state', {
      id: 'a',
      reactions: [{ member_ids: ['rita'] }],
      custom_emoji_reactions: 7,
    }),
  ]);
  await from(DIRECT, [
    said('e', { sender: 'bob@company.example', sender_member_id: 'bob', receiver: 'Carol@company.example' }),
    said('f', { sender: 'bob@company.example', sender_member_id: 'bob', files: [{ file_id: 'F' }, {}] }),
  ]);
  const forward = { forward_id: 'w', message_id: 'g', session_id: 'session-3', found_at: FOUND };
  await from(OTHER, [
    forwardedCandidate(
      { ...forward, message: { id: 'a', sender: 'Anna@old.example', files: [{ file_id: 'F' }] } },
      ACCOUNT,
      AT,
    ),
  ]);
  const person = { display_name: 'Dora', member_id: 'dora', user_id: 'dora-user' };
  await from(undefined, [
    other('sessions', 'description', { id: 'session-2', member_emails: ['eve@company.example'] }),
    other('channel_activities', 'joined', {
      channel_id: 'channel-1',
      operator: person,
      members: { member_list: [{ member_id: 'fred' }, 'odd'] },
    }),
    other('context', 'user', {
      kind: 'user',
      subject: 'bob-user',
      name: '',
      value: { id: 'bob-user', email: 'bob@company.example' },
    }),
    other('context', 'channel_members', {
      ...{ kind: 'channel_members', subject: 'channel-1', name: '' },
      value: [{ id: 'silent-user', member_id: 'silent', email: 'Silent@company.example' }],
    }),
    other('context', 'channel_gone', { kind: 'channel_gone', subject: 'channel-9', name: '', value: null }),
    other('context', 'space_members', { kind: 'space_members', subject: 'S', name: '', value: [] }),
    other('matters', 'matter', { matter_id: 'M', matter_name: 'x', matter_users: [] }),
    other('coverage', 'done', { unit: { stream: 'messages', scope: 'session-1' } }),
    holdFileCandidate(
      {
        ...{
          matter_id: 'M',
          matter_name: 'x',
          custodian: { user_id: 'bob-user', email: 'Bob@company.example' },
        },
        ...{ file: { file_key: 'k' }, object: { sha256: digest('zip') }, problems: [] },
        zip: { listing: { sha256: digest('listing') } },
      },
      ACCOUNT,
      AT,
    ),
  ]);
  const session = { name: '', lastMessageAt: AT };
  await registerSessions(
    db,
    lease,
    [CHANNEL, DIRECT, OTHER].map((one) => ({ ...one, ...session, id: sessionId(one.id) })),
    NOW,
  );
  for (const sha256 of ['one', 'two', 'zip', 'listing', 'alone'].map(digest)) {
    await db.query(
      `insert into objects (account, sha256, state, size, class, governed_by, key, planned_at)
       values ($1, $2, 'committed', 5, 'default', 'default', 'k', now())`,
      [ACCOUNT, sha256],
    );
  }
  await sealAll(run);
  return {
    ...ledger,
    async again() {
      const reader = await SegmentReader.create(await folder());
      onTestFinished(() => reader.close());
      return indexSegments({ ...run, reader, signal: new AbortController().signal });
    },
  };
}

/** All that is noted, a segment by its stream. */
async function noted(db: Database): Promise<Readonly<Record<string, readonly string[]>>> {
  const tables = {
    records: `select s.stream, c.place, c.sender, c.records from segment_contents c join segments s on s.id = c.segment_id`,
    participants: 'select place, person from participants',
    people: 'select email, member_id from people',
    objects: `select sha256, place, sender, day::text from object_contents`,
    indexed: 'select count(*) from segments where not indexed',
  };
  const found: Record<string, readonly string[]> = {};
  for (const [name, sql] of Object.entries(tables)) {
    const rows = await db.query(sql);
    found[name] = rows.map((row) => Object.values(row).join(' ')).sort();
  }
  return found;
}

const DATE = '2026-11-19';
const EXPECTED = {
  records: [
    'channel_activities channel-1  1',
    'context channel-1  1',
    'context channel-9  1',
    'context space:S  1',
    'context user:bob-user  1',
    'files session-1 anna@old.example 1',
    'forwarded session-3 anna@old.example 1',
    'hold_files matter:M bob@company.example 1',
    'matters matter:M  1',
    'messages session-1  1',
    'messages session-1 anna@new.example 1',
    'messages session-1 anna@old.example 1',
    'messages session-1 guest 1',
    'messages session-2 bob@company.example 2',
    'reactions session-1  1',
    'sessions session-2  1',
  ],
  participants: [
    ...['dora', 'dora-user', 'fred', 'silent', 'silent-user', 'silent@company.example'].map(
      (who) => `channel-1 ${who}`,
    ),
    ...['anna', 'anna@new.example', 'anna@old.example', 'guest', 'rita'].map((who) => `session-1 ${who}`),
    ...['bob', 'bob@company.example', 'carol@company.example', 'eve@company.example'].map(
      (who) => `session-2 ${who}`,
    ),
  ].sort(),
  people: [
    'anna@new.example anna',
    'anna@old.example anna',
    'bob@company.example bob',
    'bob@company.example bob-user',
    'silent@company.example silent',
    'silent@company.example silent-user',
  ],
  // The file is in two sessions, and in a third by a forward; its parts are objects, the whole is none.
  objects: [
    ...['one', 'two'].flatMap((part) => [
      `${digest(part)} session-1 anna@old.example ${DATE}`,
      `${digest(part)} session-2 bob@company.example ${DATE}`,
      `${digest(part)} session-3 anna@old.example ${DATE}`,
    ]),
    ...['zip', 'listing'].map((part) => `${digest(part)} matter:M bob@company.example ${DATE}`),
  ].sort(),
  indexed: ['0'],
};

describe.each(ENGINES)('what segments hold, on $name', (engine) => {
  test('is noted with their commit, and found the same when they are read later', async () => {
    const { db, again } = await sealed(engine);
    expect(await noted(db)).toEqual(EXPECTED);
    const empty = `select 1 from segment_contents union all select 1 from participants union all select 1 from people
      union all select 1 from file_places union all select 1 from file_objects`;
    for (const table of ['segment_contents', 'participants', 'people', 'file_places', 'file_objects'])
      await db.query(`delete from ${table}`);
    await db.query('update segments set indexed = false');
    expect(await db.query(empty)).toEqual([]);
    expect(await again()).toBeGreaterThan(8);
    expect(await noted(db)).toEqual(EXPECTED);
    expect(await again()).toBe(0);
  });

  test('answers who is where, and which segments and objects that covers', async () => {
    const { db } = await sealed(engine);
    const places = async (...persons: string[]): Promise<readonly string[]> =>
      [...(await placesOf(db, ACCOUNT, persons))].sort();
    // By a former address, by an id of hers; one who never wrote; a receiver.
    expect(await places('ANNA@new.example')).toEqual(['channel-1', 'session-1']);
    expect(await places('bob-user')).toEqual(['session-2']);
    expect(await places('silent@company.example', 'nobody@else.example')).toEqual(['channel-1', 'session-1']);
    expect(await places('carol@company.example')).toEqual(['session-2']);

    const members = await membersOf(db, ACCOUNT, ['session-1', 'session-2', 'session-4']);
    expect([...members].map(([place, emails]) => [place, [...emails].sort()]).sort()).toEqual([
      ['session-1', ['anna@new.example', 'anna@old.example', 'silent@company.example']],
      ['session-2', ['bob@company.example', 'carol@company.example', 'eve@company.example']],
    ]);

    const channel = { places: ['session-1', 'channel-1'] };
    const covered = await coveredSegments(db, ACCOUNT, channel);
    const streams = await db.query<{ id: number; stream: string }>(
      'select id, stream from segments order by id',
    );
    const streamOf = new Map(streams.map(({ id, stream }) => [id, stream]));
    expect(
      covered.map(({ id, records, total }) => `${streamOf.get(id)} ${records} of ${total}`).sort(),
    ).toEqual([
      'channel_activities 1 of 1',
      'context 1 of 4',
      'files 1 of 1',
      'messages 4 of 6',
      'reactions 1 of 1',
    ]);
    const [first] = covered;
    expect(await coveredSegments(db, ACCOUNT, channel, first?.id)).toEqual(covered.slice(1));
    expect(await coveredSegments(db, ACCOUNT, { ...channel, toDay: '2026-11-18' })).toEqual([]);
    expect(await coveredSegments(db, ACCOUNT, { ...channel, fromDay: DATE })).toEqual(covered);
    expect(await coveredSegments(db, ACCOUNT, { places: null })).toHaveLength(streams.length);

    const hashes = async (scope: Parameters<typeof coveredObjects>[2]): Promise<readonly string[]> =>
      (await coveredObjects(db, ACCOUNT, scope)).map(({ sha256 }) => sha256);
    expect(await hashes({ places: ['session-2'] })).toEqual(['one', 'two'].map(digest).sort());
    expect(await hashes({ places: ['matter:M'] })).toEqual(['zip', 'listing'].map(digest).sort());
    expect(await hashes({ places: null, fromDay: DATE })).toHaveLength(4);
    expect(await hashes({ places: null })).toHaveLength(5);

    await db.query(`update segments set disposed_at = now() where id = $1`, [first?.id]);
    await db.query(`update objects set disposed_at = now() where sha256 = $1`, [digest('one')]);
    expect(await coveredSegments(db, ACCOUNT, channel)).toEqual(covered.slice(1));
    expect(await hashes({ places: ['session-2'] })).toEqual([digest('two')]);
  });

  test('is judged by groups', async () => {
    const { db } = await sealed(engine);
    const counted = await db.query<{ text: string }>(
      `select concat_ws(' ', s.stream, c.place, c.sender, c.records) as text
       from segment_contents c join segments s on s.id = c.segment_id`,
    );
    expect(counted.map(({ text }) => text.replace('  ', ' ')).sort()).toEqual(
      EXPECTED.records.map((text) => text.replace('  ', ' ')).sort(),
    );
    const ranks = new Map([['default', 0]]);
    const found: (readonly [number, number])[] = [];
    for await (const { groups } of sealedGroups(db, ACCOUNT, true)) {
      const ranked = groups
        .filter(({ stream }) => stream === 'messages' || stream === 'matters')
        .map((group) => ({ ...group, rank: group.sender === 'guest' ? 2 : 1 }));
      found.push(...(await outrankedSegments(db, ACCOUNT, ranked, true, ranks)));
      // What governs them ranks as high.
      expect(await outrankedSegments(db, ACCOUNT, ranked, true, new Map([['default', 2]]))).toEqual(
        new Map(),
      );
    }
    const streams = await db.query<{ id: number; stream: string }>('select id, stream from segments');
    const names = new Map(streams.map(({ id, stream }) => [id, stream]));
    expect(found.map(([id, rank]) => [names.get(id), rank]).sort()).toEqual([
      ['matters', 1],
      ['messages', 2],
    ]);
  });
});
