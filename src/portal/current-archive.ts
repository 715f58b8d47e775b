/** The archive that answers: opened once, opened anew when its log has grown, and never at a head that went back. */
import { ArchiverError, hasCode } from '../errors.ts';
import type { Checkpoint } from '../proof/checkpoint.ts';
import type { PublishedLog } from '../proof/published.ts';
import { requireExtends } from '../proof/witness.ts';
import type { OpenArchive } from '../query/archive.ts';

export interface ArchiveSource {
  /** The published head. Fails as `openPublished` does. */
  readonly published: () => Promise<PublishedLog>;
  readonly open: () => Promise<OpenArchive>;
  /** A head that was served from before this process began. */
  readonly served: Checkpoint | undefined;
  /** Told each new head before anything is answered from it, so that it can be kept over a restart. */
  readonly keep: (log: PublishedLog) => Promise<void>;
}

interface Opened {
  readonly archive: OpenArchive;
  users: number;
  replaced: boolean;
}

export class CurrentArchive {
  readonly #source: ArchiveSource;
  #opened: Opened;
  #looking: Promise<void> | undefined;
  #broken = false;
  #closed = false;

  private constructor(source: ArchiveSource, archive: OpenArchive) {
    this.#source = source;
    this.#opened = { archive, users: 0, replaced: false };
  }

  /** Fails with `proof-invalid` where the log does not begin with the head that was served before, and as `open` does. */
  static async open(source: ArchiveSource): Promise<CurrentArchive> {
    return new CurrentArchive(source, await openExtending(source, source.served));
  }

  /**
   * Works on the archive as it is now; it stays open until `work` ends, however often it is replaced meanwhile. Nobody
   * waits for a look at a new head, unless the last one found what must not be: fails with `proof-invalid` for as long as
   * the published log does not begin with what was served.
   */
  async use<T>(work: (archive: OpenArchive) => Promise<T>): Promise<T> {
    if (this.#broken) await this.refresh();
    if (this.#closed) throw new ArchiverError('interrupted', 'the portal is closing');
    const opened = this.#opened;
    opened.users += 1;
    try {
      return await work(opened.archive);
    } finally {
      opened.users -= 1;
      closeUnused(opened);
    }
  }

  /** The head that answers come from at the moment. */
  get checkpoint(): Checkpoint {
    return this.#opened.archive.log.checkpoint;
  }

  /** Zoom's id of the account; empty where the log does not begin with it. */
  get account(): string {
    const [first] = this.#opened.archive.deeds;
    return first?.entry.type === 'archive' ? first.entry.account : '';
  }

  /** Looks for a new head now, or waits for the look that is under way. Fails as `published` and `open` do. */
  async refresh(): Promise<void> {
    if (this.#closed) throw new ArchiverError('interrupted', 'the portal is closing');
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined;
    });
    await this.#looking;
  }

  /** What is in use is closed by who uses it last. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#looking?.catch(() => undefined);
    this.#replaceBy(undefined);
  }

  /** A store that does not answer changes nothing: what is open is as true as it was. */
  async #look(): Promise<void> {
    try {
      const log = await this.#source.published();
      if (!isSame(log.checkpoint, this.checkpoint)) {
        await requireExtends(log, this.checkpoint);
        this.#replaceBy(await openExtending(this.#source, this.checkpoint));
      }
      this.#broken = false;
    } catch (error) {
      if (hasCode(error, 'proof-invalid', 'archive-missing')) this.#broken = true;
      throw error;
    }
  }

  #replaceBy(archive: OpenArchive | undefined): void {
    const former = this.#opened;
    if (archive !== undefined) this.#opened = { archive, users: 0, replaced: false };
    former.replaced = true;
    closeUnused(former);
  }
}

async function openExtending(source: ArchiveSource, older: Checkpoint | undefined): Promise<OpenArchive> {
  const archive = await source.open();
  try {
    if (older !== undefined) await requireExtends(archive.log, older);
    await source.keep(archive.log);
    return archive;
  } catch (error) {
    archive.close();
    throw error;
  }
}

function isSame(one: Checkpoint, other: Checkpoint): boolean {
  return one.size === other.size && Buffer.compare(one.root, other.root) === 0;
}

function closeUnused({ archive, users, replaced }: Opened): void {
  if (replaced && users === 0) archive.close();
}
