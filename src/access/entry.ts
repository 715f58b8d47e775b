/** Entries of the access log: who asked the archive for what, one deed each, as canonical JSON. */
import { z } from 'zod';
import { ArchiverError } from '../errors.ts';
import { MAX_ENTRY_BYTES } from '../proof/entry-bundle.ts';
import { nameOfNoteKey } from '../proof/key.ts';
import { ACTIONS, ROLES } from '../query/reader.ts';
import { canonicalJson, type Json } from '../record.ts';
import { PERIOD_PATTERN } from '../retention/period.ts';

/** Form of the entries and batches. */
export const ACCESS_FORMAT = 1;

const name = z.string().min(1);
/** UTC, with milliseconds. */
const time = z.iso.datetime({ precision: 3 });
const days = z.iso.date().nullable();

function isJson(value: unknown): boolean {
  if (Array.isArray(value)) return value.every(isJson);
  if (typeof value === 'object' && value !== null) return Object.values(value).every(isJson);
  return value === null || ['string', 'boolean'].includes(typeof value) || Number.isFinite(value);
}

/** Entry 0: whose log it is, and how long and how firmly everybody who writes to it locks what he writes. */
const begin = z
  .strictObject({
    type: z.literal('begin'),
    at: time,
    format: z.literal(ACCESS_FORMAT),
    /** Name of this log. */
    origin: name,
    /** vkey of this log. */
    key: name,
    /** Name of the archive's log. */
    archive: name,
    lock: z
      .strictObject({ mode: z.enum(['governance', 'compliance']), keep: z.string().regex(PERIOD_PATTERN) })
      .nullable(),
  })
  .refine(({ key, origin }) => nameOfNoteKey(key) === origin, 'key is not of this origin');

/** Somebody's deed, written down before it was answered. */
const deed = z.strictObject({
  type: z.literal('access'),
  at: time,
  /** Random: the same question at the same moment is another deed. */
  id: z.uuid(),
  name,
  role: z.enum(ROLES),
  /** What he was allowed to see. */
  scope: z.strictObject({
    matters: z.array(z.string()),
    custodians: z.array(z.string()),
    channels: z.array(z.string()),
    from: days,
    to: days,
  }),
  action: z.enum(ACTIONS),
  /** The question, defaults filled in. Taken as it is: `z.json` would leave out a member named `__proto__`. */
  input: z.custom<Json>(isJson),
  /** The head of the archive's log that it was asked at; null where it was another archive's work. */
  archive: z.strictObject({ origin: name, size: z.int().min(0), root: z.base64() }).nullable(),
});

const accessEntry = z.discriminatedUnion('type', [begin, deed]);

export type AccessEntry = z.infer<typeof accessEntry>;
export type BeginEntry = z.infer<typeof begin>;
export type DeedEntry = z.infer<typeof deed>;

/** The bytes of an entry. Fails with `access-unrecorded` when it is longer than 65,535 bytes, or no JSON. */
export function accessEntryBytes(entry: AccessEntry): Buffer {
  const parsed = accessEntry.safeParse(entry);
  // Not the problems themselves: they may quote the question.
  if (!parsed.success)
    throw new ArchiverError('access-unrecorded', 'what was asked cannot be written down', {
      detail: [...new Set(parsed.error.issues.map(({ path }) => path.join('.')))].join(', '),
    });
  const bytes = Buffer.from(canonicalJson(parsed.data satisfies Json));
  if (bytes.length <= MAX_ENTRY_BYTES) return bytes;
  throw new ArchiverError('access-unrecorded', 'what was asked is too long to be written down', {
    detail: `${bytes.length} bytes, of which an entry may have ${MAX_ENTRY_BYTES}`,
  });
}

/** Reads an entry. Fails with `proof-invalid` unless the bytes are exactly those of {@link accessEntryBytes}. */
export function parseAccessEntry(bytes: Uint8Array): AccessEntry {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    const entry = accessEntry.parse(JSON.parse(text));
    if (canonicalJson(entry satisfies Json) === text) return entry;
  } catch (cause) {
    throw new ArchiverError('proof-invalid', 'entry of the access log is not readable', { cause });
  }
  throw new ArchiverError('proof-invalid', 'entry of the access log is not canonical');
}
