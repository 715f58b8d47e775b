/** Files that the messages of an export name: once each by their content, and a list of who names them. */
import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import type { ConversationFile } from '../query/conversation.ts';
import type { AuditContext } from '../query/reader.ts';
import { FILES } from './manifest.ts';
import type { Pack } from './pack.ts';
import type { ToldDay } from './surroundings.ts';

const FILES_INDEX = `${FILES}index.ndjson`;

type StoredObject = NonNullable<ConversationFile['object']>;

export interface StoredFile {
  readonly path: string;
  readonly size: number;
  readonly sha256: string;
  readonly content: Readable;
}

export class FilesNamed {
  readonly pack: Pack;
  readonly #ctx: AuditContext;
  readonly #objects = new Map<string, StoredObject>();

  constructor(ctx: AuditContext, pack: Pack) {
    this.#ctx = ctx;
    this.pack = pack;
    pack.begin(FILES_INDEX);
  }

  /** How many there are, each content once. */
  get count(): number {
    return this.#objects.size;
  }

  async day({ session, messages }: ToldDay): Promise<void> {
    for (const { messageId, files, forwarded } of messages)
      for (const { id, name, size, object, reason } of [...files, ...(forwarded?.files ?? [])]) {
        if (object !== null) this.#objects.set(object.sha256, object);
        const line = {
          session_id: session,
          message_id: messageId,
          file_id: id,
          name,
          size: object?.size ?? size,
          sha256: object?.sha256 ?? null,
          path: object === null ? null : `${FILES}${object.sha256}`,
          reason,
        };
        await this.pack.write(`${JSON.stringify(line)}\n`);
      }
  }

  async end(): Promise<void> {
    await this.pack.end();
  }

  /** Their bytes, in the order of their hashes. Fails with `proof-invalid` where the archive has others. */
  *stored(): Generator<StoredFile> {
    for (const [sha256, object] of [...this.#objects].sort(([one], [other]) => (one < other ? -1 : 1)))
      yield {
        path: `${FILES}${sha256}`,
        size: object.size,
        sha256,
        content: Readable.from(bytesOf(this.#ctx, object), { objectMode: false }),
      };
  }
}

async function* bytesOf({ archive }: AuditContext, { parts }: StoredObject): AsyncGenerator<Buffer> {
  for (const { key, version, size: bytes, sha256 } of parts) {
    const stated = { key, version, bytes, sha256 };
    const path = await archive.files.intact(stated);
    try {
      for await (const chunk of createReadStream(path)) yield chunk;
    } finally {
      await archive.files.release(stated);
    }
  }
}
