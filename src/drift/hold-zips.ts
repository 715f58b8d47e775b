/** The zips of a matter, as the records of `hold_files` name them. */
import { z } from 'zod';
import { ArchiverError } from '../errors.ts';

const object = z.object({ key: z.string(), version: z.string(), sha256: z.string(), size: z.number() });
const parts = z.object({ parts: z.array(object).min(1) });

/** What a comparison needs of a record; written by the archiver, so anything else fails. */
const record = z.object({
  matter_id: z.string(),
  matter_name: z.string(),
  custodian: z.object({ user_id: z.string(), email: z.string() }),
  file: z.object({
    file_key: z.string(),
    file_start_date: z.string().optional(),
    file_end_date: z.string().optional(),
  }),
  object: z.union([parts, object]).nullable(),
  problems: z.array(z.string()),
  reason: z.string().optional(),
});

/** An object of the archive that holds a zip or a part of one. */
export type ZipObject = z.infer<typeof object>;

interface Described {
  readonly matterId: string;
  readonly matterName: string;
  readonly custodian: { readonly userId: string; readonly email: string };
  readonly fileKey: string;
  /** Days as Zoom names them, `yyyy-mm-dd`; the last is part of it. Empty where Zoom names none. */
  readonly from: string;
  readonly to: string;
  /** When Zoom's answer was complete, milliseconds. */
  readonly observedAt: number;
}

export type HeldZip = Described &
  (
    | { readonly state: 'whole'; readonly objects: readonly ZipObject[] }
    | { readonly state: 'broken'; readonly problems: readonly string[] }
    | { readonly state: 'unavailable'; readonly reason: string }
  );
export type WholeZip = Extract<HeldZip, { state: 'whole' }>;

/** A record of `hold_files`. @param observedAt milliseconds */
export function heldZip(text: string, observedAt: number): HeldZip {
  const {
    matter_id,
    matter_name,
    custodian,
    file,
    object: stored,
    problems,
    reason,
  } = record.parse(JSON.parse(text));
  const described: Described = {
    matterId: matter_id,
    matterName: matter_name,
    custodian: { userId: custodian.user_id, email: custodian.email },
    fileKey: file.file_key,
    from: file.file_start_date ?? '',
    to: file.file_end_date ?? '',
    observedAt,
  };
  if (stored === null) return { ...described, state: 'unavailable', reason: reason ?? '' };
  if (problems.length > 0) return { ...described, state: 'broken', problems };
  return { ...described, state: 'whole', objects: 'parts' in stored ? stored.parts : [stored] };
}

/**
 * The zips of the matter with this id or name, of one custodian if one is named: of each the newest whole one, else the
 * newest. Fails with `record-not-found` where there is none, and with `usage` when two matters have the name.
 * @param custodian user id or e-mail address
 */
export function zipsOfMatter(
  all: readonly HeldZip[],
  matter: string,
  custodian?: string,
): readonly [HeldZip, ...HeldZip[]] {
  const ids = new Set(
    all
      .filter(({ matterId, matterName }) => matterId === matter || matterName === matter)
      .map((zip) => zip.matterId),
  );
  if (ids.size > 1)
    throw new ArchiverError('usage', 'several matters have this name; give an id', {
      detail: [...ids].join(', '),
    });
  const wanted = custodian?.toLowerCase();
  const newest = new Map<string, HeldZip>();
  for (const zip of all) {
    const { userId, email } = zip.custodian;
    if (!ids.has(zip.matterId)) continue;
    if (wanted !== undefined && wanted !== email.toLowerCase() && wanted !== userId.toLowerCase()) continue;
    const key = JSON.stringify([userId, email, zip.fileKey]);
    const known = newest.get(key);
    if (known === undefined || isBetter(zip, known)) newest.set(key, zip);
  }
  const [first, ...rest] = [...newest.values()].sort(
    (one, other) => compare(one.custodian.email, other.custodian.email) || compare(one.from, other.from),
  );
  if (first !== undefined) return [first, ...rest];
  throw new ArchiverError(
    'record-not-found',
    'the archive has no legal-hold zip of this matter and custodian',
    {
      detail: custodian === undefined ? matter : `${matter}, ${custodian}`,
    },
  );
}

function isBetter(one: HeldZip, other: HeldZip): boolean {
  if ((one.state === 'whole') !== (other.state === 'whole')) return one.state === 'whole';
  return one.observedAt > other.observedAt;
}

function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
