/**
 * Legal holds and the steps of their lives. Each step stands in the log with who, when and why, in the statement that
 * takes it. None needs the lease: a hold must not wait for whoever leads, and entries get their places from the leader.
 */
import { ArchiverError } from '../errors.ts';
import type { HoldScope } from '../record.ts';
import type { Database, Queryable } from './database.ts';
import { type Lease, leaseLost } from './lease.ts';
import { storableText } from './staged.ts';

/** Who did something, when, and why. */
export interface Deed {
  readonly by: string;
  /** Milliseconds. */
  readonly at: number;
  readonly reason: string;
}

export interface Hold {
  readonly id: string;
  readonly matter: string;
  readonly source: 'own' | 'zoom';
  /** Zoom's id of the matter. */
  readonly zoomMatter: string | undefined;
  readonly scope: HoldScope;
  readonly state: 'placed' | 'releasing' | 'ended';
  readonly placed: Deed;
  readonly released: Deed | undefined;
  /** End of the cool-off. Times are milliseconds. */
  readonly endsAt: number | undefined;
  readonly goneAt: number | undefined;
  /** Segments up to this id were looked at, all of them at `refreshedAt`, for the places of this hash. */
  readonly refreshedTo: number;
  readonly refreshedAt: number | undefined;
  readonly placesHash: string;
  /** When the last flag was lifted, after its end. */
  readonly liftedAt: number | undefined;
}

interface HoldRow extends Record<string, unknown> {
  readonly id: string;
  readonly matter: string;
  readonly source: Hold['source'];
  readonly zoom_matter: string | null;
  readonly custodians: string[];
  readonly channels: string[];
  readonly sessions: string[];
  readonly from_day: string | null;
  readonly to_day: string | null;
  readonly state: Hold['state'];
  readonly placed_by: string;
  readonly placed_at: Date;
  readonly placed_reason: string;
  readonly released_by: string | null;
  readonly released_at: Date | null;
  readonly released_reason: string | null;
  readonly ends_at: Date | null;
  readonly gone_at: Date | null;
  readonly refreshed_to: number;
  readonly refreshed_at: Date | null;
  readonly places_hash: string;
  readonly lifted_at: Date | null;
}

/** All holds of an account, those that ended too, in the order in which they were placed. */
export async function readHolds(db: Queryable, account: string): Promise<readonly Hold[]> {
  const rows = await db.query<HoldRow>(
    `select id, matter, source, zoom_matter, custodians, channels, sessions, from_day::text as from_day,
       to_day::text as to_day, state, placed_by, placed_at, placed_reason, released_by, released_at, released_reason,
       ends_at, gone_at, refreshed_to, refreshed_at, places_hash, lifted_at
     from holds where account = $1 order by placed_at, id`,
    [account],
  );
  return rows.map((row) => ({
    id: row.id,
    matter: row.matter,
    source: row.source,
    zoomMatter: row.zoom_matter ?? undefined,
    scope: {
      custodians: row.custodians,
      channels: row.channels,
      sessions: row.sessions,
      from: row.from_day,
      to: row.to_day,
    },
    state: row.state,
    placed: { by: row.placed_by, at: row.placed_at.getTime(), reason: row.placed_reason },
    released:
      row.released_by === null || row.released_at === null
        ? undefined
        : { by: row.released_by, at: row.released_at.getTime(), reason: row.released_reason ?? '' },
    endsAt: row.ends_at?.getTime(),
    goneAt: row.gone_at?.getTime(),
    refreshedTo: row.refreshed_to,
    refreshedAt: row.refreshed_at?.getTime(),
    placesHash: row.places_hash,
    liftedAt: row.lifted_at?.getTime(),
  }));
}

/** Whether the hold keeps what it covers: also in its cool-off. */
export function isLive({ state }: Pick<Hold, 'state'>): boolean {
  return state !== 'ended';
}

export type NewHold = Pick<Hold, 'id' | 'matter' | 'source' | 'zoomMatter' | 'scope' | 'placed'>;

/**
 * Places a hold. Fails with `archive-missing` where the ledger has no log.
 * @param entries for the log, in order; so for all of these
 * @returns false where a hold of this id was placed before
 */
export async function placeHold(
  db: Queryable,
  account: string,
  hold: NewHold,
  entries: readonly string[],
): Promise<boolean> {
  const log = await db.query('select 1 from log_heads where account = $1', [account]);
  if (log.length === 0) {
    throw new ArchiverError('archive-missing', 'the ledger has no log that a hold could stand in', {
      detail: account,
    });
  }
  return insertHold(db, account, hold, entries);
}

function insertHold(
  db: Queryable,
  account: string,
  { id, matter, source, zoomMatter, scope, placed }: NewHold,
  entries: readonly string[],
): Promise<boolean> {
  return take(
    db,
    account,
    `insert into holds
       (account, id, matter, source, zoom_matter, custodians, channels, sessions, from_day, to_day, state, placed_by,
        placed_at, placed_reason)
     values ($1, $3, $4, $5, $6, $7::text[], $8::text[], $9::text[], $10::date, $11::date, 'placed', $12, $13, $14)
     on conflict do nothing`,
    [
      id,
      storableText(matter),
      source,
      zoomMatter ?? null,
      ...scopeValues(scope),
      storableText(placed.by),
      new Date(placed.at),
      storableText(placed.reason),
    ],
    entries,
  );
}

function scopeValues({ custodians, channels, sessions, from, to }: HoldScope): readonly unknown[] {
  return [custodians.map(storableText), channels.map(storableText), sessions.map(storableText), from, to];
}

