/** What collectors of bytes hand over and get back: the archive's objects as a record names them. */
import type { Provenance } from '../ledger/staged.ts';
import type { About, Json, Stream } from '../record.ts';

/** A finished local file. */
export interface SpooledFile {
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** Lower-case hex. */
  readonly sha256: string;
}

/** An object of the archive. */
export interface ObjectPart {
  readonly key: string;
  readonly version: string;
  readonly sha256: string;
  readonly size: number;
}

/** Of what the bytes are a part, which decides their retention class. */
export interface PartOf {
  readonly stream: Stream;
  readonly session?: Provenance['session'];
  readonly about?: About;
}

/** Stores bytes once by their content; several objects, which follow one another, where they are too many for one. */
export type StoreFile = (file: SpooledFile, of: PartOf) => Promise<readonly [ObjectPart, ...ObjectPart[]]>;

/** Member `object` of a record: size and hash of the whole, and the object that holds it, or its parts in order. */
export async function storedObject(
  store: StoreFile,
  { path, size, sha256 }: SpooledFile,
  of: PartOf,
): Promise<{ readonly [name: string]: Json; readonly sha256: string }> {
  const [first, ...rest] = await store({ path, size, sha256 }, of);
  if (rest.length === 0) return { key: first.key, version: first.version, sha256, size };
  const parts = [first, ...rest].map(({ key, version, ...part }) => ({ key, version, ...part }));
  return { sha256, size, parts };
}

/** True for an HTML page, by what the answer says of itself. */
export function isPage(contentType: string): boolean {
  return /^\s*(text\/html|application\/xhtml\+xml)\b/i.test(contentType);
}
