/** What later entries of a log say about an object that an earlier one named: a longer lock, a disposal. */
import { createHash } from 'node:crypto';
import type { EntryLock, LogEntry } from './entry.ts';

export type StoredEntry = Extract<LogEntry, { type: 'segment' | 'object' }>;
type Change = Extract<LogEntry, { type: 'lock' | 'disposal' }>;
export type Disposal = Extract<LogEntry, { type: 'disposal' }>;

export function isStored(entry: LogEntry): entry is StoredEntry {
  return entry.type === 'segment' || entry.type === 'object';
}

/** What became of an object by the end of the log. */
export interface Fate {
  /** The strictest lock that was promised while it was kept: that of its own entry, or a later one. */
  readonly lock: EntryLock;
  /** Class by which it is kept. */
  readonly class: string;
  /** Undefined while it is kept. */
  readonly disposal: Disposal | undefined;
  /** What of the changes cannot be. */
  readonly problems: readonly Problem[];
}

export interface Problem {
  /** A constant phrase. */
  readonly what: string;
  readonly expected: string;
  /** Names the entry that is wrong. */
  readonly found: string;
}

interface PlacedChange {
  readonly index: number;
  readonly entry: Change;
  /** Whether an entry before it named its object. */
  claimed: boolean;
}

/**
 * Changes by the key that they name; noted while the log is read, asked once its end is known. Memory follows the
 * number of changes, not that of objects. After its disposal the same content may be archived once more: each entry
 * that stores it begins a life, which its next disposal ends.
 */
export class ObjectChanges {
  readonly #byKey = new Map<string, PlacedChange[]>();
  /** Where the content of a key that was changed was archived last, if that was once more. */
  readonly #again = new Map<string, number>();

  /** Entries come in their order. */
  note(index: number, entry: LogEntry): void {
    if (isStored(entry) && this.#byKey.size > 0) {
      const name = nameOf(entry.key);
      if (this.#byKey.has(name)) this.#again.set(name, index);
    }
    if (entry.type !== 'lock' && entry.type !== 'disposal') return;
    const name = nameOf(entry.key);
    const change = { index, entry, claimed: false };
    const before = this.#byKey.get(name);
    if (before === undefined) this.#byKey.set(name, [change]);
    else before.push(change);
  }

  /** Whether the object of a key was disposed of between two places of the log. */
  disposedBetween(key: string, from: number, to: number): boolean {
    return (this.#byKey.get(nameOf(key)) ?? []).some(
      ({ index, entry }) => entry.type === 'disposal' && index > from && index < to,
    );
  }

  /** Whether the content of a key was archived once more after the disposal at this place. */
  isArchivedAfter(index: number, { key }: Disposal): boolean {
    return (this.#again.get(nameOf(key)) ?? 0) > index;
  }

  /** @param index place of `stored` */
  fateOf(index: number, stored: StoredEntry): Fate {
    let lock = stored.lock;
    let className = stored.class;
    const problems: Problem[] = [];
    for (const change of this.#byKey.get(nameOf(stored.key)) ?? []) {
      if (change.index < index) continue;
      change.claimed = true;
      const { entry } = change;
      if (entry.version !== stored.version) {
        const what = `the ${entry.type} is of another version than was archived`;
        problems.push({ what, expected: stored.version, found: `${entry.version} in entry ${change.index}` });
        continue;
      }
      if (entry.type === 'lock') {
        lock = stricter(lock, entry.lock);
        className = entry.class;
        continue;
      }
      if (entry.sha256 !== stored.sha256) {
        const what = 'the disposal is of other bytes than were archived';
        problems.push({ what, expected: stored.sha256, found: `${entry.sha256} in entry ${change.index}` });
      }
      if (lock !== null && entry.at < lock.retain_until) {
        const what = 'the disposal came before the promised lock was over';
        problems.push({ what, expected: lock.retain_until, found: `${entry.at} in entry ${change.index}` });
      }
      return { lock, class: className, disposal: entry, problems };
    }
    return { lock, class: className, disposal: undefined, problems };
  }

  /** Changes of what no entry before them named, among the entries for which {@link fateOf} was asked. */
  unclaimed(): readonly { readonly index: number; readonly entry: Change }[] {
    return [...this.#byKey.values()].flat().filter(({ claimed }) => !claimed);
  }
}

/** Keys by hash, in memory that their length does not matter for. */
function nameOf(key: string): string {
  return createHash('sha256').update(key).digest('base64url').slice(0, 22);
}

function stricter(one: EntryLock, other: EntryLock): EntryLock {
  if (one === null || other === null) return one ?? other;
  const mode = one.mode === 'compliance' ? one.mode : other.mode;
  const isLonger = other.retain_until > one.retain_until;
  return { mode, retain_until: isLonger ? other.retain_until : one.retain_until };
}
