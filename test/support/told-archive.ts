/** Archives in a folder, made of the records that a test names: segments as sealing builds them, and their log. */
import { createHash } from 'node:crypto';
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';
import { FIELD_SEPARATOR, provenanceJson, stagedFields } from '../../src/ledger/staged.ts';
import type { LogEntry } from '../../src/proof/entry.ts';
import { parseNoteKey } from '../../src/proof/key.ts';
import { intactInPlace } from '../../src/proof/local-files.ts';
import { OpenArchive } from '../../src/query/archive.ts';
import { type Access, type AuditContext, type Reader, WHOLE_ARCHIVE } from '../../src/query/reader.ts';
import {
  canonicalJson,
  contentHash,
  instant,
  type Json,
  keyMonth,
  recordKey,
  type SessionId,
  type Stream,
  scopeTag,
  utcDay,
} from '../../src/record.ts';
import { SegmentBuilder } from '../../src/segments/build.ts';
import { objectKey, segmentKey } from '../../src/segments/layout.ts';
import { createDirectorySink } from '../../src/sinks/directory.ts';
import { PUBLIC_KEY } from './log.ts';
import { archiveEntry, segmentEntryOf, writeLog } from './written-log.ts';

export const ACCOUNT = 'account-1';

export interface TestSession {
  readonly id: string;
  readonly type: string;
  readonly name: string;
  readonly channelId: string;
}

/** A record, and where it was seen. */
export interface Told {
  readonly stream: Stream;
  readonly kind: string;
  /** Its own time, milliseconds. */
  readonly at: number;
  /** Milliseconds; default a minute later. */
  readonly observedAt?: number;
  readonly session?: TestSession;
  readonly drift?: boolean;
  /** Retention class. */
  readonly class?: string;
  readonly record: Json;
}

export interface Written {
  readonly root: string;
  readonly entries: readonly LogEntry[];
}

/** Writes an archive into a new folder, which is removed with the test. */
export async function writeArchive(
  told: readonly Told[],
  {
    objects = [],
    deeds = [],
  }: { readonly objects?: readonly Buffer[]; readonly deeds?: readonly LogEntry[] } = {},
): Promise<Written> {
  const folder = await mkdtemp(join(tmpdir(), 'written-archive-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const root = join(folder, 'archive');
  const groups = new Map<string, Told[]>();
  for (const one of told) {
    const name = JSON.stringify([one.stream, one.class ?? 'default', utcDay(one.at)]);
    groups.set(name, [...(groups.get(name) ?? []), one]);
  }
  const builder = await SegmentBuilder.create({ spool: join(folder, 'spool') });
  const entries: LogEntry[] = [archiveEntry(ACCOUNT)];
  let id = 0;
  try {
    for (const own of groups.values()) entries.push(await writeSegment(builder, root, own, ++id));
  } finally {
    builder.close();
  }
  for (const bytes of objects) entries.push(await writeObject(root, bytes));
  entries.push(...deeds);
  await writeLog(root, entries);
  return { root, entries };
}

async function writeSegment(
  builder: SegmentBuilder,
  root: string,
  own: readonly Told[],
  id: number,
): Promise<LogEntry> {
  const [first] = own;
  if (first === undefined) throw new Error('a segment has records');
  const { stream, class: className = 'default' } = first;
  const day = utcDay(first.at);
  const rows = own.map((one, number) => stagedRow(one, number));
  const plan = { id, stream, className, day, records: own.length, bytes: 0, lock: null };
  const built = await builder.build(
    ACCOUNT,
    plan,
    (async function* () {
      yield rows;
    })(),
  );
  const bytes = await readFile(built.path);
  const path = join(root, segmentKey({ stream, className, day, root: built.root }));
  await mkdir(dirname(path), { recursive: true });
  await copyFile(built.path, path);
  return segmentEntryOf({
    sha256: createHash('sha256').update(bytes).digest('hex'),
    bytes: bytes.length,
    count: own.length,
    root: built.root,
    stream,
    class: className,
    date: day,
  });
}

function stagedRow(told: Told, id: number) {
  const { stream, kind, session, record: json } = told;
  const at = instant(told.at);
  const observedAt = instant(told.observedAt ?? told.at + 60_000);
  const record = canonicalJson(json);
  const candidate = {
    stream,
    kind,
    key: recordKey(scopeTag(ACCOUNT, session?.id ?? ''), at, [stream, kind, String(id)]),
    content: contentHash(record),
    rule: 'once' as const,
    time: at,
    keyMonth: keyMonth(at),
    record,
  };
  const provenance = {
    run: 'run-1',
    requestId: 'request-1',
    trackingId: 'tracking-1',
    observedAt,
    ...(session === undefined ? {} : { session: { ...session, id: session.id as SessionId } }),
  };
  return {
    id,
    provenance: provenanceJson(provenance),
    observed_at: observedAt,
    lines: `${told.drift === true ? 1 : 0}${FIELD_SEPARATOR}${stagedFields(candidate)}`,
  };
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
  const recorded: Access[] = [];
  const ctx: AuditContext = {
    archive,
    reader: { name: 'somebody@example.com', role: 'officer', scope: WHOLE_ARCHIVE, ...reader },
    record: async (access) => {
      recorded.push(access);
    },
    signal: new AbortController().signal,
  };
  return { ctx, recorded };
}
