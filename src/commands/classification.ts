/** The retention class of what is collected: the schedule, with what the ledger knows of sessions and people. */
import type { Classes, ClassOf } from '../collectors/pass.ts';
import { membersOf } from '../ledger/contents.ts';
import type { Database } from '../ledger/database.ts';
import { isExternal } from '../ledger/registry.ts';
import type { Provenance } from '../ledger/staged.ts';
import { createJudge, type RecordFacts } from '../retention/decide.ts';
import type { Schedule } from '../retention/schedule.ts';

type Session = NonNullable<Provenance['session']>;

/** Sessions whose people are remembered; the rest is asked for again. */
const REMEMBERED = 5000;

/**
 * Classes by the schedule. What the ledger knows of a session is asked once for as long as this lives, a pass: later
 * knowledge is what `retention apply` is for.
 */
export function createClasses(db: Database, account: string, schedule: Schedule): Classes {
  const judge = createJudge(schedule);
  const matches = schedule.rules.map(({ match }) => match);
  const needsMembers = matches.some(({ member }) => member !== undefined);
  const needsExternal = matches.some(({ externalMember }) => externalMember !== undefined);
  const known = new Map<string, Promise<Pick<RecordFacts, 'members' | 'externalMember'>>>();

  async function look({ id, channelId }: Session): Promise<Pick<RecordFacts, 'members' | 'externalMember'>> {
    const places = channelId === '' ? [id] : [id, channelId];
    const members = needsMembers ? await membersOf(db, account, places) : undefined;
    const external = needsExternal ? await isExternal(db, account, id) : undefined;
    const people = places.flatMap((place) => members?.get(place) ?? []);
    return {
      ...(people.length === 0 ? {} : { members: people }),
      ...(external === undefined ? {} : { externalMember: external }),
    };
  }

  function factsOf(session: Session): Promise<Pick<RecordFacts, 'members' | 'externalMember'>> {
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
      if (matches.length === 0) return () => schedule.default.class;
      const people = session === undefined || !(needsMembers || needsExternal) ? {} : await factsOf(session);
      return ({ stream, about = {} }) =>
        judge({ ...sessionFacts(session), ...people, ...about, stream }).class;
    },
  };
}

function sessionFacts(session: Session | undefined): Pick<RecordFacts, 'session' | 'channel'> {
  if (session === undefined) return {};
  const { type, name, channelId } = session;
  return { session: { type, name }, ...(channelId === '' ? {} : { channel: channelId }) };
}
