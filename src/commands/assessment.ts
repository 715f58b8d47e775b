/** What is sealed, judged anew by a schedule and by what is known now. It only ever lengthens (ADR 0012). */
import { readMatters } from '../collectors/hold-matters.ts';
import { ArchiverError } from '../errors.ts';
import type { Database } from '../ledger/database.ts';
import {
  type KeptVersion,
  type KnownPlace,
  keptVersions,
  outrankedObjects,
  outrankedSegments,
  type RankedGroup,
  type RecordGroup,
  sealedGroups,
} from '../ledger/kept.ts';
import { createJudge, type RecordFacts } from '../retention/decide.ts';
import { type ClassTerms, lengthenedLock, lockOf, rankClasses } from '../retention/lock.ts';
import type { Schedule } from '../retention/schedule.ts';
import type { ObjectLock } from '../sinks/sink.ts';
import { needsOf, type PlaceFacts, peopleOf } from './classification.ts';
import type { Context } from './context.ts';

/** A version, and what it should be kept by. */
export interface Assessed {
  readonly version: KeptVersion;
  /** The class by which it is to be kept: its own, or one that keeps longer. */
  readonly class: string;
  /** What it is to be locked by: never less than it is now. */
  readonly lock: ObjectLock | null;
  /** Whether anything of it differs from what is. */
  readonly changes: boolean;
}

/**
 * Every version in the archive, some at a time.
 * @param classes terms by class; those of the schedule among them
 */
export async function* assess(
  { account, now }: Pick<Context, 'account' | 'now'>,
  db: Database,
  schedule: Schedule,
  classes: ClassTerms,
): AsyncGenerator<readonly Assessed[]> {
  const ranks = rankClasses(classes);
  const byRank = new Map([...ranks].map(([name, rank]) => [rank, name]));
  const raised = await outranked(db, account, schedule, ranks);
  for await (const versions of keptVersions(db, account)) {
    yield versions.map((version): Assessed => {
      const { segment, sha256, governedBy, day } = version;
      const rank = segment === undefined ? raised.objects.get(sha256) : raised.segments.get(segment);
      const name = rank === undefined ? governedBy : (byRank.get(rank) ?? governedBy);
      const terms = classes.get(name);
      // The texts of schedules are of a class that no schedule names, and as firmly locked as anything.
      const lock = lengthenedLock(version.lock, terms === undefined ? null : lockOf(terms, day), now());
      return { version, class: name, lock, changes: name !== governedBy || lock !== version.lock };
    });
  }
}

interface Outranked {
  readonly segments: ReadonlyMap<number, number>;
  readonly objects: ReadonlyMap<string, number>;
}

/** Versions with a record that falls under a class above the one that governs them. */
async function outranked(
  db: Database,
  account: string,
  schedule: Schedule,
  ranks: ReadonlyMap<string, number>,
): Promise<Outranked> {
  const segments = new Map<number, number>();
  const objects = new Map<string, number>();
  if (schedule.rules.length === 0) return { segments, objects };
  const judge = createJudge(schedule);
  const needs = needsOf(schedule);
  const matters = new Map((await readMatters(db, account)).map(({ id, name }) => [id, name]));
  const note = <K>(into: Map<K, number>, found: ReadonlyMap<K, number>): void => {
    for (const [name, rank] of found) into.set(name, Math.max(rank, into.get(name) ?? rank));
  };
  for await (const { places, groups } of sealedGroups(db, account, needs.senders)) {
    const facts = await factsOf(db, account, places, needs.members);
    const ranked = groups.flatMap((group): readonly RankedGroup[] => {
      const { class: name, rule } = judge(recordFacts(group, facts.get(group.place), matters));
      // That no rule matches is not something that became known: a session was renamed, a rule is gone.
      if (rule === undefined) return [];
      const rank = ranks.get(name);
      if (rank === undefined) throw new ArchiverError('internal', 'a class has no terms', { detail: name });
      return [{ ...group, rank }];
    });
    note(segments, await outrankedSegments(db, account, ranked, needs.senders, ranks));
    note(objects, await outrankedObjects(db, account, ranked, needs.senders, ranks));
  }
  return { segments, objects };
}

type Facts = PlaceFacts & Pick<RecordFacts, 'session' | 'channel'>;

/** What is known of places that a schedule may ask for. */
export async function factsOf(
  db: Database,
  account: string,
  places: readonly KnownPlace[],
  needsMembers: boolean,
): Promise<ReadonlyMap<string, Facts>> {
  const people = needsMembers ? await peopleOf(db, account, places.map(asked)) : undefined;
  return new Map(
    places.map((known): [string, Facts] => {
      const { place, session, external } = known;
      const members = people?.get(place) ?? [];
      const channel = session === undefined ? place : session.channelId;
      return [
        place,
        {
          ...(session === undefined ? {} : { session }),
          ...(channel === '' ? {} : { channel }),
          ...(members.length === 0 ? {} : { members }),
          ...(external === undefined ? {} : { externalMember: external }),
        },
      ];
    }),
  );
}

function asked({ place, session }: KnownPlace): { readonly id: string; readonly channelId: string } {
  return { id: place, channelId: session?.channelId ?? '' };
}

/** The facts that admission had, as far as the ledger keeps them. */
function recordFacts(
  { stream, place, sender }: RecordGroup,
  known: Facts | undefined,
  matters: ReadonlyMap<string, string>,
): RecordFacts {
  const matter = /^matter:(.*)$/s.exec(place)?.[1];
  // Of a legal-hold zip the ledger notes the custodian there, and of people without an address an id.
  const isSender = stream !== 'hold_files' && sender.includes('@');
  return {
    ...known,
    stream,
    ...(isSender ? { sender } : {}),
    ...(matter === undefined ? {} : { matter: [matter, matters.get(matter) ?? matter] }),
  };
}
