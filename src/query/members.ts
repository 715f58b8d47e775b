/** Who was a member of a session at a moment: what the archive has of it, for `membership.ts` to decide. */
import { z } from 'zod';
import type { Interval } from '../record.ts';
import type { OpenArchive } from './archive.ts';
import type { Members } from './conversation-form.ts';
import { coverageOf } from './coverage-holes.ts';
import { type KnownPeople, namedPerson } from './known-people.ts';
import { type MemberChange, type MemberList, membersAt, type Writer } from './membership.ts';
import { changed } from './message-event.ts';
import { type Visibility, visibleWhere } from './visibility.ts';
import { daysOf, segmentsFor } from './whereabouts.ts';

const DAY_MS = 86_400_000;

/** How far from the moment somebody who wrote is looked for where no list tells, milliseconds. */
const WRITERS_WITHIN = 7 * DAY_MS;

export interface MembersOf {
  readonly session: string;
  /** Empty where it has none. */
  readonly channel: string;
  /** Whether it is between two people. */
  readonly direct: boolean;
  /** Of the session: its grants are for every place. */
  readonly seen: Visibility;
}

/** @param at milliseconds */
export async function membersOf(
  archive: OpenArchive,
  { session, channel, direct, seen }: MembersOf,
  at: number,
  known: KnownPeople,
): Promise<Members> {
  const moment = new Date(at).toISOString();
  if (direct) return { at: moment, people: await participants(archive, session, known), basis: 'fixed' };
  const lists = channel === '' ? [] : await listsAround(archive, channel, at);
  const before = lists.filter((list) => list.at <= at).at(-1)?.at;
  const after = lists.find((list) => list.at > at)?.at;
  const between = { from: before ?? Number.NEGATIVE_INFINITY, to: after ?? Number.POSITIVE_INFINITY };
  const changes = channel === '' ? [] : await changesBetween(archive, channel, between);
  for (const { people } of [...lists, ...changes]) for (const person of people) known.note(person);
  const evidence = { lists, changes, changesKnown: await changesKnown(archive), writers: [] };
  const found = membersAt(at, evidence, known);
  const told =
    found.basis === 'exact'
      ? found
      : membersAt(
          at,
          { ...evidence, writers: await writers(archive, { session, seen }, at, between) },
          known,
        );
  return { at: moment, people: told.people.map((person) => known.person(person)), basis: told.basis };
}

const direct = z.object({ member_emails: z.array(z.string()).catch([]) }).catch({ member_emails: [] });

/** Both people of a direct conversation, by the newest description that names them; else whoever wrote. */
async function participants(
  archive: OpenArchive,
  session: string,
  known: KnownPeople,
): Promise<Members['people']> {
  let emails: readonly string[] = [];
  const rows = archive.select({
    streams: ['sessions'],
    ...(await segmentsFor(archive, { session })),
    sql: 'select record from sessions where session_id = $session order by observed_at, _entry, _row',
    values: { session },
  });
  for await (const chunk of rows)
    for (const [record] of chunk) {
      const { member_emails: named } = direct.parse(JSON.parse(String(record)));
      if (named.length > 0) emails = named;
    }
  return [...emails].sort().map((email) => known.person({ email }));
}

const listRecord = z.object({ value: z.array(z.unknown()).catch([]) });

/** The list before the moment and the one after it: what stood in others, these know better. */
async function listsAround(
  archive: OpenArchive,
  channel: string,
  at: number,
): Promise<readonly MemberList[]> {
  const lists: MemberList[] = [];
  const rows = archive.select({
    streams: ['context'],
    ...(await segmentsFor(archive, { channel })),
    sql: `select epoch_ms(max(observed_at))::double as moment, arg_max(record, observed_at) from context
        where kind = 'channel_members' and subject_id = $channel and epoch_ms(observed_at) <= $at
      union all select epoch_ms(min(observed_at))::double, arg_min(record, observed_at) from context
        where kind = 'channel_members' and subject_id = $channel and epoch_ms(observed_at) > $at
      order by moment`,
    values: { channel, at: BigInt(at) },
  });
  for await (const chunk of rows)
    for (const [then, record] of chunk) {
      if (record === null) continue;
      const { value } = listRecord.parse(JSON.parse(String(record)));
      lists.push({ at: Number(then), people: value.map(namedPerson) });
    }
  return lists;
}

async function changesBetween(
  archive: OpenArchive,
  channel: string,
  { from, to }: Interval,
): Promise<readonly MemberChange[]> {
  const changes: MemberChange[] = [];
  const { entries } = await segmentsFor(archive, { channel });
  const rows = archive.select({
    streams: ['channel_activities'],
    slice: daysOf({ from: finite(from), to: finite(to) }),
    entries,
    sql: `select epoch_ms(coalesce(activity_at, event_at))::double as moment, kind, record from channel_activities
      where channel_id = $channel and kind in ('joined', 'left') order by moment, _entry, _row`,
    values: { channel },
  });
  for await (const chunk of rows)
    for (const [at, kind, record] of chunk)
      changes.push({
        at: Number(at),
        kind: kind === 'left' ? 'left' : 'joined',
        people: changed(String(record)).people,
      });
  return changes;
}

/** Of an archive at one checkpoint it does not change. */
const coverage = new WeakMap<OpenArchive, Promise<readonly Interval[]>>();

/** When the changes of all channels were collected. */
function changesKnown(archive: OpenArchive): Promise<readonly Interval[]> {
  const told =
    coverage.get(archive) ??
    coverageOf({ archive }, { streams: ['channel_activities'], sessions: [] }).then(({ covered }) => covered);
  coverage.set(archive, told);
  told.catch(() => coverage.delete(archive));
  return told;
}

/** Who wrote near the moment, and when last before it and first after it. */
async function writers(
  archive: OpenArchive,
  { session, seen: visibility }: Pick<MembersOf, 'session' | 'seen'>,
  at: number,
  between: Interval,
): Promise<readonly Writer[]> {
  const from = Math.max(at - WRITERS_WITHIN, between.from, 0);
  const to = Math.min(at + WRITERS_WITHIN, between.to);
  const found: Writer[] = [];
  const sent = 'epoch_ms(coalesce(sent_at, event_at))';
  const seen = visibleWhere(visibility);
  const rows = archive.select({
    streams: ['messages'],
    ...(await segmentsFor(archive, { session, sent: { from, to } })),
    sql: `select coalesce(sender_email, ''), coalesce(sender_member_id, ''), coalesce(sender_name, ''),
        max(${sent}) filter (${sent} <= ${at})::double, min(${sent}) filter (${sent} > ${at})::double
      from messages where session_id = $session
        and concat(sender_email, sender_member_id, sender_name) <> '' and ${sent} >= ${from} and ${sent} < ${to}
        and ${seen.where} group by 1, 2, 3 order by all`,
    values: { session, ...seen.values },
  });
  for await (const chunk of rows)
    for (const [email, memberId, name, before, after] of chunk)
      found.push({
        person: { email: String(email), memberId: String(memberId), userId: '', name: String(name) },
        before: before === null ? undefined : Number(before),
        after: after === null ? undefined : Number(after),
      });
  return found;
}

function finite(time: number): number | null {
  return Number.isFinite(time) ? time : null;
}
