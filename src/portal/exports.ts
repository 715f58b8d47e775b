/** Exports in the background: made for whoever ordered them, kept for a while, seen by few. */
import { randomBytes } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { finished } from 'node:stream/promises';
import { ArchiverError } from '../errors.ts';
import type { ExportInput, ExportProgress } from '../export/export.ts';
import type { Logger } from '../log.ts';
import type { AuditContext, Reader } from '../query/reader.ts';
import type { CurrentArchive } from './current-archive.ts';
import { ExportFiles, type KeptExport, type ShownExport } from './export-files.ts';
import { faultOf } from './fault.ts';
import { covers } from './grants.ts';
import { contextFor, type Recording } from './recording.ts';
import { Refusal, refusedBy } from './refusal.ts';
import type { PortalVerbs } from './verbs.ts';

export interface ExportLimits {
  readonly folder: string;
  /** Milliseconds until a ZIP is deleted. */
  readonly keep: number;
  /** That one person has running. */
  readonly perPerson: number;
  /** That run in this process. */
  readonly atOnce: number;
  /** Bytes of all ZIPs; where they are used up, nothing new is begun. */
  readonly space: number;
}

export interface ExportParts {
  readonly limits: ExportLimits;
  readonly archive: CurrentArchive;
  readonly exportSlice: PortalVerbs['exportSlice'];
  readonly recording: Recording;
  readonly now: () => number;
  readonly log: Logger;
  readonly onEnd: (outcome: 'done' | 'failed' | 'interrupted') => void;
}

interface Running {
  readonly stop: AbortController;
  readonly ended: Promise<void>;
  kept: KeptExport;
  writing: Promise<void>;
}

interface Order {
  readonly id: string;
  readonly input: ExportInput;
  readonly reader: Reader;
  readonly signal: AbortSignal;
  /** Called once the export is on record. */
  readonly recorded: () => void;
}

/** Of a process that fell silent for so long nobody waits any more. */
const SILENCE_MS = 90_000;
const ALIVE_MS = 20_000;

export class Exports {
  readonly #parts: ExportParts;
  readonly #files: ExportFiles;
  readonly #running = new Map<string, Running>();
  #closed = false;

  private constructor(parts: ExportParts, files: ExportFiles) {
    this.#parts = parts;
    this.#files = files;
  }

  static async open(parts: ExportParts): Promise<Exports> {
    return new Exports(parts, await ExportFiles.open(parts.limits.folder));
  }

  get running(): number {
    return this.#running.size;
  }

