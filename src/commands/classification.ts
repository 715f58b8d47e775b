/** The retention class of what is collected: the schedule, with what the ledger knows of sessions and people. */
import type { Classes, ClassOf } from '../collectors/pass.ts';
import { membersOf } from '../ledger/contents.ts';
import type { Database } from '../ledger/database.ts';
import { isExternal } from '../ledger/registry.ts';
import type { Provenance } from '../ledger/staged.ts';
import { createJudge, type RecordFacts } from '../retention/decide.ts';
import type { Schedule } from '../retention/schedule.ts';

type Session = NonNullable<Provenance['session']>;
export type PlaceFacts = Pick<RecordFacts, 'members' | 'externalMember'>;

/** Sessions whose people are remembered; the rest is asked for again. */
const REMEMBERED = 5000;

/** What a schedule has to know beside the records themselves. */
export function needsOf({ rules }: Schedule): {
  readonly members: boolean;
  readonly external: boolean;
  readonly senders: boolean;
} {
  return {
    members: rules.some(({ match }) => match.member !== undefined),
    external: rules.some(({ match }) => match.externalMember !== undefined),
    senders: rules.some(({ match }) => match.sender !== undefined),
  };
}

/**
 * Classes by the schedule. What the ledger knows of a session is asked once for as long as this lives, a pass: later
 * knowledge is what `retention apply` is for.
 */
export function createClasses(db: Database, account: string, schedule: Schedule): Classes {
  const judge = createJudge(schedule);
  const needs = needsOf(schedule);
  const known = new Map<string, Promise<PlaceFacts>>();

  async function look(session: Session): Promise<PlaceFacts> {
    const people = needs.members ? await peopleOf(db, account, [session]) : undefined;
    const external = needs.external ? await isExternal(db, account, session.id) : undefined;
    const members = people?.get(session.id) ?? [];
    return {
      ...(members.length === 0 ? {} : { members }),
      ...(external === undefined ? {} : { externalMember: external }),
    };
  }

  function factsOf(session: Session): Promise<PlaceFacts> {
    const before = known.get(session.id);
    if (before !== undefined) return before;
    if (known.size >= REMEMBERED) known.clear();
    const found = look(session);
    known.set(session.id, found);
    // Asked again after a failure.
    found.catch(() => known.delete(session.id));
    return found;
  }

  return {
    async of(session): Promise<ClassOf> {
      if (schedule.rules.length === 0) return () => schedule.default.class;
      const isKnown = session !== undefined && (needs.members || needs.external);
      const people = isKnown ? await factsOf(session) : {};
      return ({ stream, about = {} }) =>
        judge({ ...sessionFacts(session), ...people, ...about, stream }).class;
    },
  };
}

/** E-mail addresses of all who were seen in a session or in its channel, by session id. */
export async function peopleOf(
  db: Database,
  account: string,
  sessions: readonly Pick<Session, 'id' | 'channelId'>[],
): Promise<ReadonlyMap<string, readonly string[]>> {
  const places = sessions.flatMap(({ id, channelId }) => (channelId === '' ? [id] : [id, channelId]));
  const members = await membersOf(db, account, [...new Set(places)]);
  return new Map(
    sessions.map(({ id, channelId }) => {
      const people = new Set([...(members.get(id) ?? []), ...(members.get(channelId) ?? [])]);
      return [id, [...people]];
    }),
  );
}

function sessionFacts(session: Session | undefined): Pick<RecordFacts, 'session' | 'channel'> {
  if (session === undefined) return {};
  const { type, name, channelId } = session;
  return { session: { type, name }, ...(channelId === '' ? {} : { channel: channelId }) };
}
