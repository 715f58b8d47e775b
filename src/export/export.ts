/** The verb `export`: a slice of messages as a ZIP, with proofs, and a check that it is the slice. */
import { hash } from 'node:crypto';
import { Readable, type Writable } from 'node:stream';
import { ArchiverError } from '../errors.ts';
import type { AuditContext } from '../query/reader.ts';
import { requireMay } from '../query/visibility.ts';
import { sliceCoverage } from './coverage.ts';
import { evidenceOf, RenderedRows } from './evidence.ts';
import { FilesNamed } from './files.ts';
import { type ExportInput, type ExportQuestion, exportInput, FORMATS } from './input.ts';
import {
  CHECKPOINT,
  COVERAGE,
  type ManifestHead,
  README,
  RENDERER,
  writeManifest,
  writeSums,
} from './manifest.ts';
import { HashMultiset, isSameMultiset, type MultisetDigest } from './multiset.ts';
import type { Member, Pack } from './pack.ts';
import { formatOfMember, revisionsIn } from './readers.ts';
import { readmeText } from './readme.ts';
import { type FormatWriter, needsFiles, needsSurroundings } from './renderer.ts';
import { conversationDays, countArchived } from './revisions.ts';
import { type ExportSlice, sliceOf } from './slice.ts';
import { Staging } from './staging.ts';
import { Surroundings } from './surroundings.ts';
import { openWriter } from './writers.ts';
import { ZipWriter } from './zip-writer.ts';

export { type ExportInput, exportInput, FORMATS, type Format } from './input.ts';

export interface ExportProgress {
  readonly phase: 'reading' | 'rendering' | 'proving' | 'checking';
  readonly done: number;
  /** Revisions; 0 while it is not known. */
  readonly of: number;
}

export interface ExportOptions {
  /** Gets the ZIP; is ended, or destroyed with the error. */
  readonly out: Writable;
  /** For temporary files; made when missing. */
  readonly spool: string;
  /** Milliseconds. */
  readonly now: () => number;
  readonly onProgress?: (progress: ExportProgress) => void;
}

export interface ExportSummary {
  /** Of the ZIP. */
  readonly sha256: string;
  readonly bytes: number;
  readonly revisions: number;
  readonly messages: number;
  readonly conversations: number;
  readonly files: number;
  /** Holes in the coverage of the slice; each is named in the manifest. */
  readonly holes: number;
}

/**
 * Writes a ZIP of a slice in the formats asked for. Fails with `export-differs`, and leaves an incomplete ZIP, where the
 * archived revisions of the slice are not exactly those that were rendered; with `access-denied`, `access-unrecorded`,
 * `usage`, `record-not-found`, `spool-full`, `interrupted`, and as the archive's rows do.
 */
export async function exportSlice(
  ctx: AuditContext,
  input: ExportInput,
  options: ExportOptions,
): Promise<ExportSummary> {
  const zip = new ZipWriter(options.out);
  try {
    const question = questionOf(input);
    requireMay(ctx.reader, 'export');
    await ctx.record({ action: 'export', input: question });
    const staging = await Staging.open(options.spool);
    try {
      return await new Export(ctx, question, options, staging).writeTo(zip);
    } finally {
      await staging.remove();
    }
  } catch (error) {
    await zip.destroy(error);
    throw error;
  }
}

function questionOf(input: ExportInput): ExportQuestion {
  const parsed = exportInput.safeParse(input);
  if (parsed.success)
    return { ...parsed.data, formats: FORMATS.filter((one) => parsed.data.formats.includes(one)) };
  const { path = [], message = '' } = parsed.error.issues[0] ?? {};
  throw new ArchiverError('usage', 'this cannot be exported', { detail: `${path.join('.')}: ${message}` });
}

interface Counted {
  readonly digest: MultisetDigest;
  readonly messages: number;
  readonly conversations: number;
}

/** One run of it. */
class Export {
  readonly #ctx: AuditContext;
  readonly #question: ExportQuestion;
  readonly #options: ExportOptions;
  readonly #staging: Staging;
  readonly #rows = new RenderedRows();
  readonly #sessions = new Set<string>();
  readonly #members: Member[] = [];
  #files: FilesNamed | undefined;

  constructor(ctx: AuditContext, question: ExportQuestion, options: ExportOptions, staging: Staging) {
    this.#ctx = ctx;
    this.#question = question;
    this.#options = options;
    this.#staging = staging;
  }