/**
 * Takes a step, and enters it where it was one.
 * @param step a statement that writes one row or none; `$1` is the account, `$3` the first of its values
 */
async function take(
  db: Queryable,
  account: string,
  step: string,
  values: readonly unknown[],
  entries: readonly string[],
): Promise<boolean> {
  const rows = await db.query(
    `with step as (${step} returning 1),
     logged as (
       insert into log_entries (account, entry)
       select $1, e.entry from step, unnest($2::text[]) with ordinality as e (entry, place) order by e.place
     )
     select 1 from step`,
    [account, entries, ...values],
  );
  return rows.length > 0;
}

/**
 * Names a hold anew and gives it a wider scope; all segments are looked at again.
 * @returns false where it ended, or is so already
 */
export async function changeHold(
  db: Queryable,
  account: string,
  id: string,
  { matter, scope }: Pick<Hold, 'matter' | 'scope'>,
  entries: readonly string[],
): Promise<boolean> {
  return take(
    db,
    account,
    `update holds set matter = $4, custodians = $5, channels = $6, sessions = $7, from_day = $8, to_day = $9,
       refreshed_to = 0, refreshed_at = null
     where account = $1 and id = $3 and state <> 'ended'
       and (matter, custodians, channels, sessions, from_day, to_day)
         is distinct from ($4, $5::text[], $6::text[], $7::text[], $8::date, $9::date)`,
    [id, storableText(matter), ...scopeValues(scope)],
    entries,
  );
}

/** The hold ends after its cool-off. @returns false where it is not placed, or released already */
export async function releaseHold(
  db: Queryable,
  account: string,
  id: string,
  { by, at, reason, endsAt }: Deed & { readonly endsAt: number },
  entries: readonly string[],
): Promise<boolean> {
  return take(
    db,
    account,
    `update holds set state = 'releasing', released_by = $4, released_at = $5, released_reason = $6, ends_at = $7
     where account = $1 and id = $3 and state = 'placed'`,
    [id, storableText(by), new Date(at), storableText(reason), new Date(endsAt)],
    entries,
  );
}

/** A hold in its cool-off stays. @returns false where it is in none */
export async function cancelRelease(
  db: Queryable,
  account: string,
  id: string,
  entries: readonly string[],
): Promise<boolean> {
  return take(
    db,
    account,
    `update holds set state = 'placed', released_by = null, released_at = null, released_reason = null, ends_at = null
     where account = $1 and id = $3 and state = 'releasing'`,
    [id],
    entries,
  );
}

/** Ends a hold whose cool-off is over at `now`, milliseconds. @returns false where it is not */
export async function endHold(
  db: Queryable,
  account: string,
  id: string,
  now: number,
  entries: readonly string[],
): Promise<boolean> {
  return take(
    db,
    account,
    `update holds set state = 'ended' where account = $1 and id = $3 and state = 'releasing' and ends_at <= $4`,
    [id, new Date(now)],
    entries,
  );
}

/** Since when Zoom does not list the matter of a hold; undefined where it does. */
export async function noteGone(
  db: Database,
  account: string,
  id: string,
  at: number | undefined,
): Promise<void> {
  await db.query('update holds set gone_at = $3 where account = $1 and id = $2', [
    account,
    id,
    at === undefined ? null : new Date(at),
  ]);
}

/** A step as the archive's log tells it. */
export type HoldStep =
  | { readonly action: 'place'; readonly hold: NewHold }
  | { readonly action: 'change'; readonly id: string; readonly matter: string; readonly scope: HoldScope }
  | { readonly action: 'release'; readonly id: string; readonly released: Deed & { readonly endsAt: number } }
  | { readonly action: 'cancel'; readonly id: string }
  | { readonly action: 'end'; readonly id: string; readonly at: number };

/**
 * Takes a step again that the log tells of, in a ledger that is made from it, and notes that all entries before `next`
 * are done with: twice is as once. Fails with `lease-lost`.
 * @param widen the scope that covers what either covers: what `change` tells is added
 */
export async function restoreHold(
  db: Database,
  lease: Lease,
  step: HoldStep,
  next: number,
  widen: (scope: HoldScope, other: HoldScope) => HoldScope,
): Promise<void> {
  const { account } = lease;
  await db.transaction(async (tx) => {
    const [row] = await tx.query<{ advanced: boolean }>(
      `with guard as (select 1 from lease where account = $1 and generation = $2 for share),
       advanced as (
         update rebuilds set next_entry = $3 where account = $1 and next_entry < $3 and exists (select 1 from guard)
         returning 1
       )
       select exists (select 1 from advanced) as advanced from guard`,
      [account, lease.generation, next],
    );
    if (row === undefined) throw leaseLost(lease);
    if (!row.advanced) return;
    switch (step.action) {
      case 'place':
        return void (await insertHold(tx, account, step.hold, []));
      case 'change': {
        const hold = (await readHolds(tx, account)).find(({ id }) => id === step.id);
        if (hold === undefined) return;
        const scope = widen(hold.scope, step.scope);
        return void (await changeHold(tx, account, step.id, { matter: step.matter, scope }, []));
      }
      case 'release':
        return void (await releaseHold(tx, account, step.id, step.released, []));
      case 'cancel':
        return void (await cancelRelease(tx, account, step.id, []));
      case 'end':
        return void (await endHold(tx, account, step.id, step.at, []));
      default:
        return step satisfies never;
    }
  });
}
