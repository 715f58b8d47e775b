/** The access log: who asked the archive for what, in a second log beside the archive's own. */
import { randomUUID } from 'node:crypto';
import { ArchiverError, asArchiverError } from '../errors.ts';
import type { Checkpoint } from '../proof/checkpoint.ts';
import { formatVerifierKey, type NoteKey, noteKeyOf, type SignerKey } from '../proof/key.ts';
import { openPublished } from '../proof/published.ts';
import type { Access, AccessLogPlace, Reader } from '../query/reader.ts';
import { mayDo } from '../query/reader.ts';
import { type Period, periodEnd } from '../retention/period.ts';
import { ACCESS_LOG, accessPrefix } from '../segments/layout.ts';
import type { ObjectLock, Sink, SinkReader } from '../sinks/sink.ts';
import { ACCESS_FORMAT, accessEntryBytes, type BeginEntry, parseAccessEntry } from './entry.ts';
import { provenBundle } from './newest.ts';
import { AccessLogWriter } from './writer.ts';

export interface AccessLogOptions {
  /** Of the place that holds the log; closed by whoever opened it. */
  readonly sink: Sink;
  readonly signer: SignerKey;
  /** Name of the log of the archive whose accesses these are. */
  readonly archive: string;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

export interface AccessLog {
  /** Where it is, for who reads it. */
  readonly place: AccessLogPlace;
  /**
   * Writes down what a reader is about to be given, and resolves once it is durable and below the published head. Fails
   * with `access-denied` where his role does not allow the deed, and with `access-unrecorded`.
   * @param asked the head of the archive's log that answers
   */
  record(reader: Reader, access: Access, asked: Checkpoint | null): Promise<void>;
  /** Resolves when nothing is being written any more. */
  settled(): Promise<void>;
}

/** How long and how firmly batches and full tiles are locked, counted from the UTC day of the access. */
export interface AccessLock {
  readonly mode: ObjectLock['mode'];
  readonly keep: Period;
}

/**
 * Opens the log for writing; one for each process, for requests that come together share one write. Fails with
 * `archive-missing` where none was begun, `archive-mismatch` where it is another archive's, `proof-invalid` where it is
 * not one of this key, and `sink-*`.
 */
export async function createAccessLog(options: AccessLogOptions): Promise<AccessLog> {
  const { sink, signer, archive, now } = options;
  const key = noteKeyOf(signer);
  const beginning = await readBegin(sink, key, archive);
  const writer = new AccessLogWriter({ sink, signer, lock: () => lockFor(beginning.lock, now()) });
  return {
    place: { sink, key },
    async record({ name, role, scope }, { action, input }, asked) {
      if (!mayDo(role, action))
        throw new ArchiverError('access-denied', 'the role does not allow it', {
          detail: `${role}: ${action}`,
        });
      const bytes = accessEntryBytes({
        type: 'access',
        at: new Date(now()).toISOString(),
        id: randomUUID(),
        name,
        role,
        scope: {
          ...scope,
          matters: [...scope.matters],
          custodians: [...scope.custodians],
          channels: [...scope.channels],
        },
        action,
        input: jsonOf(input),
        archive:
          asked === null
            ? null
            : {
                origin: asked.origin,
                size: asked.size,
                root: Buffer.from(asked.root).toString('base64'),
              },
      });
      try {
        await writer.append(bytes);
      } catch (cause) {
        throw unrecorded(cause);
      }
    },
    settled: () => writer.settled(),
  };
}

/** As JSON has it: members that are undefined are left out. Fails with `access-unrecorded`. */
function jsonOf(input: unknown) {
  try {
    return JSON.parse(JSON.stringify(input ?? null));
  } catch (cause) {
    throw new ArchiverError('access-unrecorded', 'what was asked cannot be written down', { cause });
  }
}

/** The error of whoever could not write: the cause has its own code, but nothing is answered in any case. */
export function unrecorded(cause: unknown): ArchiverError {
  const { code, message } = asArchiverError(cause);
  if (code === 'access-unrecorded') return asArchiverError(cause);
  return new ArchiverError('access-unrecorded', 'the access log cannot be written', {
    cause,
    detail: `${code}, ${message}`,
  });
}

/** Whether an access log was begun at this place. */
export async function hasAccessLog(sink: SinkReader): Promise<boolean> {
  if ((await sink.current(ACCESS_LOG.checkpoint)) !== null) return true;
  // Whoever takes the head away does not make an archive that never had one.
  for await (const _object of sink.list(accessPrefix())) return true;
  return false;
}

export interface BeginOptions extends AccessLogOptions {
  /** Null where nothing is locked. */
  readonly lock: AccessLock | null;
}

/**
 * Begins the log, unless it was begun by this key already; safe to repeat, also by two at once. Fails as
 * {@link createAccessLog}, and with `archive-mismatch` for a key of the archive's own log.
 */
export async function beginAccessLog(options: BeginOptions): Promise<{ readonly created: boolean }> {
  const { sink, signer, archive, lock, now } = options;
  const key = noteKeyOf(signer);
  if (key.name === archive) {
    throw new ArchiverError('archive-mismatch', "the access log needs a key of its own, not the archive's", {
      detail: `${archive}/access would be a name for it`,
    });
  }
  const created = !(await hasAccessLog(sink));
  if (created) {
    const at = new Date(now()).toISOString();
    const entry: BeginEntry = {
      type: 'begin',
      at,
      format: ACCESS_FORMAT,
      origin: key.name,
      key: formatVerifierKey(key),
      archive,
      lock,
    };
    await new AccessLogWriter({ sink, signer, lock: () => lockFor(lock, now()) }).begin(
      accessEntryBytes(entry),
    );
  } else {
    // Also what a crash left half begun.
    await new AccessLogWriter({ sink, signer, lock: () => lockFor(lock, now()) }).catchUp();
  }
  await readBegin(sink, key, archive);
  return { created };
}

/** Entry 0, proven. */
async function readBegin(sink: SinkReader, key: NoteKey, archive: string): Promise<BeginEntry> {
  const log = await openPublished(sink, key, ACCESS_LOG);
  const [first] = await provenBundle(sink, log, 0);
  const entry = first === undefined ? undefined : parseAccessEntry(first.bytes);
  if (entry?.type !== 'begin')
    throw new ArchiverError('proof-invalid', 'the access log has no beginning', { detail: key.name });
  if (entry.archive === archive) return entry;
  throw new ArchiverError('archive-mismatch', 'the access log is of another archive', {
    detail: `${entry.archive}, not ${archive}`,
  });
}

const DAY_MS = 86_400_000;

function lockFor(terms: { readonly mode: ObjectLock['mode']; readonly keep: string } | null, now: number) {
  if (terms === null) return null;
  const endOfDay = (Math.floor(now / DAY_MS) + 1) * DAY_MS;
  return { mode: terms.mode, retainUntil: new Date(periodEnd(endOfDay, terms.keep as Period)) };
}
