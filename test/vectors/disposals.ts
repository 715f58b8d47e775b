/** What later entries of a log may say about objects, rightly and wrongly, each in a small archive of its own. */
import type { StoredEntry } from '../../src/proof/changes.ts';
import type { EntryLock, LogEntry } from '../../src/proof/entry.ts';
import type { Sink } from '../../src/sinks/sink.ts';
import type { Blame } from './tamperings.ts';

type Disposal = Extract<LogEntry, { type: 'disposal' }>;

export interface Changed {
  /** Entries to follow. */
  readonly entries: readonly LogEntry[];
  /** What a verifier has to find; none for an archive that holds. */
  readonly findings: readonly Blame[];
}

export interface Change {
  readonly name: string;
  /** @param locked a segment that is locked until 2099; `free` is one without a lock */
  apply(sink: Sink, locked: StoredEntry, free: StoredEntry): Promise<Changed>;
}

const disposal = (of: StoredEntry, changes: Partial<Disposal> = {}): Disposal => ({
  type: 'disposal',
  at: '2026-10-01T00:00:00.000Z',
  key: of.key,
  version: of.version,
  sha256: of.sha256,
  bytes: of.bytes,
  class: of.class,
  by: 'Ann Lee',
  approved_by: 'Bo Cole',
  reason: 'its period is over',
  ...changes,
});

const relock = (of: StoredEntry, lock: EntryLock): LogEntry => ({
  type: 'lock',
  at: '2026-10-01T00:00:00.000Z',
  key: of.key,
  version: of.version,
  class: 'longer',
  lock,
});

const LONGER = '2105-01-01T00:00:00.000Z';

export const VALID: Change = {
  name: 'disposals and a lock that was raised',
  async apply(sink, locked, free) {
    await sink.extend(locked.key, locked.version, { mode: 'compliance', retainUntil: new Date(LONGER) });
    await sink.destroy(free.key);
    return {
      entries: [relock(locked, { mode: 'compliance', retain_until: LONGER }), disposal(free)],
      findings: [],
    };
  },
};

export const INVALID: readonly Change[] = [
  {
    name: 'destroyed, and no entry says so',
    async apply(sink, _locked, free) {
      await sink.destroy(free.key);
      return { entries: [], findings: [{ check: 'object', key: free.key }] };
    },
  },
  {
    name: 'disposed of before the promised lock was over',
    apply: async (_sink, locked) => ({
      entries: [disposal(locked)],
      findings: [
        { check: 'log', key: locked.key },
        { check: 'disposal', key: locked.key },
      ],
    }),
  },
  {
    name: 'disposed of before a lengthened lock was over',
    async apply(sink, _locked, free) {
      await sink.destroy(free.key);
      const lock = { mode: 'governance', retain_until: LONGER } as const;
      return {
        entries: [relock(free, lock), disposal(free)],
        findings: [{ check: 'log', key: free.key }],
      };
    },
  },
  {
    name: 'a disposal of another hash',
    async apply(sink, _locked, free) {
      await sink.destroy(free.key);
      return {
        entries: [disposal(free, { sha256: 'ab'.repeat(32) })],
        findings: [{ check: 'log', key: free.key }],
      };
    },
  },
  {
    name: 'a disposal of another version, and the right one gone',
    async apply(sink, _locked, free) {
      await sink.destroy(free.key);
      return {
        entries: [disposal(free, { version: 'another' })],
        findings: [
          { check: 'log', key: free.key },
          { check: 'object', key: free.key },
        ],
      };
    },
  },
  {
    name: 'a disposal of what was never archived',
    async apply(_sink, _locked, free) {
      const key = `objects/sha256/ab/${'ab'.repeat(32)}`;
      return { entries: [disposal(free, { key })], findings: [{ check: 'log', key }] };
    },
  },
  {
    name: 'disposed of and still there',
    apply: async (_sink, _locked, free) => ({
      entries: [disposal(free)],
      findings: [{ check: 'disposal', key: free.key }],
    }),
  },
  {
    name: 'a lengthened lock that the store does not keep',
    apply: async (_sink, locked) => ({
      entries: [relock(locked, { mode: 'compliance', retain_until: LONGER })],
      findings: [{ check: 'lock', key: locked.key }],
    }),
  },
];
