import { ArchiverError } from '../errors.ts';

/** S3's limit, which a directory keeps too so that an archive can move between them. */
const MAX_KEY_BYTES = 1024;

/**
 * Returns `key` when it is a safe object key: relative, no empty, `.` or `..` part, no backslash or control
 * character, at most 1,024 bytes of UTF-8, and no leading dot (such names are a sink's own). Anything else is
 * a bug of the caller and fails with `internal`. A key that passes cannot leave the folder it is joined to.
 */
export function checkedKey(key: string): string {
  const parts = key.split('/');
  const safe =
    !key.startsWith('.') &&
    !/[\\\u0000-\u001f\u007f]/.test(key) &&
    Buffer.from(key).toString() === key &&
    Buffer.byteLength(key) <= MAX_KEY_BYTES &&
    parts.every((part) => part !== '' && part !== '.' && part !== '..');
  if (!safe) throw new ArchiverError('internal', 'unusable object key', { detail: JSON.stringify(key) });
  return key;
}

/** Compares two keys as S3 lists them: by their UTF-8 bytes. */
export function compareKeys(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
