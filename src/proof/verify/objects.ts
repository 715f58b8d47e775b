/** What an entry names, as it stands in the store: the version, its lock, its bytes. */
import type { DuckDBInstance } from '@duckdb/node-api';
import type { Digest } from '../../digest.ts';
import { hasCode } from '../../errors.ts';
import type { ObjectLock, SinkReader, StoredObject } from '../../sinks/sink.ts';
import type { Disposal, StoredEntry } from '../changes.ts';
import type { EntryLock } from '../entry.ts';
import { digestStated, type StoredFiles } from '../local-files.ts';
import type { Coverage } from './coverage.ts';
import type { Report } from './finding.ts';
import { checkSegment } from './segment.ts';

export interface ObjectChecks {
  readonly sink: SinkReader;
  readonly files: StoredFiles;
  readonly duckdb: DuckDBInstance;
  readonly coverage: Coverage;
  /** Whose archive it is. */
  readonly account: string;
  readonly now: () => number;
  readonly signal: AbortSignal;
  readonly report: Report;
}

/** How long a disposal may take from its entry on. */
const DISPOSAL_MS = 86_400_000;

/** Checks objects one by one; several may be underway at once. */
export class ObjectChecker {
  readonly #checks: ObjectChecks;
  #seesLocks: Promise<boolean> | undefined;
  #locksUnseen = 0;

  constructor(checks: ObjectChecks) {
    this.#checks = checks;
  }

  /** Objects whose lock these credentials are not shown. */
  get locksUnseen(): number {
    return this.#locksUnseen;
  }

  /** The version that the entry names, its size and its lock. @returns whether it is there */
  async checkPresence(entry: StoredEntry): Promise<boolean> {
    const { sink, report, now } = this.#checks;
    const told = { key: entry.key, version: entry.version } as const;
    const object = await sink.head(entry.key, entry.version);
    if (object === null) {
      const other = await sink.head(entry.key);
      const found = other === null ? 'no object' : `version ${other.version}`;
      const what = other === null ? 'the object is missing' : 'the object has another version';
      report({ check: 'object', what, ...told, expected: `version ${entry.version}`, found });
      return false;
    }
    if (object.size !== entry.bytes) {
      const [expected, found] = [`${entry.bytes} bytes`, `${object.size} bytes`];
      report({ check: 'object', what: 'the object has another size', ...told, expected, found });
    }
    if (!keepsLock(object.lock, entry.lock, now())) await this.#checkLock(object, entry);
    return true;
  }

  /** Whether what was disposed of is gone, as far as there was time for that. */
  async checkAbsence({ key, version, at }: Disposal): Promise<void> {
    const { sink, report, now } = this.#checks;
    if (now() - Date.parse(at) <= DISPOSAL_MS) return;
    const found = await sink.head(key);
    if (found === null) return;
    const what = 'the object was disposed of and is still there';
    report({
      check: 'disposal',
      what,
      key,
      version,
      expected: `gone since ${at}`,
      found: `version ${found.version}`,
    });
  }

  async #checkLock({ lock, key, version }: StoredObject, entry: StoredEntry): Promise<void> {
    const { sink, report } = this.#checks;
    // A store that does not show a lock shows none of them, so it is asked once.
    this.#seesLocks ??= lock === null ? sink.seesLocks(key, version) : undefined;
    if (lock === null && (await this.#seesLocks) === false) {
      this.#locksUnseen += 1;
      return;
    }
    const what = 'the lock is weaker than the entry says';
    report({ check: 'lock', what, key, version, expected: lockText(entry.lock), found: lockText(lock) });
  }

  /** @returns whether its bytes are those of the entry */
  async checkContent(entry: StoredEntry): Promise<boolean> {
    const { sink, files, duckdb, coverage, account, signal, report } = this.#checks;
    try {
      if (entry.type === 'object') return this.#compare(entry, await digestStated(sink, entry, signal));
      const { path, found } = await files.stated(entry);
      const intact = this.#compare(entry, found);
      // Also of other bytes: what exactly is wrong with them helps whoever has to explain it.
      await checkSegment(duckdb, path, entry, account, report);
      if (entry.stream === 'coverage' && intact) await coverage.read([path]);
      return intact;
    } catch (error) {
      if (!hasCode(error, 'proof-invalid')) throw error;
      const { key, version, bytes } = entry;
      report({ check: 'object', what: error.phrase, key, version, expected: `${bytes} bytes` });
      return false;
    } finally {
      await files.release(entry);
    }
  }

  #compare({ key, version, sha256: expected }: StoredEntry, { sha256: found }: Digest): boolean {
    if (found === expected) return true;
    const what = 'the object has other bytes';
    this.#checks.report({ check: 'object', what, key, version, expected, found });
    return false;
  }
}

function keepsLock(held: ObjectLock | null, said: EntryLock, now: number): boolean {
  if (said === null) return true;
  // A lock that has run out need not be there any more.
  if (held === null) return Date.parse(said.retain_until) < now;
  return (
    held.retainUntil.getTime() >= Date.parse(said.retain_until) &&
    (held.mode === 'compliance' || said.mode === 'governance')
  );
}

function lockText(lock: ObjectLock | EntryLock): string {
  if (lock === null) return 'none';
  return `${lock.mode} until ${'retainUntil' in lock ? lock.retainUntil.toISOString() : lock.retain_until}`;
}
