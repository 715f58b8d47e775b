/** Archives of the records that a test names, with objects and deeds, and somebody who asks them. */
import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { LogEntry } from '../../src/proof/entry.ts';
import { parseNoteKey } from '../../src/proof/key.ts';
import { intactInPlace } from '../../src/proof/local-files.ts';
import { OpenArchive } from '../../src/query/archive.ts';
import type { Access, AuditContext, Reader } from '../../src/query/reader.ts';
import { objectKey } from '../../src/segments/layout.ts';
import { createDirectorySink } from '../../src/sinks/directory.ts';
import { PUBLIC_KEY } from './log.ts';
import {
  contextOf,
  type Written as WrittenRecord,
  type WrittenSession,
  writtenArchive,
} from './searched-archive.ts';

export type TestSession = WrittenSession;

/** A record, and where it was seen. */
export interface Told extends Omit<WrittenRecord, 'time'> {
  /** Its own time, milliseconds. */
  readonly at: number;
}

export interface Written {
  readonly root: string;
  readonly entries: readonly LogEntry[];
}

/** Writes an archive into a new folder, which is removed with the test. What names no class is of `default`. */
export async function writeArchive(
  told: readonly Told[],
  {
    objects = [],
    deeds = [],
  }: { readonly objects?: readonly Buffer[]; readonly deeds?: readonly LogEntry[] } = {},
): Promise<Written> {
  const archive = await writtenArchive();
  onTestFinished(() => archive.remove());
  const { root, entries } = archive;
  const records = told.map(({ at, ...one }) => ({ class: 'default', ...one, time: at }));
  const stored = await Promise.all(objects.map((bytes) => writeObject(root, bytes)));
  await archive.append(records, [...stored, ...deeds]);
  return { root, entries };
}

async function writeObject(root: string, bytes: Buffer): Promise<LogEntry> {
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const key = objectKey(sha256);
  await mkdir(dirname(join(root, key)), { recursive: true });
  await writeFile(join(root, key), bytes);
  const at = '2026-11-20T00:00:00.000Z';
  return {
    type: 'object',
    at,
    key,
    version: sha256,
    sha256,
    bytes: bytes.length,
    class: 'default',
    lock: null,
  };
}

/** Somebody who asks, and what was written down of it. */
export interface Asking {
  readonly ctx: AuditContext;
  readonly recorded: readonly Access[];
}

/** The archive, opened; closed with the test. */
export async function openWritten(root: string): Promise<OpenArchive> {
  const sink = createDirectorySink({ root });
  const files = intactInPlace(root, sink);
  const archive = await OpenArchive.open(sink, parseNoteKey(PUBLIC_KEY), files);
  onTestFinished(async () => {
    archive.close();
    await files.close();
  });
  return archive;
}

/** @param reader what is different from an officer who may see everything */
export function asking(archive: OpenArchive, reader: Partial<Reader> = {}): Asking {
  const ctx = contextOf(archive, { role: 'officer', ...reader });
  return { ctx, recorded: ctx.recorded };
}
