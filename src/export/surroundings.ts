/** What belongs to the messages of an export beside their versions, read for many conversations at once. */
import { listValue } from '@duckdb/node-api';
import { z } from 'zod';
import type { MembershipEvent, MessageEvent } from '../query/conversation.ts';
import { type KnownPeople, knownPeople } from '../query/known-people.ts';
import { knownTo } from '../query/known-to.ts';
import { archivedFiles, archivedForwards, filesNamed } from '../query/linked-records.ts';
import { inOrder, membershipEvent, messageEvent } from '../query/message-event.ts';
import { type ReactionRecord, reactionsOf } from '../query/reactions.ts';
import type { AuditContext } from '../query/reader.ts';
import type { Person, SessionRef } from '../query/revision.ts';
import { type Condition, visible, visibleWhere } from '../query/visibility.ts';
import { type MessageId, messageId, utcDay } from '../record.ts';
import type { ConversationDay, ExportedRevision } from './revisions.ts';

/** A message with all that became of it; the versions are those of the slice. */
export interface ExportedMessage extends MessageEvent {
  /** Every archived version, also where one stands in the archive twice. */
  readonly revisions: readonly ExportedRevision[];
}

/** A conversation's day as a participant saw it. */
export interface ToldDay extends ConversationDay {
  readonly ref: SessionRef;
  /** In the order in which they were sent. */
  readonly messages: readonly ExportedMessage[];
  /** Who came and left on that day, between the first and the last message. */
  readonly changes: readonly MembershipEvent[];
  /** Of a direct conversation both; else those who wrote, reacted, came or left. */
  readonly people: readonly Person[];
}

const DAY_MS = 86_400_000;

/** Tells days of what is around their messages; people are known over all of the archive. */
export class Surroundings {
  readonly #ctx: AuditContext;
  readonly #known: KnownPeople;
  /** What of reactions may be seen; messages are of the slice already. */
  readonly #seen: Condition;

  private constructor(ctx: AuditContext, known: KnownPeople, seen: Condition) {
    this.#ctx = ctx;
    this.#known = known;
    this.#seen = seen;
  }

  static async open(ctx: AuditContext): Promise<Surroundings> {
    const known = knownPeople((await knownTo(ctx)).people);
    return new Surroundings(ctx, known, visibleWhere(await visible(ctx)));
  }