  /**
   * Begins an export and answers once it is on record, so that what is refused is refused here. Fails with the refusal
   * `too-many`, with `spool-full`, and as the verb does before it is on record.
   * @returns its id
   */
  async begin(reader: Reader, input: ExportInput): Promise<string> {
    const { limits, now } = this.#parts;
    if (this.#closed) throw new ArchiverError('interrupted', 'the portal is closing');
    const own = [...this.#running.values()].filter(({ kept }) => kept.by === reader.name);
    if (own.length >= limits.perPerson || this.#running.size >= limits.atOnce) throw new Refusal('too-many');
    const id = randomBytes(16).toString('hex');
    const at = now();
    const kept: KeptExport = {
      id,
      by: reader.name,
      at: new Date(at).toISOString(),
      reason: input.reason,
      input: { ...input },
      state: 'running',
      phase: 'reading',
      done: 0,
      of: 0,
      expires: new Date(at + limits.keep).toISOString(),
      scope: plain(reader.scope),
      alive: at,
    };
    const stop = new AbortController();
    await new Promise<void>((recorded, refused) => {
      const ended = this.#make({ id, input, reader, signal: stop.signal, recorded });
      this.#running.set(id, { kept, stop, ended, writing: Promise.resolve() });
      ended.then(recorded, refused);
    });
    return id;
  }

  /** Those that the reader may see, newest first. */
  async list(reader: Reader): Promise<readonly ShownExport[]> {
    await this.expire();
    const all = await this.#files.list();
    return all.filter((kept) => isVisible(kept, reader)).map((kept) => this.#shown(kept));
  }

  /** Fails with `record-not-found`, also where the reader may not see it. */
  async find(reader: Reader, id: string): Promise<ShownExport> {
    return this.#shown(await this.#visible(reader, id));
  }

  /**
   * Path of a ZIP for a reader. Fails with `record-not-found`, with the refusal `not-ready`, and with `access-denied` where
   * more was exported than he may see now.
   */
  async zip(reader: Reader, id: string): Promise<{ readonly path: string; readonly shown: ShownExport }> {
    const kept = await this.#visible(reader, id);
    const shown = this.#shown(kept);
    if (shown.state !== 'done') throw new Refusal('not-ready');
    if (!covers(reader.scope, kept.scope))
      throw new ArchiverError('access-denied', 'the scope was narrowed since the export');
    return { path: this.#files.zip(id), shown };
  }

  /** Stops it where it runs. Fails with `record-not-found`. */
  async remove(reader: Reader, id: string): Promise<void> {
    await this.#visible(reader, id);
    await this.#interrupt(id);
    await this.#files.remove(id);
  }

  /** Deletes what was kept for long enough. */
  async expire(): Promise<void> {
    const now = this.#parts.now();
    for (const { id, expires } of await this.#files.list())
      if (Date.parse(expires) <= now && !this.#running.has(id)) await this.#files.remove(id);
  }

  /** Whoever asks again in the next process sees that they were interrupted. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#running.keys()].map((id) => this.#interrupt(id)));
  }

  async #interrupt(id: string): Promise<void> {
    const running = this.#running.get(id);
    if (running === undefined) return;
    running.stop.abort(new ArchiverError('interrupted', 'the export was stopped'));
    await running.ended.catch(() => undefined);
  }

  async #visible(reader: Reader, id: string): Promise<KeptExport> {
    const kept = await this.#files.find(id);
    if (kept !== undefined && isVisible(kept, reader)) return kept;
    throw new ArchiverError('record-not-found', 'there is no such export');
  }

  /** What runs here is known better than it was written last. */
  #shown(kept: KeptExport): ShownExport {
    const { scope: _scope, alive, ...shown } = this.#running.get(kept.id)?.kept ?? kept;
    if (shown.state !== 'running' || this.#running.has(kept.id)) return shown;
    return this.#parts.now() - alive < SILENCE_MS ? shown : { ...shown, state: 'failed', error: INTERRUPTED };
  }

  async #make({ id, input, reader, signal, recorded }: Order): Promise<void> {
    const { archive, exportSlice, recording, now, log, onEnd } = this.#parts;
    // The caller put it among those that run in the same turn.
    await Promise.resolve();
    let begun = false;
    try {
      await this.#requireSpace();
      await this.#note(id, {});
      const summary = await archive.use(async (opened) => {
        const out = createWriteStream(this.#files.unfinished(id), { flags: 'wx', mode: 0o600 });
        const closed = finished(out);
        closed.catch(() => undefined);
        const ctx = contextFor(recording, opened, reader, signal);
        const record: AuditContext['record'] = async (access) => {
          await ctx.record(access);
          begun = true;
          recorded();
        };
        const made = await exportSlice({ ...ctx, record }, input, {
          out,
          spool: this.#files.spool(id),
          now,
          onProgress: (progress) => this.#progress(id, progress),
        }).catch((error: unknown) => {
          out.destroy();
          throw error;
        });
        await closed;
        return made;
      });
      await rename(this.#files.unfinished(id), this.#files.zip(id));
      await this.#clear(id);
      await this.#note(id, { state: 'done', summary: { ...summary } });
      onEnd('done');
    } catch (error) {
      const refused = refusedBy(error);
      const interrupted = signal.aborted;
      if (refused.fault && !interrupted) log.error({ fault: faultOf(error) }, 'an export failed');
      onEnd(interrupted ? 'interrupted' : 'failed');
      await this.#clear(id);
      // What was never on record is refused to whoever ordered it, and leaves nothing.
      if (!begun) {
        await this.#files.remove(id);
        throw error;
      }
      await this.#note(id, { state: 'failed', error: interrupted ? INTERRUPTED : refused.body.error });
    } finally {
      this.#running.delete(id);
    }
  }

  /** What only its making needed. */
  async #clear(id: string): Promise<void> {
    for (const path of [this.#files.spool(id), this.#files.unfinished(id)])
      await rm(path, { recursive: true, force: true });
  }

  async #requireSpace(): Promise<void> {
    const { limits } = this.#parts;
    const used = (await this.#files.list()).reduce((sum, { summary }) => sum + (summary?.bytes ?? 0), 0);
    if (used >= limits.space) throw new ArchiverError('spool-full', 'the space for exports is used up');
  }

  #progress(id: string, { phase, done, of }: ExportProgress): void {
    const running = this.#running.get(id);
    if (running === undefined) return;
    const now = this.#parts.now();
    const stale = now - running.kept.alive >= ALIVE_MS;
    running.kept = { ...running.kept, phase, done, of };
    if (stale) void this.#note(id, { alive: now }).catch(() => undefined);
  }

  /** One after the other; nobody is told what is not on disk. */
  async #note(id: string, change: Partial<KeptExport>): Promise<void> {
    const running = this.#running.get(id);
    if (running === undefined) return;
    running.writing = running.writing
      .catch(() => undefined)
      .then(async () => {
        const kept = { ...running.kept, ...change };
        await this.#files.keep(kept);
        running.kept = { ...running.kept, ...change };
      });
    await running.writing;
  }
}

const INTERRUPTED = {
  code: 'interrupted',
  message: 'the portal was stopped before the export was finished',
  hint: 'Order it again.',
};

/** Who ordered it; and officers, who answer for what leaves the archive, if they may see all of it. */
function isVisible(kept: KeptExport, reader: Reader): boolean {
  return kept.by === reader.name || (reader.role === 'officer' && covers(reader.scope, kept.scope));
}

function plain({ matters, custodians, channels, from, to }: Reader['scope']): KeptExport['scope'] {
  return { matters: [...matters], custodians: [...custodians], channels: [...channels], from, to };
}
