/** An archive opened to be read: by its configuration, or by its place and public key alone, as auditors have it. */
import { createHash } from 'node:crypto';
import { createWriteStream, existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Command } from 'commander';
import { ArchiverError } from '../errors.ts';
import { createLog } from '../log.ts';
import { type NoteKey, noteKeyOf, parseNoteKey } from '../proof/key.ts';
import type { LocalObject } from '../proof/verify/verify.ts';
import { createDirectorySink } from '../sinks/directory.ts';
import { createS3Sink } from '../sinks/s3.ts';
import type { Sink, StoredObject } from '../sinks/sink.ts';
import { type CommonFlags, openContext, openSink, signerOf } from './context.ts';

export interface ReadingFlags extends CommonFlags {
  readonly archive?: string;
  readonly region?: string;
  readonly endpoint?: string;
  readonly key?: string;
}

/** The options of every command that auditors use. */
export function withReadingOptions(command: Command): Command {
  return command
    .option('--archive <place>', 'folder or s3://bucket/prefix of the archive; then no configuration is read')
    .option('--region <region>', 'region of the bucket', 'us-east-1')
    .option('--endpoint <url>', 'for stores other than AWS')
    .option('--key <key>', "public key of the archive's log, or a file that holds it");
}

export interface Reading {
  readonly sink: Sink;
  readonly key: NoteKey;
  /** Brings a version to local disk; one that lies there already is not copied. */
  fetch(object: StoredObject): Promise<LocalObject>;
  close(): Promise<void>;
}

/**
 * Fails with `usage` when no key is given: one that the archive itself names proves nothing. Fails with `config-invalid`
 * and `bad-key`.
 */
export function openReading(flags: ReadingFlags): Reading {
  const given = flags.key === undefined ? undefined : parseNoteKey(textOf(flags.key));
  const { sink, root, key } =
    flags.archive === undefined ? byConfiguration(flags, given) : byPlace(flags, given);
  let spool: Promise<string> | undefined;
  let number = 0;
  return {
    sink,
    key,
    async fetch({ key: name, version }) {
      const hash = createHash('sha256');
      const hashed = async function* (chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
        for await (const chunk of chunks) {
          hash.update(chunk);
          yield chunk;
        }
      };
      const bytes = await sink.read(name, version);
      if (root !== undefined) {
        for await (const _chunk of hashed(bytes)) {
          // Only its hash is wanted: the file lies where DuckDB can read it.
        }
        return { path: join(root, name), sha256: hash.digest('hex'), release: async () => {} };
      }
      spool ??= mkdtemp(join(tmpdir(), 'zoom-chat-archiver-'));
      number += 1;
      const path = join(await spool, String(number));
      await pipeline(bytes, hashed, createWriteStream(path));
      return { path, sha256: hash.digest('hex'), release: () => rm(path, { force: true }) };
    },
    async close() {
      await sink.close();
      if (spool !== undefined) await rm(await spool, { recursive: true, force: true });
    },
  };
}

function byConfiguration(flags: ReadingFlags, given: NoteKey | undefined) {
  const context = openContext(flags, 'warn');
  const { sink } = context.config;
  return {
    sink: openSink(context),
    root: sink.kind === 'directory' ? sink.path : undefined,
    key: given ?? noteKeyOf(signerOf(context)),
  };
}

function byPlace({ archive = '', region = '', endpoint, logLevel }: ReadingFlags, key: NoteKey | undefined) {
  if (key === undefined) {
    throw new ArchiverError('usage', 'the public key is missing', {
      detail: 'give --key as you had it from whoever runs the archive, not from the archive itself',
    });
  }
  const [, bucket, prefix = ''] = /^s3:\/\/([^/]+)\/?(.*)$/.exec(archive) ?? [];
  if (bucket === undefined) {
    const root = resolve(archive);
    return { sink: createDirectorySink({ root }), root, key };
  }
  const store = endpoint === undefined ? {} : { endpoint, forcePathStyle: true };
  const log = createLog({ level: logLevel ?? 'warn' });
  return { sink: createS3Sink({ bucket, prefix, region, ...store, log }), root: undefined, key };
}

function textOf(keyOrFile: string): string {
  return existsSync(keyOrFile) ? readFileSync(keyOrFile, 'utf8').trim() : keyOrFile;
}
