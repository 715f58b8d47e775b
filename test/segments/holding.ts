/** A small archive, made by hand, of which a test knows what every hold has to cover. */
import { createHash } from 'node:crypto';
import { expect } from 'vitest';
import { holdEntry, placeEntries } from '../../src/commands/hold-entries.ts';
import type { Database } from '../../src/ledger/database.ts';
import { endHold, placeHold, readHolds, releaseHold } from '../../src/ledger/holds.ts';
import type { Lease } from '../../src/ledger/lease.ts';
import { silentLog } from '../../src/log.ts';
import { parseEntry } from '../../src/proof/entry.ts';
import type { HoldScope } from '../../src/record.ts';
import { EVERYTHING } from '../../src/retention/holds.ts';
import { carryOutHolds, type HoldSummary } from '../../src/segments/holds.ts';
import { objectKey } from '../../src/segments/layout.ts';
import { startLog } from '../../src/segments/publish.ts';
import type { Sink } from '../../src/sinks/sink.ts';
import { ACCOUNT, NOW } from '../ledger/ledgers.ts';
import { PUBLIC_KEY } from '../support/log.ts';
import { LOCK } from './sealing.ts';

interface Segment {
  readonly stream: string;
  readonly day: string;
  /** Records by place. */
  readonly holds: Readonly<Record<string, number>>;
}

/** By the name that tests call them by. `s1` is the session of channel `c1`, `s2` of `c2`; in `s3` two people talk. */
export const SEGMENTS: Readonly<Record<string, Segment>> = {
  general: { stream: 'messages', day: '2026-01-01', holds: { s1: 10 } },
  desk: { stream: 'messages', day: '2026-01-01', holds: { s2: 20 } },
  both: { stream: 'messages', day: '2026-01-05', holds: { s1: 3, s2: 4, s9: 100 } },
  direct: { stream: 'messages', day: '2026-01-05', holds: { s3: 5 } },
  members: { stream: 'context', day: '2026-01-03', holds: { c2: 1 } },
  matter: { stream: 'matters', day: '2026-01-04', holds: { 'matter:m1': 1 } },
  coverage: { stream: 'coverage', day: '2026-01-05', holds: {} },
};

/** Files by where records point to them. */
export const FILES: Readonly<Record<string, readonly { readonly place: string; readonly day: string }[]>> = {
  'file in two sessions': [
    { place: 's1', day: '2026-01-01' },
    { place: 's2', day: '2026-01-05' },
  ],
  'file of two': [{ place: 's3', day: '2026-01-05' }],
};

/** Ann changed her address, and is in s1 by her member id alone; Cy never wrote, and is a member of c2. */
const PEOPLE: readonly (readonly [email: string, id: string])[] = [
  ['ann@x.example', 'm-ann'],
  ['ann.new@x.example', 'm-ann'],
  ['bob@x.example', 'm-bob'],
  ['cy@x.example', 'u-cy'],
];
const PARTICIPANTS: readonly (readonly [person: string, place: string])[] = [
  ['m-ann', 's1'],
  ['ann.new@x.example', 's3'],
  ['bob@x.example', 's3'],
  ['bob@x.example', 's2'],
  ['u-cy', 'c2'],
];

export interface Archive {
  readonly db: Database;
  readonly sink: Sink;
}

/** Puts bytes and notes them as sealing does; what it is called is what its bytes say. */
export async function addSegment({ db, sink }: Archive, name: string, segment: Segment): Promise<void> {
  const { stream, day, holds } = segment;
  const key = keyOfSegment(name, segment);
  const { version, size, sha256 } = await put(sink, key, name);
  const records = Object.values(holds).reduce((sum, count) => sum + count, 0) || 1;
  const [row] = await db.query<{ id: number }>(
    `insert into segments (account, stream, class, governed_by, day, state, records, bytes, planned_at, key, version,
       sha256, size, root, committed_at, indexed)
     values ($1, $2, 'default', 'default', $3::date, 'committed', $4, 1, now(), $5, $6, $7, $8, $7, now(), true)
     returning id`,
    [ACCOUNT, stream, day, records, key, version, sha256, size],
  );
  for (const [place, count] of Object.entries(holds))
    await db.query('insert into segment_contents values ($1, $2, $3, $4)', [row?.id, place, '', count]);
}

export function keyOfSegment(name: string, { stream, day }: Segment): string {
  return `segments/stream=${stream}/class=default/date=${day}/${hash(name)}.parquet`;
}

async function addFile({ db, sink }: Archive, name: string): Promise<void> {
  const key = objectKey(hash(name));
  const { version, size, sha256 } = await put(sink, key, name);
  await db.query(
    `insert into objects (account, sha256, state, size, class, governed_by, key, version, planned_at, committed_at)
     values ($1, $2, 'committed', $3, 'default', 'default', $4, $5, now(), now())`,
    [ACCOUNT, sha256, size, key, version],
  );
  await db.query('insert into file_objects values ($1, $2, $3)', [ACCOUNT, name, sha256]);
  for (const { place, day } of FILES[name] ?? [])
    await db.query('insert into file_places values ($1, $2, $3, $4, $5)', [ACCOUNT, name, place, '', day]);
}

