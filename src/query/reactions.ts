/** How the reactions of a message stand, from the records of it. Pure. */
import { z } from 'zod';
import type { Reaction } from './conversation-form.ts';
import type { KnownPeople } from './known-people.ts';

/** A record that tells of reactions: one of the stream `reactions`, or a message with the reactions it came with. */
export interface ReactionRecord {
  /** `state` where it says how all of them stood; else Zoom's word for what somebody did. */
  readonly kind: string;
  /** Milliseconds. */
  readonly observedAt: number;
  /** Parsed JSON. */
  readonly record: unknown;
}

const text = z.string().catch('');
const texts = z.array(text).catch([]);
const number = z.number().optional().catch(undefined);
const standing = z
  .object({
    emoji: text,
    custom_emoji_name: text,
    total_count: number,
    member_ids: texts,
    user_ids: texts,
  })
  .catch({ emoji: '', custom_emoji_name: '', total_count: undefined, member_ids: [], user_ids: [] });
const states = z
  .object({
    reactions: z.array(standing).catch([]),
    custom_emoji_reactions: z.array(standing).catch([]),
  })
  .catch({ reactions: [], custom_emoji_reactions: [] });
const deed = z
  .object({
    emoji: text,
    emoji_action_timestamp: z.number().catch(0),
    member_id: text,
    user_id: text,
  })
  .catch({ emoji: '', emoji_action_timestamp: 0, member_id: '', user_id: '' });

/** Somebody who reacted, by whichever ids Zoom gives of him. */
interface Reactor {
  readonly memberId: string;
  readonly userId: string;
}

interface Standing {
  readonly emoji: string;
  count: number;
  people: readonly Reactor[];
}

/**
 * The newest state, and what was done after it was seen. Where all that is known are deeds, these alone; an emoji that
 * nobody stands by is left out. In the order in which Zoom lists them.
 */
export function reactionsOf(records: readonly ReactionRecord[], known: KnownPeople): readonly Reaction[] {
  const newest = records
    .filter(({ kind }) => kind === 'state')
    .reduce<ReactionRecord | undefined>(
      (last, one) => (last === undefined || one.observedAt >= last.observedAt ? one : last),
      undefined,
    );
  const standings = new Map<string, Standing>();
  const { reactions, custom_emoji_reactions: custom } = states.parse(newest?.record);
  for (const one of [...reactions, ...custom]) {
    const emoji = one.custom_emoji_name === '' ? emojiOf(one.emoji) : `:${one.custom_emoji_name}:`;
    // User ids are those of the account's own people only, and need not stand in the order of the member ids.
    const people =
      one.member_ids.length > 0
        ? one.member_ids.map((memberId) => ({ memberId, userId: '' }))
        : one.user_ids.map((userId) => ({ memberId: '', userId }));
    standings.set(emoji, { emoji, count: one.total_count ?? people.length, people });
  }
  const since = newest?.observedAt ?? Number.NEGATIVE_INFINITY;
  const deeds = records
    .filter(({ kind }) => kind === 'add' || kind === 'remove')
    .map(({ kind, record }) => ({ kind, ...deed.parse(record) }))
    .filter(({ emoji_action_timestamp: at }) => at > since)
    .sort((one, other) => one.emoji_action_timestamp - other.emoji_action_timestamp);
  for (const { kind, emoji: name, member_id: memberId, user_id: userId } of deeds) {
    const emoji = emojiOf(name);
    const known_ = standings.get(emoji) ?? { emoji, count: 0, people: [] };
    const key = known.keyOf({ memberId, userId });
    const others = known_.people.filter((one) => known.keyOf(one) !== key);
    const was = others.length < known_.people.length;
    if (kind === 'add') {
      known_.people = [...others, { memberId, userId }];
      if (!was) known_.count += 1;
    } else {
      known_.people = others;
      if (was) known_.count -= 1;
    }
    standings.set(emoji, known_);
  }
  return [...standings.values()]
    .filter(({ count, people }) => count > 0 || people.length > 0)
    .map(({ emoji, count, people }) => ({ emoji, count, people: people.map((one) => known.person(one)) }));
}

const NOTATION = /^(u\+[0-9a-f]{1,6})([\s_-]*(u\+)?[0-9a-f]{1,6})*$/i;

/** `U+1F468 U+200D …` as the emoji itself; what is not in that notation, or no character, as it is. */
function emojiOf(notation: string): string {
  if (!NOTATION.test(notation)) return notation;
  const points =
    notation
      .replaceAll(/u\+/gi, ' ')
      .match(/[0-9a-f]+/gi)
      ?.map((hex) => Number.parseInt(hex, 16)) ?? [];
  const isText = points.every((point) => point <= 0x10ffff && (point < 0xd800 || point > 0xdfff));
  return isText ? String.fromCodePoint(...points) : notation;
}
