import type { Emoji, Message, Person, ReactionStep } from './account.ts';

/** Reactions of one message with one standard emoji, as they stand in a row. */
export interface WireReaction {
  readonly emoji: string;
  readonly total_count: number;
  readonly user_ids: readonly string[];
  readonly member_ids: readonly string[];
}

/** Reactions of one message with one custom emoji, as they stand in a row. */
export interface WireCustomReaction {
  readonly custom_emoji_name: string;
  readonly custom_emoji_file_id: string;
  readonly total_count: number;
  readonly user_ids: readonly string[];
  readonly member_ids: readonly string[];
}

export interface WireReactions {
  readonly reactions: readonly WireReaction[];
  readonly custom_emoji_reactions: readonly WireCustomReaction[];
}

/** Who reacts with what on a message after all its steps, in wire form; an emoji nobody holds any more is gone. */
export function foldReactions(message: Message): WireReactions {
  const byEmoji = new Map<string, { emoji: Emoji; people: Map<string, Person> }>();
  for (const { emoji, person, added } of message.extras?.reactionSteps ?? []) {
    const key = emojiName(emoji);
    const held = byEmoji.get(key) ?? { emoji, people: new Map<string, Person>() };
    if (added) held.people.set(person.memberId, person);
    else held.people.delete(person.memberId);
    if (held.people.size > 0) byEmoji.set(key, held);
    else byEmoji.delete(key);
  }
  const reactions: WireReaction[] = [];
  const custom: WireCustomReaction[] = [];
  for (const { emoji, people } of byEmoji.values()) {
    // Zoom names users of its own account only, so total_count can exceed user_ids.
    const userIds = [...people.values()]
      .filter((person) => person.userId !== '')
      .map((person) => person.userId);
    const counts = { total_count: people.size, user_ids: userIds, member_ids: [...people.keys()] };
    if (emoji.kind === 'standard') reactions.push({ emoji: emoji.code, ...counts });
    else custom.push({ custom_emoji_name: emoji.name, custom_emoji_file_id: emoji.fileId, ...counts });
  }
  return { reactions, custom_emoji_reactions: custom };
}

/** One step of a message's reaction history as a row's `emoji_actions` has it. */
export function wireEmojiAction(step: ReactionStep): object {
  return {
    emoji: emojiName(step.emoji),
    emoji_action: step.added ? 'add' : 'remove',
    emoji_action_timestamp: step.at,
    ...(step.person.userId === '' ? {} : { user_id: step.person.userId }),
    member_id: step.person.memberId,
  };
}

/** Does this person hold this emoji on the message now? */
export function holdsReaction(message: Message, person: Person, emoji: Emoji): boolean {
  const name = emojiName(emoji);
  const last = message.extras?.reactionSteps?.findLast(
    (step) => step.person === person && emojiName(step.emoji) === name,
  );
  return last?.added ?? false;
}

function emojiName(emoji: Emoji): string {
  return emoji.kind === 'standard' ? emoji.code : emoji.name;
}