  /** Nothing comes into the ZIP before all that was rendered is compared with the archive. */
  async writeTo(zip: ZipWriter): Promise<ExportSummary> {
    const { of, zone } = this.#question;
    const slice = await sliceOf(this.#ctx, of, zone, this.#staging.path('hits.parquet'));
    const counted = await countArchived(this.#ctx, slice);
    const writers = await this.#render(slice, counted.digest.count);
    for (const writer of writers) await this.#check(writer, counted.digest);

    const coverage = await sliceCoverage(this.#ctx, slice, this.#sessions);
    const head = this.#head(counted, { files: this.#files?.count ?? 0, holes: coverage.holes.length });
    await this.#add(zip, README, readmeText(head));
    await this.#add(zip, CHECKPOINT, this.#ctx.archive.log.text);
    for (const { packs } of writers) for (const pack of packs) await this.#addPack(zip, pack);
    if (this.#question.formats.some(needsFiles)) await this.#addFiles(zip);
    if (this.#question.proofs) await this.#prove(zip, slice, counted.digest.count);
    await this.#add(zip, COVERAGE, coverage.text);
    const sums = await this.#staging.pack();
    await writeSums(sums, this.#members);
    await this.#addPack(zip, sums);
    const manifest = await this.#staging.pack();
    await writeManifest(manifest, head, this.#members);
    await this.#addPack(zip, manifest);
    const { sha256, bytes } = await zip.end();
    return { sha256, bytes, ...head.counts };
  }

  async #render(slice: ExportSlice, of: number): Promise<readonly FormatWriter[]> {
    const writers: FormatWriter[] = [];
    const surroundings = this.#question.formats.some(needsSurroundings)
      ? await Surroundings.open(this.#ctx)
      : undefined;
    for (const format of this.#question.formats)
      writers.push(await openWriter(format, this.#ctx, this.#staging, slice.clock, surroundings));
    if (surroundings !== undefined) this.#files = new FilesNamed(this.#ctx, await this.#staging.pack());
    let done = 0;
    this.#tell('reading', 0, of);
    for await (const days of conversationDays(this.#ctx, slice)) {
      this.#stopped();
      const told = await surroundings?.told(days);
      for (const [index, day] of days.entries()) {
        const seen = told?.[index];
        for (const writer of writers)
          if (writer.kind === 'records') await writer.day(day);
          else if (seen !== undefined) await writer.day(seen);
        if (seen !== undefined) await this.#files?.day(seen);
        this.#sessions.add(day.session);
        for (const { place } of day.revisions) this.#rows.add(place);
        done += day.revisions.length;
        this.#tell('rendering', done, of);
        this.#stopped();
      }
    }
    await this.#files?.end();
    for (const writer of writers) {
      await writer.end();
      for (const pack of writer.packs) await pack.flush();
    }
    return writers;
  }

  async #addFiles(zip: ZipWriter): Promise<void> {
    if (this.#files === undefined) return;
    for (const { path, size, sha256, content } of this.#files.stored()) {
      this.#stopped();
      await zip.add(path, content, false);
      this.#members.push({ path, size, sha256 });
    }
    await this.#addPack(zip, this.#files.pack);
  }

  /** Reads what waits for the ZIP and compares it with what the archive was counted to have. */
  async #check({ format, packs }: FormatWriter, archived: MultisetDigest): Promise<void> {
    const found = new HashMultiset();
    for (const pack of packs) {
      for (const member of pack.members) {
        if (formatOfMember(member.path) !== format) continue;
        for await (const hashes of revisionsIn(format, pack.read(member))) {
          this.#stopped();
          for (const one of hashes) {
            if (one === undefined) throw differs(format, 'a version cannot be read again');
            found.add(one);
          }
          this.#tell('checking', found.count, archived.count);
        }
      }
    }
    if (!isSameMultiset(found.digest(), archived))
      throw differs(format, `${found.count} versions of ${archived.count}`);
  }

  async #prove(zip: ZipWriter, slice: ExportSlice, of: number): Promise<void> {
    let done = 0;
    for await (const { path, bytes, proofs } of evidenceOf(this.#ctx, this.#rows, slice)) {
      this.#stopped();
      await this.#add(zip, path, bytes);
      done += proofs;
      this.#tell('proving', done, of);
    }
    if (done !== of) throw differs('proofs', `${done} of ${of}`);
  }

  async #add(zip: ZipWriter, path: string, content: string | Buffer): Promise<void> {
    const bytes = typeof content === 'string' ? Buffer.from(content) : content;
    await zip.add(path, Readable.from([bytes], { objectMode: false }), false);
    this.#members.push({ path, size: bytes.length, sha256: hash('sha256', bytes, 'hex') });
  }

  async #addPack(zip: ZipWriter, pack: Pack): Promise<void> {
    await pack.flush();
    for (const member of pack.members) {
      this.#stopped();
      await zip.add(member.path, await pack.content(member), member.size < STORED_BELOW);
      this.#members.push({ path: member.path, size: member.size, sha256: member.sha256 });
    }
  }

  #head(
    { digest, messages, conversations }: Counted,
    { files, holes }: { readonly files: number; readonly holes: number },
  ): ManifestHead {
    const { archive, reader } = this.#ctx;
    const { reason, ...question } = this.#question;
    const { origin, size, root } = archive.log.checkpoint;
    const first = archive.deeds.find(({ entry }) => entry.type === 'archive')?.entry;
    if (first?.type !== 'archive')
      throw new ArchiverError('proof-invalid', 'the log does not say whose it is');
    return {
      format: 1,
      renderer: RENDERER,
      made: {
        at: new Date(this.#options.now()).toISOString(),
        by: reader.name,
        role: reader.role,
        scope: reader.scope,
        reason,
      },
      archive: {
        account: first.account,
        origin,
        size,
        root: Buffer.from(root).toString('base64'),
        key: first.key,
      },
      question,
      counts: { revisions: digest.count, messages, conversations, files, holes },
      records: { count: digest.count, sums: [...digest.sums] },
    };
  }

  #tell(phase: ExportProgress['phase'], done: number, of: number): void {
    this.#options.onProgress?.({ phase, done, of });
  }

  #stopped(): void {
    if (this.#ctx.signal.aborted) throw new ArchiverError('interrupted', 'the export was stopped');
  }
}

/** Bytes below which packing costs more than it gains. */
const STORED_BELOW = 1024;

function differs(format: string, detail: string): ArchiverError {
  return new ArchiverError('export-differs', 'what was rendered is not what is archived', {
    detail: `${format}: ${detail}`,
  });
}