async function put(sink: Sink, key: string, name: string) {
  const body = Buffer.from(name);
  const sha256 = hash(name);
  const contentType = 'application/octet-stream';
  const { object } = await sink.put({ key, body, size: body.length, sha256, lock: LOCK, contentType });
  return { version: object.version, size: body.length, sha256 };
}

/** What a name's segment or file is called by. */
export function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

export async function fillArchive(archive: Archive): Promise<void> {
  const { db } = archive;
  const created = new Date(NOW).toISOString();
  await startLog(db, ACCOUNT, {
    type: 'archive',
    at: created,
    format: 1,
    account: ACCOUNT,
    origin: 'archive.example.com/test',
    key: PUBLIC_KEY,
    created_at: created,
  });
  for (const [session, name, channel] of [
    ['s1', 'general', 'c1'],
    ['s2', 'desk', 'c2'],
    ['s3', 'general', ''],
  ])
    await db.query(`insert into registry values ($1, $2, 'Group', $3, $4, now(), now(), now(), now())`, [
      ACCOUNT,
      session,
      name,
      channel,
    ]);
  for (const [email, id] of PEOPLE)
    await db.query('insert into people values ($1, $2, $3)', [ACCOUNT, email, id]);
  for (const [person, place] of PARTICIPANTS) await addParticipant(db, person, place);
  for (const [name, segment] of Object.entries(SEGMENTS)) await addSegment(archive, name, segment);
  for (const name of Object.keys(FILES)) await addFile(archive, name);
}

export async function addParticipant(db: Database, person: string, place: string): Promise<void> {
  await db.query('insert into participants values ($1, $2, $3)', [ACCOUNT, person, place]);
}

/** What the store keeps under a flag, by name. */
export async function flaggedAt(
  sink: Sink,
  more: Readonly<Record<string, Segment>> = {},
): Promise<readonly string[]> {
  const flagged: string[] = [];
  for (const [name, segment] of Object.entries({ ...SEGMENTS, ...more }))
    if ((await sink.head(keyOfSegment(name, segment)))?.held === true) flagged.push(name);
  for (const name of Object.keys(FILES))
    if ((await sink.head(objectKey(hash(name))))?.held === true) flagged.push(name);
  return flagged.sort();
}

/** As a process just started does. */
export function carryOut(
  { db, sink }: Archive,
  lease: Lease,
  changes: Partial<Parameters<typeof carryOutHolds>[0]> = {},
): Promise<HoldSummary> {
  const never = new AbortController().signal;
  const stops = { drain: never, interrupt: never };
  return carryOutHolds({ db, lease, sink, now: () => NOW, ...stops, log: silentLog(), ...changes });
}

export function scopeOf(scope: Partial<HoldScope>): HoldScope {
  return { ...EVERYTHING, ...scope };
}

/** Entries of the log that tell of holds, in their order, as `id action by`. */
export async function loggedSteps(db: Database): Promise<readonly string[]> {
  const rows = await db.query<{ entry: string }>(
    'select entry from log_entries where account = $1 order by id',
    [ACCOUNT],
  );
  return rows.flatMap(({ entry }) => {
    const parsed = parseEntry(Buffer.from(entry));
    return parsed.type === 'hold' ? [`${parsed.hold} ${parsed.action} ${parsed.by}`] : [];
  });
}

/** Nothing is left to do: what is covered is flagged, and nothing else. */
export async function expectSettled(db: Database): Promise<void> {
  expect(await db.query('select 1 from hold_versions where not flagged')).toEqual([]);
  for (const { state, liftedAt } of await readHolds(db, ACCOUNT))
    expect(liftedAt !== undefined).toBe(state === 'ended');
  const held = `select coalesce(sum(n), 0) as count from (
    select count(*) as n from segments where held union all select count(*) from objects where held) t`;
  const covered = 'select count(*) as count from (select distinct segment_id, sha256 from hold_versions) v';
  expect(await db.query(held)).toEqual(await db.query(covered));
}

export const PLACED = { by: 'B. Counsel', at: NOW, reason: 'letter' };

export async function place(
  db: Database,
  id: string,
  scope: Partial<HoldScope>,
  zoomMatter?: string,
): Promise<boolean> {
  const source = zoomMatter === undefined ? 'own' : 'zoom';
  const hold = { id, matter: 'Doe', source, zoomMatter, scope: scopeOf(scope), placed: PLACED } as const;
  return placeHold(db, ACCOUNT, hold, placeEntries(hold));
}

export async function release(db: Database, id: string, endsAt: number): Promise<boolean> {
  const [hold] = (await readHolds(db, ACCOUNT)).filter((one) => one.id === id);
  if (hold === undefined) throw new Error('no hold');
  const entry = holdEntry(hold, 'release', PLACED, { ends_at: new Date(endsAt).toISOString() });
  return releaseHold(db, ACCOUNT, id, { ...PLACED, endsAt }, [entry]);
}

export async function end(db: Database, id: string, now = NOW): Promise<boolean> {
  const hold = { id, matter: 'Doe', source: 'own' } as const;
  return endHold(db, ACCOUNT, id, now, [holdEntry(hold, 'end', PLACED)]);
}
