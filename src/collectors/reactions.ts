/** From the reactions of a message to candidates for the ledger. Pure. */
import { z } from 'zod';
import {
  type Candidate,
  canonicalJson,
  contentHash,
  type Instant,
  instant,
  type Json,
  keyMonth,
  messageId,
  type RecordKey,
  recordKey,
} from '../record.ts';
import { emojiAction, type MessageRow, timestamp } from '../zoom/schemas.ts';

/** Somebody reacted, or took it back: what Zoom lists, with the message's id. */
const eventRecord = emojiAction.extend({ id: z.string() });
type EventRecord = z.infer<typeof eventRecord>;

/** How a message's reactions stood. */
const stateRecord = z.object({
  id: z.string(),
  timestamp,
  reactions: z.array(z.looseObject({})),
  custom_emoji_reactions: z.array(z.looseObject({})),
});
type StateRecord = z.infer<typeof stateRecord>;

/** Where a message was seen. */
interface Place {
  /** Session id, as Zoom sent it. */
  readonly session: string;
  /** Scope tag of the session. */
  readonly tag: string;
  readonly observedAt: Instant;
}

/**
 * The reaction state of a message, and each reaction event where Zoom lists them. A message without reactions is
 * worth a record only when it had some before.
 * @param context `knownReactions`: keys of the messages whose reactions were recorded; this one is added
 */
export function reactionCandidates(
  row: MessageRow,
  context: {
    readonly session: { readonly id: string };
    readonly tag: string;
    readonly observedAt: Instant;
    readonly knownReactions: Set<RecordKey>;
  },
): readonly Candidate[] {
  const { tag, observedAt, knownReactions } = context;
  const reacted = (row.reactions?.length ?? 0) + (row.custom_emoji_reactions?.length ?? 0) > 0;
  if (row.emoji_actions === undefined && !reacted && knownReactions.size === 0) return [];
  const place = { session: context.session.id, tag, observedAt };
  const events = (row.emoji_actions ?? []).map((event) => eventCandidate({ ...event, id: row.id }, place));
  const key = stateKey(row, place);
  if (reacted) knownReactions.add(key);
  else if (!knownReactions.has(key)) return events;
  const { id, timestamp: sentAt, reactions = [], custom_emoji_reactions = [] } = row;
  return [...events, stateCandidate({ id, timestamp: sentAt, reactions, custom_emoji_reactions }, place)];
}

/** The candidate that a record of the stream was. */
export function archivedReaction(record: unknown, place: Place): Candidate {
  const event = eventRecord.safeParse(record);
  return event.success ? eventCandidate(event.data, place) : stateCandidate(stateRecord.parse(record), place);
}

function eventCandidate(event: EventRecord, { session, tag }: Place): Candidate {
  const at = event.emoji_action_timestamp;
  const id = messageId(event.id);
  const who = event.member_id || event.user_id || '';
  return {
    stream: 'reactions',
    kind: event.emoji_action,
    key: recordKey(tag, at, ['reactions', session, id, event.emoji, event.emoji_action, String(at), who]),
    content: contentHash(canonicalJson({ ...event, id } as Json)),
    rule: 'once',
    time: instant(at),
    keyMonth: keyMonth(at),
    record: canonicalJson(event as Json),
  };
}

function stateCandidate(state: StateRecord, place: Place): Candidate {
  const reacted = state.reactions.length + state.custom_emoji_reactions.length > 0;
  return {
    stream: 'reactions',
    kind: 'state',
    key: stateKey(state, place),
    content: contentHash(reacted ? canonicalJson(orderedReactions(state)) : 'no reactions'),
    rule: 'state',
    time: place.observedAt,
    keyMonth: keyMonth(state.timestamp),
    record: canonicalJson(state as Json),
  };
}

function stateKey(
  message: { readonly id: string; readonly timestamp: number },
  { session, tag }: Place,
): RecordKey {
  return recordKey(tag, message.timestamp, ['reactions', session, messageId(message.id)]);
}

/** The state without what has no meaning: the order of reactions and of the people in one. */
function orderedReactions(state: StateRecord): Json {
  const ordered = (list: readonly object[]): Json =>
    list
      .map((reaction) =>
        canonicalJson(
          Object.fromEntries(
            Object.entries(reaction).map(([name, value]) => [
              name,
              Array.isArray(value) ? [...value].sort() : value,
            ]),
          ) as Json,
        ),
      )
      .sort();
  return [ordered(state.reactions), ordered(state.custom_emoji_reactions)];
}
