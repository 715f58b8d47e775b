/** Small archives of known records, sealed by the real builder and logged without a ledger. */
import { copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { FIELD_SEPARATOR, provenanceJson, RECORD_SEPARATOR, stagedFields } from '../../src/ledger/staged.ts';
import type { StagedRow } from '../../src/ledger/staging.ts';
import type { LogEntry } from '../../src/proof/entry.ts';
import { parseNoteKey } from '../../src/proof/key.ts';
import { intactInPlace } from '../../src/proof/local-files.ts';
import { OpenArchive } from '../../src/query/archive.ts';
import type { Access, AuditContext, Reader } from '../../src/query/reader.ts';
import { WHOLE_ARCHIVE } from '../../src/query/reader.ts';
import { canonicalJson, instant, type Json, recordKey, type Stream, scopeTag } from '../../src/record.ts';
import { SegmentBuilder } from '../../src/segments/build.ts';
import { createDirectorySink } from '../../src/sinks/directory.ts';
import { PUBLIC_KEY } from './log.ts';
import { archiveEntry, segmentEntryOf, writeLog } from './written-log.ts';

const ACCOUNT = 'account-1';

export interface WrittenSession {
  readonly id: string;
  readonly type: string;
  readonly name: string;
  readonly channelId: string;
}

/** A record to be archived. */
export interface Written {
  readonly stream: Stream;
  readonly kind: string;
  /** Own time, ms. */
  readonly time: number;
  /** Default: a minute later. */
  readonly observedAt?: number;
  readonly session?: WrittenSession;
  readonly record: Json;
  /** Retention class; default `general`. */
  readonly class?: string;
  /** The same identity was archived before with other content. */
  readonly drift?: boolean;
}

export interface WrittenArchive {
  readonly root: string;
  /** Everything that is in the log. */
  readonly entries: readonly LogEntry[];
  /** Seals these records, a segment for each stream, class and day, and logs them, then `more`. */
  append(records: readonly Written[], more?: readonly LogEntry[]): Promise<void>;
  /** @param index folder of the index; a temporary one where it is left out */
  open(index?: string, secret?: Uint8Array): Promise<OpenArchive>;
  remove(): Promise<void>;
}

export async function writtenArchive(records: readonly Written[] = []): Promise<WrittenArchive> {
  const folder = await mkdtemp(join(tmpdir(), 'written-archive-'));
  const root = join(folder, 'archive');
  const entries: LogEntry[] = [archiveEntry(ACCOUNT)];
  const opened: OpenArchive[] = [];
  const archive: WrittenArchive = {
    root,
    entries,
    async append(added, more = []) {
      const builder = await SegmentBuilder.create({ spool: join(folder, 'spool') });
      try {
        for (const group of groupsOf(added)) entries.push(await seal(builder, root, group));
      } finally {
        builder.close();
      }
      entries.push(...more);
      await writeLog(root, entries);
    },
    async open(folder, secret) {
      const sink = createDirectorySink({ root });
      const index = folder === undefined ? {} : { folder, secret };
      const one = await OpenArchive.open(sink, parseNoteKey(PUBLIC_KEY), intactInPlace(root, sink), index);
      opened.push(one);
      return one;
    },
    async remove() {
      for (const one of opened) one.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
  await archive.append(records);
  return archive;
}

const dayOf = (time: number): string => new Date(time).toISOString().slice(0, 10);

function groupsOf(records: readonly Written[]): readonly (readonly Written[])[] {
  const groups = new Map<string, Written[]>();
  for (const record of records) {
    const name = JSON.stringify([record.stream, record.class ?? 'general', dayOf(record.time)]);
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [record]);
    else group.push(record);
  }
  return [...groups.values()];
}

async function seal(builder: SegmentBuilder, root: string, group: readonly Written[]): Promise<LogEntry> {
  const [first] = group;
  if (first === undefined) throw new Error('an empty group');
  const { stream, class: className = 'general' } = first;
  const day = dayOf(first.time);
  const plan = { id: 1, stream, className, day, records: group.length, bytes: 0, lock: null };
  const built = await builder.build(ACCOUNT, plan, batches(group.map(staged)));
  const entry = segmentEntryOf({
    sha256: built.sha256,
    bytes: built.size,
    count: built.records,
    root: built.root,
    stream,
    class: className,
    date: day,
  });
  const path = join(root, entry.key);
  await mkdir(dirname(path), { recursive: true });
  await copyFile(built.path, path);
  await rm(built.path);
  return entry;
}

async function* batches(rows: readonly StagedRow[]): AsyncGenerator<readonly StagedRow[]> {
  yield rows;
}

/** A page of one record. */
function staged(
  { kind, time, observedAt = time + 60_000, session, record, drift = false }: Written,
  id: number,
): StagedRow {
  const json = canonicalJson(record);
  const key = recordKey(scopeTag(ACCOUNT, session?.id ?? ''), time, [kind, json]);
  const provenance = {
    run: 'run-1',
    requestId: 'request-1',
    trackingId: 'tracking-1',
    observedAt: instant(observedAt),
    ...(session === undefined ? {} : { session }),
  };
  return {
    id,
    provenance: provenanceJson(provenance),
    observed_at: observedAt,
    lines: [`${drift ? 1 : 0}${FIELD_SEPARATOR}${stagedFields({ key, time, kind, record: json })}`].join(
      RECORD_SEPARATOR,
    ),
  };
}

export interface TestContext extends AuditContext {
  readonly recorded: readonly Access[];
}

/** A context that keeps what was recorded. */
export function contextOf(archive: OpenArchive, reader: Partial<Reader> = {}): TestContext {
  const recorded: Access[] = [];
  return {
    archive,
    reader: { name: 'ann@example.com', role: 'auditor', scope: WHOLE_ARCHIVE, ...reader },
    recorded,
    record: async (access) => void recorded.push(access),
    signal: new AbortController().signal,
  };
}
