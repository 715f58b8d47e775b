/** Entries of the log: what was archived, one statement each, as canonical JSON (design section 5). */
import { z } from 'zod';
import { ArchiverError } from '../errors.ts';
import { canonicalJson, STREAMS } from '../record.ts';
import { parseObjectKey, parseSegmentKey, segmentKey } from '../segments/layout.ts';
import { MAX_ENTRY_BYTES } from './entry-bundle.ts';
import { nameOfNoteKey } from './key.ts';

const name = z.string().min(1);
/** UTC, with milliseconds. */
const time = z.iso.datetime({ precision: 3 });
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const count = z.int().min(0);
const lock = z.strictObject({ mode: z.enum(['governance', 'compliance']), retain_until: time }).nullable();
/** When the entry was committed. */
const at = time;

/** Entry 0: whose log it is. */
const archive = z
  .strictObject({
    type: z.literal('archive'),
    at,
    format: count.min(1),
    account: name,
    origin: name,
    /** vkey of the log, see `key.ts`. */
    key: name,
    created_at: time,
  })
  .refine(({ key, origin }) => nameOfNoteKey(key) === origin, 'key is not of this origin');

/** A segment, and the version of it that counts. */
const segment = z
  .strictObject({
    type: z.literal('segment'),
    at,
    key: name,
    version: name,
    sha256,
    bytes: count,
    /** Records. */
    count: count.min(1),
    /** Tree over the records' hashes. */
    root: sha256,
    stream: z.enum(STREAMS),
    class: name,
    date: z.iso.date(),
    lock,
  })
  .refine(
    ({ key, stream, class: className, date: day, root }) =>
      key === segmentKey({ stream, className, day, root }),
    'key is not that of this segment',
  );

/** A file or another object that is stored by its content. */
const object = z
  .strictObject({
    type: z.literal('object'),
    at,
    key: name,
    version: name,
    sha256,
    bytes: count,
    class: name,
    lock,
  })
  .refine((entry) => parseObjectKey(entry.key) === entry.sha256, 'key is not that of this object');

/**
 * What stands where an archive has segments and objects, and is not part of it: a ledger put it that was lost before it
 * was logged. Its records were or will be archived anew, maybe as the same segment, which a later entry then names.
 */
const abandoned = z
  .strictObject({
    type: z.literal('abandoned'),
    at,
    key: name,
    version: name,
    sha256,
    bytes: count,
    reason: name,
  })
  .refine(
    ({ key, sha256: found }) => parseSegmentKey(key) !== undefined || parseObjectKey(key) === found,
    'key is not that of a segment or of this object',
  );

/** A setting that decides what is archived and for how long, by the hash of its text. */
const config = z.strictObject({ type: z.literal('config'), at, sha256, what: name });

/**
 * From now on an object is kept by this class, and by this lock if any: never by less than before. Of several entries of
 * one version the strictest lock counts.
 */
const relock = z.strictObject({
  type: z.literal('lock'),
  at,
  key: name,
  version: name,
  class: name,
  lock,
});

/**
 * Whom and what a legal hold covers: everything where all three lists are empty. Dates are UTC days, both included, and
 * null where they are open.
 */
const scope = z.strictObject({
  custodians: z.array(name),
  channels: z.array(name),
  sessions: z.array(name),
  from: z.iso.date().nullable(),
  to: z.iso.date().nullable(),
});

/** A step in the life of a legal hold: who did it, and why. */
const hold = z.strictObject({
  type: z.literal('hold'),
  at,
  /** Names the hold. */
  hold: name,
  matter: name,
  source: z.enum(['own', 'zoom']),
  /**
   * `place`; `change` of a matter at Zoom; `release`, after whose cool-off it ends; `cancel` of a release; `end`, when
   * objects that no other hold covers are free again.
   */
  action: z.enum(['place', 'change', 'release', 'cancel', 'end']),
  by: name,
  reason: name,
  /** With `place` and `change`; those of one hold add up: the names of all, and the widest dates. */
  scope: scope.nullable(),
  /** With `release`: the end of its cool-off. */
  ends_at: time.nullable(),
});

/** An object was to be destroyed: from then on it need not be there. */
const disposal = z.strictObject({
  type: z.literal('disposal'),
  at,
  key: name,
  version: name,
  sha256,
  bytes: count,
  /** By which it was kept. */
  class: name,
  by: name,
  /** The second name, where the class asks for a review. */
  approved_by: name.nullable(),
  reason: name,
});

const schema = z.discriminatedUnion('type', [
  archive,
  segment,
  object,
  abandoned,
  config,
  relock,
  hold,
  disposal,
]);

export type LogEntry = z.infer<typeof schema>;
export type SegmentEntry = Extract<LogEntry, { type: 'segment' }>;
export type EntryLock = z.infer<typeof lock>;

/** A lock as entries name it. */
export function entryLock(
  given: { readonly mode: 'governance' | 'compliance'; readonly retainUntil: Date } | null,
): EntryLock {
  return given === null ? null : { mode: given.mode, retain_until: given.retainUntil.toISOString() };
}

/**
 * The entry's bytes, of which the log's leaf hash is taken. Fails with `internal` when it is no entry, or longer than
 * an entry bundle can hold.
 */
export function entryBytes(entry: LogEntry): Buffer {
  const parsed = schema.safeParse(entry);
  if (!parsed.success) {
    throw new ArchiverError('internal', 'not an entry of the log', { cause: parsed.error });
  }
  const bytes = Buffer.from(canonicalJson(parsed.data));
  if (bytes.length > MAX_ENTRY_BYTES) {
    throw new ArchiverError('internal', 'log entry is too long', { detail: `${bytes.length} bytes` });
  }
  return bytes;
}

/** Reads {@link entryBytes}. Fails with `proof-invalid` for anything else, also for the same entry in other bytes. */
export function parseEntry(bytes: Uint8Array): LogEntry {
  try {
    const entry = schema.parse(JSON.parse(Buffer.from(bytes).toString()));
    if (Buffer.compare(entryBytes(entry), bytes) !== 0) throw new Error('not canonical');
    return entry;
  } catch (cause) {
    throw new ArchiverError('proof-invalid', 'log entry is not readable', { cause });
  }
}
