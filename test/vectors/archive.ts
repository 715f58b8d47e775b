/** A small archive made by the program itself, with everything in it that verification looks at. */
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { coverageRecord } from '../../src/collectors/coverage.ts';
import { archiveEntry, writeIdentity } from '../../src/commands/archive.ts';
import { admit } from '../../src/ledger/admit.ts';
import { acquireLease } from '../../src/ledger/lease.ts';
import { migrate } from '../../src/ledger/migrate.ts';
import { openPglite } from '../../src/ledger/pglite.ts';
import type { LockFor } from '../../src/ledger/staging.ts';
import { endUnit, startUnit } from '../../src/ledger/units.ts';
import { silentLog } from '../../src/log.ts';
import { entryBytes, type LogEntry } from '../../src/proof/entry.ts';
import { parseSignerKey } from '../../src/proof/key.ts';
import {
  type Candidate,
  canonicalJson,
  contentHash,
  instant,
  type Json,
  keyMonth,
  recordKey,
  scopeTag,
} from '../../src/record.ts';
import { SegmentBuilder } from '../../src/segments/build.ts';
import { storeFile } from '../../src/segments/objects.ts';
import { startLog } from '../../src/segments/publish.ts';
import { seal } from '../../src/segments/seal.ts';
import { createDirectorySink } from '../../src/sinks/directory.ts';
import type { Sink } from '../../src/sinks/sink.ts';
import { readLog, SIGNING_KEY } from '../support/log.ts';

/** Far enough that the vectors can be checked for long, and the same whenever they are made. */
const LOCKS: Readonly<Record<string, 'governance' | 'compliance'>> = {
  default: 'governance',
  books: 'compliance',
};
const lockedFor: LockFor = (className) => ({
  mode: LOCKS[className] ?? 'governance',
  retainUntil: new Date('2099-01-01T00:00:00.000Z'),
});

const DAY = 86_400_000;
const ACCOUNT = 'account-1';
const NOW = Date.parse('2026-11-20T08:00:00Z');
const PROVENANCE = {
  run: 'run-1',
  requestId: 'request-1',
  trackingId: 'tracking-1',
  observedAt: instant(NOW),
};
const SESSION = { id: 'session-1', type: 'Group', name: 'General', channelId: 'channel-1' };

function candidate(
  name: string,
  time: number,
  fields: Readonly<Record<string, Json>>,
  kind: Pick<Candidate, 'stream' | 'kind' | 'rule'>,
): Candidate {
  const at = instant(time);
  const record = canonicalJson({ id: name, timestamp: at, message: `text of ${name}`, ...fields });
  return {
    ...kind,
    key: recordKey(scopeTag(ACCOUNT, SESSION.id), at, [kind.stream, SESSION.id, name]),
    content: contentHash(record),
    time: at,
    keyMonth: keyMonth(at),
    record,
  };
}

export interface MakeOptions {
  /** An existing empty folder. */
  readonly root: string;
  /** Stored files, one object each. */
  readonly files: number;
  /** Entries of type `config`, to fill tiles: 256 entries make a full one. */
  readonly configs: number;
  /** Days that the units cover, as numbers of days ago; the first is the oldest. */
  readonly covered: readonly (readonly [from: number, to: number])[];
  /** What is done to it at the end, and said by further entries; its reactions are not locked then. */
  readonly change?: (sink: Sink, stored: readonly LogEntry[]) => Promise<readonly LogEntry[]>;
}