  async told(days: readonly ConversationDay[]): Promise<readonly ToldDay[]> {
    const { archive } = this.#ctx;
    const all = days.flatMap(({ revisions }) => revisions);
    const times = all.map(({ sentAt }) => Date.parse(sentAt));
    if (times.length === 0) return [];
    const span = [times.reduce((a, b) => Math.min(a, b)), times.reduce((a, b) => Math.max(a, b))] as const;
    const files = await archivedFiles(archive, filesNamed(all));
    const forwards = all.flatMap(({ messageId: message, forwardId }) =>
      forwardId === null ? [] : [{ message, forwardId }],
    );
    const forwarded = await archivedForwards(archive, forwards, this.#known);
    const reactions = await this.#reactions(all, span);
    const changes = await this.#changes(all, span);
    const direct = await this.#direct(all);
    return days.map((day) => {
      const messages = [...byMessage(day.revisions).values()].flatMap((revisions): ExportedMessage[] => {
        const [first, ...rest] = inOrder(revisions);
        if (first === undefined) return [];
        const own = reactions.get(keyOf(day.session, first.messageId)) ?? [];
        const parts = { reactions: reactionsOf(own, this.#known), files, forwarded };
        return [{ ...messageEvent([first, ...rest], first.sentAt, parts, this.#known), revisions }];
      });
      const first = messages[0]?.at ?? '';
      const last = messages.at(-1)?.at ?? '';
      const ref = day.revisions.at(-1)?.session ?? { id: day.session, type: '', name: '', channelId: '' };
      const moved = (changes.get(ref.channelId) ?? []).filter(({ at }) => at >= first && at <= last);
      return {
        ...day,
        ref,
        messages,
        changes: moved,
        people: this.#people(messages, moved, direct.get(day.session) ?? []),
      };
    });
  }

  async #reactions(
    revisions: readonly ExportedRevision[],
    [from]: readonly [number, number],
  ): Promise<ReadonlyMap<string, readonly ReactionRecord[]>> {
    const found = new Map<string, ReactionRecord[]>();
    const note = (key: string, record: ReactionRecord): void => {
      const own = found.get(key);
      if (own === undefined) found.set(key, [record]);
      else own.push(record);
    };
    for (const { session, messageId: id, record, observedAt } of revisions)
      if (/"(custom_emoji_)?reactions":\[\{/.test(record))
        note(keyOf(session.id, id), {
          kind: 'state',
          observedAt: Date.parse(observedAt),
          record: JSON.parse(record),
        });
    const ids = [...new Set(revisions.map(({ messageId: id }) => id))];
    const rows = this.#ctx.archive.rows({
      stream: 'reactions',
      slice: { from: utcDay(Math.max(from - DAY_MS, 0)) },
      select: 'session_id, message_id, kind, epoch_ms(observed_at)::double, record',
      where: `message_id in (select unnest($ids)) and ${this.#seen.where}`,
      tail: 'order by observed_at, _entry, _row',
      values: { ids: listValue(ids), ...this.#seen.values },
    });
    for await (const chunk of rows)
      for (const [session, message, kind, observedAt, record] of chunk)
        note(keyOf(String(session), String(message)), {
          kind: String(kind),
          observedAt: Number(observedAt),
          record: JSON.parse(String(record)),
        });
    return found;
  }

  /** Changes of membership by channel, in order of time. */
  async #changes(
    revisions: readonly ExportedRevision[],
    [from, to]: readonly [number, number],
  ): Promise<ReadonlyMap<string, readonly MembershipEvent[]>> {
    const found = new Map<string, MembershipEvent[]>();
    const channels = [...new Set(revisions.map(({ session }) => session.channelId))].filter(
      (id) => id !== '',
    );
    if (channels.length === 0) return found;
    const at = 'epoch_ms(coalesce(activity_at, event_at))';
    const rows = this.#ctx.archive.rows({
      stream: 'channel_activities',
      slice: { from: utcDay(from), to: utcDay(to) },
      select: `channel_id, ${at}::double, _segment, _entry, _row, kind, record`,
      where: `channel_id in (select unnest($channels)) and ${at} between ${from} and ${to}`,
      tail: `order by ${at}, _entry, _row`,
      values: { channels: listValue(channels) },
    });
    for await (const chunk of rows)
      for (const [channel, moment, segment, entry, row, kind, record] of chunk) {
        const place = { segment: String(segment), entry: Number(entry), row: Number(row) };
        const key = { at: Number(moment), rank: 0, name: '' } as const;
        const change = { type: 'change', key, place, kind: String(kind), record: String(record) } as const;
        const own = found.get(String(channel)) ?? [];
        found.set(String(channel), own);
        own.push(membershipEvent(change, this.#known));
      }
    return found;
  }

  /** Addresses of both people of direct conversations, by the newest description that names them. */
  async #direct(revisions: readonly ExportedRevision[]): Promise<ReadonlyMap<string, readonly string[]>> {
    const found = new Map<string, readonly string[]>();
    const sessions = new Set(revisions.flatMap(({ session: { id, type } }) => (type === '1:1' ? [id] : [])));
    if (sessions.size === 0) return found;
    const rows = this.#ctx.archive.rows({
      stream: 'sessions',
      slice: {},
      select: 'session_id, record',
      where: 'session_id in (select unnest($sessions))',
      tail: 'order by observed_at, _entry, _row',
      values: { sessions: listValue([...sessions]) },
    });
    for await (const chunk of rows)
      for (const [session, record] of chunk) {
        const { member_emails: emails } = described.parse(JSON.parse(String(record)));
        if (emails.length > 0) found.set(String(session), emails);
      }
    return found;
  }

  #people(
    messages: readonly ExportedMessage[],
    changes: readonly MembershipEvent[],
    emails: readonly string[],
  ): readonly Person[] {
    const found = new Map<string, Person>();
    const note = (person: Partial<Person>): void => {
      const key = this.#known.keyOf(person);
      if (!found.has(key)) found.set(key, this.#known.person(person));
    };
    for (const email of emails) note({ email });
    for (const { sender, reactions, versions } of messages) {
      note(sender);
      for (const version of versions) note(version.sender);
      for (const { people } of reactions) for (const person of people) note(person);
    }
    for (const { people, operator } of changes) for (const person of [...people, operator]) note(person);
    return [...found.entries()].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, person]) => person);
  }

  /** One text for one person, however a record names him. */
  keyOf(person: Partial<Person>): string {
    return this.#known.keyOf(person);
  }
}

const described = z.object({ member_emails: z.array(z.string()).catch([]) }).catch({ member_emails: [] });

function keyOf(session: string, message: string): string {
  return `${session} ${message}`;
}

function byMessage(revisions: readonly ExportedRevision[]): ReadonlyMap<MessageId, ExportedRevision[]> {
  const found = new Map<MessageId, ExportedRevision[]>();
  for (const revision of revisions) {
    const id = messageId(revision.messageId);
    const own = found.get(id);
    if (own === undefined) found.set(id, [revision]);
    else own.push(revision);
  }
  return found;
}
