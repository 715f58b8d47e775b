/** The archive's identity: `archive.json`, written by `init`, once, and checked by all that write. */
import { createHash } from 'node:crypto';
import { text } from 'node:stream/consumers';
import { z } from 'zod';
import { ArchiverError } from '../errors.ts';
import type { LogEntry } from '../proof/entry.ts';
import { formatVerifierKey, noteKeyOf, type SignerKey } from '../proof/key.ts';
import { ARCHIVE_FORMAT } from '../segments/format.ts';
import { ARCHIVE_KEY } from '../segments/layout.ts';
import type { ObjectLock, Sink, SinkReader } from '../sinks/sink.ts';

const identity = z.looseObject({
  format: z.number().int(),
  account: z.string(),
  /** Name of its log. */
  origin: z.string(),
  /** vkey of its log, which verifiers must have from somebody they trust, not from here. */
  key: z.string(),
  created_at: z.string(),
});
export type ArchiveIdentity = z.infer<typeof identity>;

/** The identity, undefined where there is no archive. Fails with `archive-mismatch` when it is not readable. */
export async function readIdentity(sink: SinkReader): Promise<ArchiveIdentity | undefined> {
  if ((await sink.head(ARCHIVE_KEY)) === null) return undefined;
  const body = await text(await sink.read(ARCHIVE_KEY));
  try {
    return identity.parse(JSON.parse(body));
  } catch (cause) {
    throw new ArchiverError('archive-mismatch', 'archive.json is not readable', {
      cause,
      detail: ARCHIVE_KEY,
    });
  }
}

/** Fails with `archive-missing`, or `archive-mismatch` for another account's or a newer format's archive. */
export async function checkIdentity(sink: SinkReader, account: string): Promise<ArchiveIdentity> {
  const found = await readIdentity(sink);
  if (found === undefined) throw new ArchiverError('archive-missing', 'there is no archive at the sink');
  if (found.account !== account) {
    throw new ArchiverError('archive-mismatch', 'the archive is of another account', {
      detail: `archive ${found.account}, configuration ${account}`,
    });
  }
  if (found.format !== ARCHIVE_FORMAT) {
    throw new ArchiverError('archive-mismatch', 'the archive has another format', {
      detail: `archive ${found.format}, program ${ARCHIVE_FORMAT}`,
    });
  }
  return found;
}

/** Fails with `archive-mismatch` when the archive's log is signed with another key. */
export function checkSigner({ key }: ArchiveIdentity, signer: SignerKey): void {
  const ours = formatVerifierKey(noteKeyOf(signer));
  if (key === ours) return;
  throw new ArchiverError('archive-mismatch', "the archive's log is signed with another key", {
    detail: `archive ${key}, configuration ${ours}`,
  });
}

/** Writes the identity of a new archive. */
export async function writeIdentity(
  sink: Sink,
  account: string,
  signer: SignerKey,
  lock: ObjectLock | null,
  now: number,
): Promise<ArchiveIdentity> {
  const created: ArchiveIdentity = {
    format: ARCHIVE_FORMAT,
    account,
    origin: signer.name,
    key: formatVerifierKey(noteKeyOf(signer)),
    created_at: new Date(now).toISOString(),
  };
  const body = Buffer.from(`${JSON.stringify(created, null, 2)}\n`);
  await sink.put({
    key: ARCHIVE_KEY,
    body,
    size: body.length,
    sha256: createHash('sha256').update(body).digest('hex'),
    lock,
    contentType: 'application/json',
  });
  return created;
}

/** Entry 0 of the archive's log. */
export function archiveEntry({
  format,
  account,
  origin,
  key,
  created_at,
}: ArchiveIdentity): LogEntry & { type: 'archive' } {
  return { type: 'archive', at: created_at, format, account, origin, key, created_at };
}
