import { createReadStream, createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { z } from 'zod';
import { digestOf, fileBytes } from '../digest.ts';
import { ArchiverError } from '../errors.ts';
import type { Stated } from '../proof/local-files.ts';
import { messageId } from '../record.ts';
import type { OpenArchive } from './archive.ts';
import { asked } from './asked.ts';
import { loggedObjects } from './catalog.ts';
import type { ObjectPart } from './conversation-form.ts';
import { KnownPeople } from './known-people.ts';
import { messageEvents } from './messages-shown.ts';
import type { AuditContext } from './reader.ts';
import { keyOfMessage } from './timeline.ts';
import { ofSession, requireMay, visible } from './visibility.ts';

export const archivedFileInput = z.strictObject({
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  session: z.string().min(1).describe('Id of the session in which a message names it.'),
  message: z.string().min(1).describe('Id of that message.'),
});

export type ArchivedFileInput = z.input<typeof archivedFileInput>;

/** The bytes of a file, compared with the log. */
export interface ArchivedFile {
  /** On local disk, until `release`. */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** As the message calls it; may hold anything. */
  readonly name: string;
  release(): Promise<void>;
}

/**
 * A file that a message names, or a message that it forwards. Fails with `record-not-found`, also where the message lies
 * beyond the reader's scope or the file was disposed of, and with `proof-invalid` where its bytes are others.
 */
export async function archivedFile(ctx: AuditContext, input: ArchivedFileInput): Promise<ArchivedFile> {
  const question = asked(archivedFileInput, input);
  requireMay(ctx.reader, 'view');
  await ctx.record({ action: 'view', input: question });
  const { archive, signal } = ctx;
  const id = messageId(question.message);
  const seen = ofSession(await visible(ctx), question.session);
  const of = { session: question.session, channel: '', from: null, to: null, seen };
  const key = seen.all || seen.grants.length > 0 ? await keyOfMessage(archive, of, id) : undefined;
  if (key === undefined) throw notFound('message', question.message);
  const wanted = { session: question.session, messages: new Map([[id, key.at]]), seen };
  const shown = (await messageEvents(archive, wanted, new KnownPeople())).get(id);
  const files = [...(shown?.files ?? []), ...(shown?.forwarded?.files ?? [])];
  const file = files.find(({ object }) => object?.sha256 === question.sha256);
  if (file?.object == null) throw notFound('file', question.sha256);
  const { parts, size } = file.object;
  const entries = await entriesOf(archive, parts);
  const [only, ...others] = entries;
  if (only !== undefined && others.length === 0) {
    const path = await archive.files.intact(only);
    return { path, size, name: file.name, release: () => archive.files.release(only) };
  }
  return { ...(await joined(archive, entries, question.sha256, signal)), size, name: file.name };
}

/** What the log says of each part. */
async function entriesOf(archive: OpenArchive, parts: readonly ObjectPart[]): Promise<readonly Stated[]> {
  const { sink, log, deeds } = archive;
  const logged = await loggedObjects(sink, log, new Set(parts.map(({ key }) => key)));
  return parts.map(({ key, version, sha256 }) => {
    const entry = logged.filter((one) => one.key === key && one.version === version).at(-1);
    if (entry?.sha256 !== sha256) throw notFound('file', key);
    const gone = deeds
      .flatMap(({ entry: deed }) => (deed.type === 'disposal' && deed.key === key ? [deed] : []))
      .find((deed) => deed.version === version && deed.at >= entry.at);
    if (gone !== undefined) {
      throw new ArchiverError('record-not-found', 'the file was disposed of', {
        detail: `on ${gone.at.slice(0, 10)} by ${gone.by}`,
      });
    }
    return entry;
  });
}

/** A very large file, put together again. Fails with `proof-invalid` where the whole is not what its record says. */
async function joined(
  { files }: OpenArchive,
  parts: readonly Stated[],
  sha256: string,
  signal: AbortSignal,
): Promise<Pick<ArchivedFile, 'path' | 'release'>> {
  const folder = await mkdtemp(join(tmpdir(), 'zoom-chat-archiver-file-'));
  const release = (): Promise<void> => rm(folder, { recursive: true, force: true });
  const path = join(folder, sha256);
  try {
    for (const part of parts) {
      const from = await files.intact(part);
      await pipeline(createReadStream(from), createWriteStream(path, { flags: 'a', mode: 0o600 }), {
        signal,
      });
      await files.release(part);
    }
    const found = await digestOf(fileBytes(path));
    if (found.sha256 === sha256) return { path, release };
    throw new ArchiverError('proof-invalid', 'the parts of a file are not the whole', { detail: sha256 });
  } catch (error) {
    await release();
    throw error;
  }
}

function notFound(what: string, id: string): ArchiverError {
  return new ArchiverError('record-not-found', `the archive has no such ${what}`, { detail: id });
}