/** Writes the archive; returns each head that was published on the way, the last one last. */
export async function makeArchive({
  root,
  files,
  configs,
  covered,
  change,
}: MakeOptions): Promise<readonly string[]> {
  const lockFor: LockFor = (className, day) =>
    change !== undefined && className === 'books' ? null : lockedFor(className, day);
  const work = await mkdtemp(join(tmpdir(), 'vectors-'));
  const db = await openPglite({ directory: join(work, 'ledger') });
  await migrate(db);
  const lease = await acquireLease(db, ACCOUNT, 'vectors', 3_600_000);
  if (lease === undefined) throw new Error('the lease was not free');
  const sink = createDirectorySink({ root });
  await sink.check('governance');
  const signer = parseSignerKey(SIGNING_KEY);
  const identity = await writeIdentity(sink, ACCOUNT, signer, lockFor('default', ''), NOW);
  await startLog(db, ACCOUNT, archiveEntry(identity));
  const builder = await SegmentBuilder.create({ spool: join(work, 'spool') });
  const signal = new AbortController().signal;
  const heads: string[] = [];
  const sealAll = async (): Promise<void> => {
    await seal({
      db,
      lease,
      sink,
      builder,
      lockFor,
      logLock: () => lockFor('default', ''),
      signer,
      limits: () => ({ records: 1000, bytes: 1e6, dueBefore: NOW + 1 }),
      now: () => NOW,
      drain: signal,
      interrupt: signal,
      log: silentLog(),
      events: { planned() {}, step() {}, sealed() {}, published() {} },
    });
    heads.push((await sink.current('log/checkpoint'))?.bytes.toString() ?? '');
  };

  for (const [index, [from, to]] of covered.entries()) {
    const unit = await startUnit(
      db,
      lease,
      { stream: 'messages', scope: 'session-1', mode: 'sent', from: NOW - from * DAY, to: NOW - to * DAY },
      NOW,
    );
    const candidates = Array.from({ length: 12 }, (_, number) => {
      const time = NOW - (to + 0.5) * DAY + number * 60_000;
      const name = `m${index}-${number}`;
      return number % 4 === 3
        ? candidate(name, time, { reactions: number }, { stream: 'reactions', kind: 'state', rule: 'state' })
        : candidate(
            name,
            time,
            { text: 'ü\u0000\u2028 "quoted"' },
            { stream: 'messages', kind: 'sent', rule: 'once' },
          );
    });
    await admit(db, lease, unit, {
      rows: candidates.length,
      candidates,
      provenance: { ...PROVENANCE, session: SESSION },
      classOf: ({ stream }) => (stream === 'reactions' ? 'books' : 'default'),
    });
    const covers = { from: unit.from, to: unit.to };
    // Each unit in a day of its own, so that each has a coverage segment.
    const finishedAt = NOW - to * DAY;
    await endUnit(db, lease, unit, {
      outcome: 'done',
      startedAt: NOW,
      now: NOW,
      covers,
      coverage: {
        candidate: coverageRecord(ACCOUNT, 'run-1', unit, {
          outcome: 'done',
          pages: 1,
          rows: 12,
          admitted: 12,
          sightings: 0,
          drift: 0,
          startedAt: NOW,
          finishedAt,
          fromDate: '2026-11-01',
          toDate: '2026-11-20',
          covers,
        }),
        provenance: PROVENANCE,
        className: 'default',
      },
    });
    await sealAll();
  }
  for (let number = 0; number < configs; number += 1) {
    const sha256 = createHash('sha256').update(String(number)).digest('hex');
    const at = new Date(NOW + number).toISOString();
    const entry = entryBytes({ type: 'config', at, sha256, what: `setting ${number}` }).toString();
    await db.query('insert into log_entries (account, entry) values ($1, $2)', [ACCOUNT, entry]);
  }
  await mkdir(join(work, 'files'));
  for (let number = 0; number < files; number += 1) {
    const bytes = Buffer.from(`file ${number}\n`.repeat(number === 0 ? 2000 : 1));
    const path = join(work, 'files', String(number));
    await writeFile(path, bytes);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const options = { db, lease, sink, lockFor, now: () => NOW, interrupt: signal };
    await storeFile(options, { path, size: bytes.length, sha256, className: 'default' });
  }
  if (files > 0) await sealAll();
  if (change !== undefined) {
    const { entries } = await readLog(sink);
    for (const entry of await change(sink, entries)) {
      const text = entryBytes(entry).toString();
      await db.query('insert into log_entries (account, entry) values ($1, $2)', [ACCOUNT, text]);
    }
    await sealAll();
  }
  builder.close();
  await db.close();
  await rm(work, { recursive: true });
  return heads;
}
