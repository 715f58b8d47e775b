import { createHash, randomUUID } from 'node:crypto';
import { link, lstat, open, readdir, readFile, rename, stat, unlink } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { digestOf } from '../digest.ts';
import { ArchiverError } from '../errors.ts';
import { interrupted, requireStated } from './body.ts';
import {
  errno,
  ifPresent,
  makeFolder,
  makeFolders,
  syncFolders,
  translated,
  writeDurably,
} from './directory-files.ts';
import { appendNote, type Line, readNotes, syncNotes } from './directory-lock.ts';
import { checkedKey, compareKeys } from './key.ts';
import { isAtLeast, requireUnprotected } from './lock.ts';
import { checksOf, type Finding, finding } from './probe.ts';
import type {
  CurrentBytes,
  Destroyed,
  ListedObject,
  ObjectLock,
  PutRequest,
  PutResult,
  Sink,
  StoredObject,
} from './sink.ts';

/** Names no key can have: keys do not begin with a dot. */
const INCOMING = '.incoming';
const LOCKS = '.locks';
/** A file that nobody has written to for so long was left by a crash; a put in another process is younger. */
const STALE_MS = 60 * 60 * 1000;

export interface DirectorySinkOptions {
  /** An existing folder on a file system with hard links. Never created here: a missing one is a missing mount. */
  readonly root: string;
  /** Milliseconds since the epoch, by which a lock is over; default `Date.now`. */
  readonly now?: (() => number) | undefined;
}

/**
 * A sink in a folder of the local file system: one read-only file per key, which appears complete or not at
 * all. Locks and holds are noted under `.locks` and given back, and locks are only ever raised, but a folder cannot enforce
 * them: whoever owns it can delete files before their time. Where retention must hold against the
 * operator, use a bucket with Object Lock.
 */
export function createDirectorySink({ root, now = Date.now }: DirectorySinkOptions): Sink {
  return new DirectorySink(resolve(root), now);
}

class DirectorySink implements Sink {
  readonly #root: string;
  readonly #now: () => number;

  constructor(root: string, now: () => number) {
    this.#root = root;
    this.#now = now;
  }

  async check(_mode: ObjectLock['mode'] | 'none'): Promise<void> {
    await this.#translating('', async () => {
      const incoming = join(this.#root, INCOMING);
      await makeFolder(incoming);
      await makeFolder(join(this.#root, LOCKS));
      await this.#sweep(incoming);
      const probe = join(incoming, randomUUID());
      const file = await open(probe, 'wx', 0o600);
      await file.sync().finally(() => file.close());
      // Creating only where nothing stands rests on hard links, which some file systems lack.
      await link(probe, `${probe}.link`).finally(() => unlink(probe));
      await unlink(`${probe}.link`);
    });
  }

  /** Nothing has to be tried: whoever owns the folder may do all of it. */
  async probe(mode: ObjectLock['mode']): Promise<readonly Finding[]> {
    return checksOf(mode)
      .map((check) => finding(check, 'broken'))
      .filter(({ essential }) => essential);
  }

  async #sweep(incoming: string): Promise<void> {
    for (const name of await readdir(incoming)) {
      const path = join(incoming, name);
      const facts = await ifPresent(stat(path));
      if (facts !== null && Date.now() - facts.mtimeMs > STALE_MS) await ifPresent(unlink(path));
    }
  }

