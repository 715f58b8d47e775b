/** Bytes of files that messages name, out of the archive and compared with it. */
import { hash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { ConversationFile } from '../query/conversation.ts';
import type { AuditContext } from '../query/reader.ts';
import { safeName } from './shown.ts';

/** Larger ones are not put into mails and RSMF files; review platforms refuse these beyond some size. */
const MOST_EMBEDDED = 64 << 20;

/** A file as a member of something, or a note in its place. */
export interface EmbeddedFile {
  /** Safe, and told apart from others by the content. */
  readonly name: string;
  /** As the message calls it. */
  readonly display: string;
  readonly bytes: Buffer;
  readonly isThere: boolean;
}

/** Fails with `proof-invalid` where the bytes in the archive are others than it says. */
export async function embeddedFile({ archive }: AuditContext, file: ConversationFile): Promise<EmbeddedFile> {
  const { object, id, name, size } = file;
  const safe = safeName(name, 80) || 'file';
  const part = object?.parts.length === 1 ? object.parts[0] : undefined;
  if (object !== null && part !== undefined && object.size <= MOST_EMBEDDED) {
    const stated = { key: part.key, version: part.version, bytes: part.size, sha256: part.sha256 };
    const path = await archive.files.intact(stated);
    const bytes = await readFile(path).finally(() => archive.files.release(stated));
    return { name: `${object.sha256.slice(0, 16)}_${safe}`, display: name, bytes, isThere: true };
  }
  const why =
    object === null
      ? `It is not in the archive: ${file.reason ?? 'unknown'}`
      : `It is too large to be put in here; its SHA-256 is ${object.sha256}`;
  const note = `The file is not in this export.\nName: ${name}\nId: ${id}\nBytes: ${object?.size ?? size ?? 'unknown'}\n${why}\n`;
  const tag = hash('sha256', `${id} ${name} ${why}`, 'hex').slice(0, 16);
  return {
    name: `${tag}_${safe}.UNAVAILABLE.txt`,
    display: `${name}.UNAVAILABLE.txt`,
    bytes: Buffer.from(note),
    isThere: false,
  };
}
