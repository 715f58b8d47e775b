/** A message of a conversation from all that the archive has of it. Pure. */
import { z } from 'zod';
import type {
  ConversationFile,
  ForwardedMessage,
  MembershipEvent,
  MessageEvent,
  Reaction,
} from './conversation-form.ts';
import { type DifferenceSegment, difference } from './difference.ts';
import { type KnownPeople, namedPerson } from './known-people.ts';
import type { NamedFile, Revision } from './revision.ts';
import type { TimelineEvent } from './timeline.ts';

/** What belongs to a message beside its versions. */
export interface MessageParts {
  readonly reactions: readonly Reaction[];
  /** In the order in which they were resolved; found by {@link fileKey}. */
  readonly files: ReadonlyMap<string, ConversationFile>;
  readonly forwarded: ReadonlyMap<string, ForwardedMessage>;
}

const KINDS: readonly Revision['kind'][] = ['sent', 'edited', 'deleted'];

/** Oldest first. Each record once, though it may stand in two segments. */
export function inOrder(revisions: readonly Revision[]): readonly Revision[] {
  const byHash = new Map<string, Revision>();
  for (const revision of revisions) if (!byHash.has(revision.hash)) byHash.set(revision.hash, revision);
  return [...byHash.values()].sort(
    (one, other) =>
      compareTexts(one.actionAt, other.actionAt) ||
      KINDS.indexOf(one.kind) - KINDS.indexOf(other.kind) ||
      compareTexts(one.observedAt, other.observedAt) ||
      one.place.entry - other.place.entry ||
      one.place.row - other.place.row,
  );
}

/**
 * @param versions at least one, from {@link inOrder}
 * @param at when it was sent, ISO 8601
 */
export function messageEvent(
  versions: readonly [Revision, ...Revision[]],
  at: string,
  parts: MessageParts,
  known: KnownPeople,
): MessageEvent {
  const last = versions.at(-1) ?? versions[0];
  const newest = [...versions].reverse();
  const named = newest.find(({ sender }) => sender.email + sender.memberId + sender.name !== '') ?? last;
  const forwardId = newest.find((version) => version.forwardId !== null)?.forwardId ?? null;
  return {
    type: 'message',
    at,
    messageId: last.messageId,
    sender: known.person(named.sender),
    state: stateOf(versions),
    text: lastText(newest),
    versions,
    replyTo: newest.find(({ replyTo }) => replyTo !== null)?.replyTo ?? null,
    reactions: parts.reactions,
    files: filesOf(versions, parts.files),
    forwarded: forwardId === null ? null : (parts.forwarded.get(forwardId) ?? notArchived()),
  };
}

function stateOf(versions: readonly Revision[]): MessageEvent['state'] {
  if (versions.some(({ kind }) => kind === 'deleted')) return 'deleted';
  // Zoom may show an edited message as sent, under the time of the edit.
  const isEdited = versions.some(({ kind, actionAt, sentAt }) => kind === 'edited' || actionAt > sentAt);
  return isEdited ? 'edited' : 'standing';
}

/** Zoom mostly leaves a deleted message its text; where it does not, the version before it has the last known one. */
function lastText(newest: readonly Revision[]): string {
  const isDeleted = newest.some(({ kind }) => kind === 'deleted');
  const said = isDeleted ? newest.find(({ text }) => text !== '') : newest[0];
  return said?.text ?? '';
}

/** Every file that any version names: one that an edit took away was there. */
function filesOf(
  versions: readonly Revision[],
  resolved: ReadonlyMap<string, ConversationFile>,
): readonly ConversationFile[] {
  const files = new Map<string, ConversationFile>();
  for (const { messageId, files: named } of versions)
    for (const [place, file] of named.entries()) {
      const key = fileKey(messageId, place, file);
      if (!files.has(key)) files.set(key, resolved.get(key) ?? unresolvedFile(file));
    }
  return [...files.values()];
}

/** A file is told by its id; one to which Zoom gave none by its message, its place there and its name. */
export function fileKey(
  message: string,
  place: number,
  { id, name }: Pick<NamedFile, 'id' | 'name'>,
): string {
  return id === '' ? `in ${message} ${place} ${name}` : `id ${id}`;
}

/** No record says what became of it: it was not fetched yet, or files were not collected. */
const NOT_ARCHIVED = 'not-archived';

export function unresolvedFile({ id, name, size }: NamedFile): ConversationFile {
  return { id, name, size, object: null, reason: NOT_ARCHIVED };
}

function notArchived(): ForwardedMessage {
  const sender = { email: '', memberId: '', name: '' };
  return { sender, sentAt: null, text: '', files: [], reason: NOT_ARCHIVED };
}

const changeRecord = z.looseObject({
  operator: z.unknown().optional(),
  members: z.object({ member_list: z.array(z.unknown()).catch([]) }).catch({ member_list: [] }),
});

type Change = Extract<TimelineEvent, { type: 'change' }>;

export function membershipEvent({ key, kind, record, place }: Change, known: KnownPeople): MembershipEvent {
  const { operator, people } = changed(record);
  return {
    type: kind === 'joined' || kind === 'left' ? kind : 'other',
    at: new Date(key.at).toISOString(),
    people: people.map((person) => known.person(person)),
    operator: known.person(operator),
    place,
  };
}

/** Who did it and to whom, as a record of `channel_activities` says. */
export function changed(record: string) {
  const { operator, members } = changeRecord.parse(JSON.parse(record));
  return { operator: namedPerson(operator), people: members.member_list.map(namedPerson) };
}

/** A version as people are shown it. */
export interface VersionStep {
  readonly revision: Revision;
  /** From the version before; null of the first, and where the text is the same. */
  readonly difference: readonly DifferenceSegment[] | null;
}

/**
 * Versions that differ for a reader. Zoom tells of an edit twice, as `edited` and as `sent` under the time of the edit:
 * of versions of one moment with one text the last stands for all.
 */
export function versionSteps(versions: readonly Revision[]): readonly VersionStep[] {
  const distinct = versions.filter((version, index) => {
    const next = versions[index + 1];
    const isSame = next?.actionAt === version.actionAt && next.text === version.text && !next.drift;
    return !(isSame && next.kind !== 'deleted');
  });
  let before: string | undefined;
  return distinct.map((revision) => {
    // Zoom may take the text of what was deleted; that is no edit.
    const isGone = revision.kind === 'deleted' && revision.text === '';
    const old = before;
    if (!isGone) before = revision.text;
    const isNew = old !== undefined && !isGone && old !== revision.text;
    return { revision, difference: isNew ? difference(old, revision.text) : null };
  });
}

function compareTexts(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
