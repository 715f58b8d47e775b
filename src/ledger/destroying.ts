/** What the log says was disposed of, until it is destroyed. */
import type { Database, Queryable } from './database.ts';
import { AT_A_TIME, type Candidate, type CandidateRow, candidateOf, OBJECT, SEGMENT } from './disposals.ts';
import { type Lease, leaseLost, requireLease } from './lease.ts';

/** Something that is to be destroyed: the log says so. */
export interface UnderwayDisposal {
  readonly id: number;
  readonly kind: 'segment' | 'object';
  readonly key: string;
  readonly class: string;
  readonly bytes: number;
}

/** All that is logged and not known to be destroyed, in order. @param afterId those of this id and before are passed over */
export async function underwayDisposals(
  db: Database,
  account: string,
  afterId: number,
): Promise<readonly UnderwayDisposal[]> {
  return db.query<UnderwayDisposal & Record<string, unknown>>(
    `select d.id, case when d.segment_id is null then 'object' else 'segment' end as kind, d.key, d.class, d.bytes
     from disposals d
     where d.account = $1 and d.done_at is null and d.id > $2 order by d.id limit $3`,
    [account, afterId, AT_A_TIME],
  );
}

/**
 * Says that this process destroys something now, and then looks at it once more. The order matters, and that each is a
 * statement of its own: a hold that the look does not see was placed after the saying, and {@link beingDestroyed} told
 * whoever placed it. Nothing is locked meanwhile, so that neither a hold nor the renewal of the lease waits. Fails with
 * `lease-lost`, also where the lease is over and nobody took it.
 */
export async function beginDestroying(
  db: Database,
  lease: Lease,
  { id, kind }: Pick<UnderwayDisposal, 'id' | 'kind'>,
): Promise<Candidate & { readonly approved: boolean }> {
  const values = [lease.account, id, lease.generation];
  const said = await db.query(
    `update disposals set destroying = true where account = $1 and id = $2 and done_at is null and ${LIVING} returning 1`,
    values,
  );
  if (said.length === 0) throw leaseLost(lease);
  const [row] = await db.query<CandidateRow & { readonly approved: boolean }>(
    kind === 'segment'
      ? `select ${SEGMENT}, d.approved_by is not null as approved
         from disposals d join segments s on s.id = d.segment_id where d.account = $1 and d.id = $2 and ${LIVING}`
      : `select ${OBJECT}, d.approved_by is not null as approved
         from disposals d join objects o on o.account = d.account and o.sha256 = d.object_sha256
         where d.account = $1 and d.id = $2 and ${LIVING}`,
    values,
  );
  if (row === undefined) throw leaseLost(lease);
  return { ...candidateOf(row), approved: row.approved };
}

const LIVING = `exists (select 1 from lease l
  where l.account = $1 and l.generation = $3 and l.expires_at > clock_timestamp())`;

/** What a process said that it destroys, and is neither done nor given back: a hold placed now may be too late for it. */
export async function beingDestroyed(
  db: Database,
  account: string,
): Promise<readonly Pick<UnderwayDisposal, 'id' | 'key'>[]> {
  return db.query<Pick<UnderwayDisposal, 'id' | 'key'> & Record<string, unknown>>(
    'select id, key from disposals where account = $1 and destroying and done_at is null order by id',
    [account],
  );
}

/** Of these, those that a process did not give back: they are gone, or may be. */
export async function notGivenBack(
  db: Database,
  account: string,
  ids: readonly number[],
): Promise<readonly (Pick<UnderwayDisposal, 'key'> & { readonly gone: boolean })[]> {
  return db.query<{ key: string; gone: boolean }>(
    `select key, done_at is not null as gone from disposals
     where account = $1 and id = any($2::bigint[]) and destroying order by id`,
    [account, ids],
  );
}

/** Notes why something is not destroyed yet, and that nobody destroys it now. Fails with `lease-lost`. */
export async function noteRefusal(db: Database, lease: Lease, id: number, refusal: string): Promise<void> {
  const rows = await db.query(
    `with guard as (select 1 from lease where account = $1 and generation = $2 for share),
     noted as (
       update disposals set refusal = $4, destroying = false where account = $1 and id = $3 and exists (select 1 from guard)
     )
     select 1 from guard`,
    [lease.account, lease.generation, id, refusal],
  );
  if (rows.length === 0) throw leaseLost(lease);
}

/**
 * Notes that something is destroyed, and forgets what it held. Twice is as once. Fails with `lease-lost`.
 * @param now milliseconds
 */
export async function noteDestroyed(db: Database, lease: Lease, id: number, now: number): Promise<void> {
  await db.transaction(async (tx) => {
    const [done] = await tx.query<{ segment_id: number | null; object_sha256: string | null }>(
      `update disposals set done_at = $3, refusal = null where account = $1 and id = $2 and done_at is null
       returning segment_id, object_sha256`,
      [lease.account, id, new Date(now)],
    );
    if (done?.object_sha256 != null) {
      await tx.query(
        'update objects set disposed_at = $3, disposing = false where account = $1 and sha256 = $2',
        [lease.account, done.object_sha256, new Date(now)],
      );
      await tx.query('delete from file_objects where account = $1 and sha256 = $2', [
        lease.account,
        done.object_sha256,
      ]);
    }
    if (done?.segment_id != null) await forgetSegment(tx, lease.account, done.segment_id, now);
    // Last, for renewing the lease waits for it.
    await requireLease(tx, lease);
  });
}

async function forgetSegment(tx: Queryable, account: string, id: number, now: number): Promise<void> {
  await tx.query('update segments set disposed_at = $2 where id = $1', [id, new Date(now)]);
  // What other segments of that day say as well stays.
  await tx.query(
    `delete from file_places p using segments s, segment_contents c
     where s.id = $2 and c.segment_id = s.id and p.account = $1 and p.place = c.place and p.sender = c.sender
       and p.day = s.day and not exists (
         select 1 from segment_contents other join segments t on t.id = other.segment_id
         where other.place = c.place and other.sender = c.sender and t.account = $1 and t.day = s.day
           and t.id <> s.id and t.disposed_at is null
       )`,
    [account, id],
  );
  await tx.query('delete from segment_contents where segment_id = $1', [id]);
}