  async put(request: PutRequest, signal?: AbortSignal): Promise<PutResult> {
    checkedKey(request.key);
    if (signal?.aborted) throw interrupted(request.key);
    return this.#translating(request.key, async () => {
      const outcome = (await this.#adopt(request)) ?? (await this.#create(request, signal));
      // The folders may be another put's, not durable yet, so all of them are synced each time.
      await syncFolders(dirname(this.#path(request.key)), this.#root);
      return { outcome, object: await this.#secure(request) };
    });
  }

  /** Null when nothing stands at the key. */
  async #adopt(request: PutRequest): Promise<'identical' | null> {
    const path = this.#path(request.key);
    const facts = await ifPresent(stat(path));
    if (facts === null) return null;
    if (facts.isFile() && facts.size === request.size) {
      const file = await open(path);
      const found = await digestOf(file.createReadStream());
      if (found.sha256 === request.sha256) return 'identical';
    }
    throw conflict(path);
  }

  async #create(request: PutRequest, signal: AbortSignal | undefined): Promise<'created' | 'identical'> {
    await makeFolder(join(this.#root, INCOMING));
    const incoming = join(this.#root, INCOMING, randomUUID());
    try {
      requireStated(request, await writeDurably(incoming, request, signal));
      const path = this.#path(request.key);
      await makeFolders(dirname(path), this.#root);
      if (signal?.aborted) throw interrupted(request.key);
      // The commit point: link fails where a file stands, and the file it shows is complete and synced.
      await link(incoming, path);
      return 'created';
    } catch (error) {
      const won = errno(error) === 'EEXIST' ? await this.#adopt(request) : null;
      if (won !== null) return won;
      throw error;
    } finally {
      await ifPresent(unlink(incoming));
    }
  }

  async #secure(request: PutRequest): Promise<StoredObject> {
    const noted = await readNotes(this.#notes(request.key));
    const { key, sha256, lock } = request;
    // A destruction that a crash cut short leaves the notes of other bytes.
    const isNoted = noted?.sha256 === sha256 && isAtLeast(noted.lock, lock);
    await this.#note(key, isNoted ? null : { sha256, lock });
    const object = await this.#describe(request.key);
    if (object?.size === request.size && isAtLeast(object.lock, request.lock)) return object;
    throw new ArchiverError('sink-unreachable', 'a stored object cannot be read back', {
      detail: this.#path(request.key),
    });
  }

  /** Makes the notes durable, with one more line or, for `null`, as they are: what was read may be only in memory. */
  async #note(key: string, line: Line | null): Promise<void> {
    const notes = this.#notes(key);
    if (line !== null) await makeFolders(dirname(notes), this.#root);
    await (line === null ? syncNotes(notes) : appendNote(notes, line));
    await syncFolders(dirname(notes), this.#root);
  }

  async extend(key: string, version: string, lock: ObjectLock, signal?: AbortSignal): Promise<StoredObject> {
    if (signal?.aborted) throw interrupted(key);
    const { lock: standing } = await this.#standing(key, version);
    const line = isAtLeast(standing, lock) ? null : { sha256: version, lock };
    await this.#translating(key, () => this.#note(key, line));
    const extended = await this.#standing(key, version);
    if (isAtLeast(extended.lock, lock)) return extended;
    throw new ArchiverError('sink-unlocked', 'a noted lock cannot be read back', { detail: this.#path(key) });
  }

  async placeHold(key: string, version: string, signal?: AbortSignal): Promise<StoredObject> {
    return this.#hold(key, version, 'on', signal);
  }

  async liftHold(key: string, version: string, signal?: AbortSignal): Promise<StoredObject> {
    return this.#hold(key, version, 'off', signal);
  }

  async #hold(
    key: string,
    version: string,
    hold: 'on' | 'off',
    signal: AbortSignal | undefined,
  ): Promise<StoredObject> {
    if (signal?.aborted) throw interrupted(key);
    const wanted = hold === 'on';
    const { held } = await this.#standing(key, version);
    const line = held === wanted ? null : { sha256: version, hold };
    await this.#translating(key, () => this.#note(key, line));
    const noted = await this.#standing(key, version);
    if (noted.held === wanted) return noted;
    throw new ArchiverError('sink-unlocked', 'a noted hold cannot be read back', { detail: this.#path(key) });
  }

  async #standing(key: string, version: string): Promise<StoredObject> {
    const object = await this.head(key, version);
    if (object === null) throw missing(key);
    return object;
  }

  /** The object goes first: what a crash leaves then are notes of nothing, which the same call again removes. */
  async destroy(key: string, signal?: AbortSignal): Promise<Destroyed> {
    if (signal?.aborted) throw interrupted(key);
    const object = await this.head(key);
    const path = this.#path(key);
    if (object !== null) requireUnprotected(object, path, this.#now());
    return this.#translating(key, async () => {
      const facts = await ifPresent(lstat(path));
      // What a link leads to would outlive it.
      if (facts !== null && !facts.isFile()) throw conflict(path);
      for (const each of [path, this.#notes(key)]) {
        await ifPresent(unlink(each));
        // Also where nothing stands any more: a crash may have come before it was durable.
        await ifPresent(syncFolders(dirname(each), this.#root));
      }
      return { versions: object === null ? 0 : 1, bytes: object?.size ?? 0 };
    });
  }

  async head(key: string, version?: string): Promise<StoredObject | null> {
    checkedKey(key);
    return this.#translating(key, async () => {
      const object = await this.#describe(key);
      return object !== null && (version === undefined || version === object.version) ? object : null;
    });
  }

  async seesLocks(): Promise<boolean> {
    return true;
  }

  async read(key: string, version?: string): Promise<Readable> {
    if ((await this.head(key, version)) === null) throw missing(key);
    return this.#translating(key, async () => (await open(this.#path(key))).createReadStream());
  }

  async current(key: string): Promise<CurrentBytes | null> {
    checkedKey(key);
    return this.#translating(key, async () => {
      const bytes = await ifPresent(readFile(this.#path(key)));
      if (bytes === null) await stat(this.#root);
      return bytes === null ? null : { bytes, tag: createHash('sha256').update(bytes).digest('hex') };
    });
  }

  /** A folder cannot compare and swap in one step: the lease keeps other writers away. */
  async replace(key: string, bytes: Uint8Array, expected: string | null): Promise<CurrentBytes> {
    const standing = await this.current(key);
    if (standing?.bytes.equals(bytes)) return standing;
    if ((standing?.tag ?? null) !== expected) throw conflict(this.#path(key));
    return this.#translating(key, async () => {
      await makeFolder(join(this.#root, INCOMING));
      const incoming = join(this.#root, INCOMING, randomUUID());
      try {
        const file = await open(incoming, 'wx', 0o644);
        await file
          .writeFile(bytes)
          .then(() => file.sync())
          .finally(() => file.close());
        await makeFolders(dirname(this.#path(key)), this.#root);
        // The commit point.
        await rename(incoming, this.#path(key));
      } finally {
        await ifPresent(unlink(incoming));
      }
      await syncFolders(dirname(this.#path(key)), this.#root);
      return { bytes: Buffer.from(bytes), tag: createHash('sha256').update(bytes).digest('hex') };
    });
  }

  async *list(prefix: string): AsyncIterable<ListedObject> {
    for await (const key of this.#keys('', prefix)) {
      // Not the time that anybody may set, nor what a link leads to.
      const facts = await this.#translating(key, () => ifPresent(lstat(this.#path(key))));
      if (facts === null || !facts.isFile()) {
        // A link, or a name that is no text: nothing of ours, and whoever reads the folder may take it for an object.
        yield { key, version: '', storedAt: new Date(0), hidden: true };
        continue;
      }
      if (!key.startsWith(prefix)) continue;
      const noted = await readNotes(this.#notes(key));
      const version = noted?.sha256 ?? (await this.#describe(key))?.version ?? '';
      yield { key, version, storedAt: facts.ctime, hidden: false };
    }
  }

  async close(): Promise<void> {}

  /** Keys below `folder` ('' or ending in a slash) that start with `prefix`, in the order of their bytes. */
  async *#keys(folder: string, prefix: string): AsyncGenerator<string> {
    const entries = await this.#translating(folder, () =>
      readdir(join(this.#root, folder), { withFileTypes: true }),
    );
    // A folder sorts as its name with the slash: `a.b` comes before `a/c`, as in S3.
    const names = entries.map((entry) => folder + entry.name + (entry.isDirectory() ? '/' : ''));
    for (const name of names.sort(compareKeys)) {
      if (folder === '' && isOurs(name)) continue;
      if (!name.endsWith('/')) {
        // A link in the place of a folder stands for all that it hides.
        if (name.startsWith(prefix) || prefix.startsWith(`${name}/`)) yield name;
      } else if (name.startsWith(prefix) || prefix.startsWith(name)) {
        yield* this.#keys(name, prefix);
      }
    }
  }

  /** Takes the hash from the notes; only a file that a crash left without notes is read. */
  async #describe(key: string): Promise<StoredObject | null> {
    const path = this.#path(key);
    const facts = await ifPresent(stat(path));
    // A root that went away must not look like an archive without objects.
    if (facts === null) await stat(this.#root);
    if (facts === null || !facts.isFile()) return null;
    const noted = await readNotes(this.#notes(key));
    const version = noted?.sha256 ?? (await digestOf((await open(path)).createReadStream())).sha256;
    return { key, version, size: facts.size, lock: noted?.lock ?? null, held: noted?.held ?? false };
  }

  #path(key: string): string {
    return join(this.#root, key);
  }

  #notes(key: string): string {
    return join(this.#root, LOCKS, `${key}.jsonl`);
  }

  /** Runs `step` and turns the system's error numbers into the program's codes. */
  async #translating<T>(key: string, step: () => Promise<T>): Promise<T> {
    try {
      return await step();
    } catch (error) {
      throw translated(error, join(this.#root, key));
    }
  }
}

/** Our own folders, and the one that ext4 keeps at the root of every mount. */
function isOurs(name: string): boolean {
  return name.startsWith('.') || name === 'lost+found/';
}

function conflict(path: string): ArchiverError {
  return new ArchiverError('sink-conflict', 'other bytes stand at the key', { detail: path });
}

function missing(key: string): ArchiverError {
  return new ArchiverError('sink-unreachable', 'the object is missing', { detail: key });
}
