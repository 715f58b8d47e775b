/** What a hold covers: its scope as places and days, and the segments and objects that these come to. */
import { createHash } from 'node:crypto';
import { coveredObjects, coveredSegments, type PlacesAndDays, placesOf } from './contents.ts';
import type { Database } from './database.ts';
import { addVersions, noteRefreshed } from './hold-versions.ts';
import type { Hold } from './holds.ts';
import type { Lease } from './lease.ts';

/**
 * The scope of a hold, for {@link coveredSegments} and {@link coveredObjects}. A channel and its session are always both
 * covered; a custodian's places are those in which he was ever seen.
 */
export async function coverageOf(
  db: Database,
  account: string,
  { scope, zoomMatter }: Pick<Hold, 'scope' | 'zoomMatter'>,
): Promise<PlacesAndDays> {
  const { custodians, channels, sessions, from, to } = scope;
  const days = { ...(from === null ? {} : { fromDay: from }), ...(to === null ? {} : { toDay: to }) };
  if (custodians.length + channels.length + sessions.length === 0) return { places: null, ...days };
  const named = await db.query<{ place: string }>(
    `with named as (
       select unnest($2::text[] || $3::text[]) as place
       union
       select session_id from registry where account = $1 and name = any($3::text[])
     )
     select place from named
     union
     select r.channel_id from named n join registry r on r.account = $1 and r.session_id = n.place
     where r.channel_id <> ''
     union
     select r.session_id from named n join registry r on r.account = $1 and r.channel_id = n.place
     where r.channel_id <> ''`,
    [account, channels, sessions],
  );
  const places = new Set(named.map(({ place }) => place));
  if (custodians.length > 0) for (const place of await placesOf(db, account, custodians)) places.add(place);
  // What Zoom itself preserves for the matter: its zips.
  if (zoomMatter !== undefined) places.add(`matter:${zoomMatter}`);
  return { places: [...places].sort(), ...days };
}

/** Sessions that have one of these names now, by id; those whose id is among them are left out. */
export async function sessionsNamed(
  db: Database,
  account: string,
  names: readonly string[],
): Promise<readonly string[]> {
  if (names.length === 0) return [];
  const rows = await db.query<{ id: string }>(
    `select session_id as id from registry
     where account = $1 and name = any($2::text[]) and session_id <> all($2::text[]) order by session_id`,
    [account, names],
  );
  return rows.map(({ id }) => id);
}

/** The newest segment that is committed; 0 where there is none. Segments are committed in the order of their ids. */
export async function newestSegment(db: Database, account: string): Promise<number> {
  const [row] = await db.query<{ id: number }>(
    `select id from segments where account = $1 and state = 'committed' order by id desc limit 1`,
    [account],
  );
  return row?.id ?? 0;
}

/** Versions that are written at a time. */
const AT_A_TIME = 10_000;

/**
 * Looks for what a hold covers among what came since the last time; among everything where its scope is new, its
 * custodians are in other places than then, or `full` asks for it. A crash within is repaired by the next call. Fails
 * with `lease-lost`.
 * @param newest what {@link newestSegment} said
 * @param now milliseconds
 */
export async function refreshHold(
  db: Database,
  lease: Lease,
  hold: Hold,
  { newest, full, now }: { readonly newest: number; readonly full: boolean; readonly now: number },
): Promise<void> {
  const { account } = lease;
  const isNew = hold.refreshedAt === undefined;
  if (!isNew && !full && hold.refreshedTo >= newest) return;
  const covered = await coverageOf(db, account, hold);
  const placesHash = createHash('sha256').update(JSON.stringify(covered.places)).digest('hex');
  const all = isNew || full || placesHash !== hold.placesHash;
  const segments = await coveredSegments(db, account, covered, all ? 0 : hold.refreshedTo);
  // A new record may point to an old file, so that all objects are looked at each time.
  const objects = await coveredObjects(db, account, covered);
  for (let at = 0; at < Math.max(segments.length, objects.length); at += AT_A_TIME) {
    await addVersions(db, lease, hold.id, {
      segments: segments.slice(at, at + AT_A_TIME).map(({ id }) => id),
      objects: objects.slice(at, at + AT_A_TIME).map(({ sha256 }) => sha256),
    });
  }
  await noteRefreshed(db, lease, hold.id, { to: newest, at: all ? now : undefined, placesHash });
}
