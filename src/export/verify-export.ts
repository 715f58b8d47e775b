/** Checks an export with nothing but the public key: its members, the log's head, every proof, and what it holds. */
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { crc32 } from 'node:zlib';
import { ArchiverError, hasCode } from '../errors.ts';
import { openCheckpoint } from '../proof/checkpoint.ts';
import { type NoteKey, parseNoteKey } from '../proof/key.ts';
import { type ZipEntry, ZipFile } from '../zip/zip-file.ts';
import { ProofCheck } from './check-proofs.ts';
import { SaidCheck } from './check-said.ts';
import { collected } from './collected.ts';
import { csvVersions } from './csv.ts';
import type { Finding } from './finding.ts';
import type { Format } from './input.ts';
import { CHECKPOINT, MANIFEST, type Manifest, manifestSchema, PROOFS } from './manifest.ts';
import { HashMultiset, isSameMultiset } from './multiset.ts';
import { formatOfMember, revisionsIn } from './readers.ts';
import type { RsmfManifest } from './rsmf-manifest-rules.ts';
import { checkRsmf } from './rsmf-rules.ts';

export interface VerifyOptions {
  /** Of the log; without one the export's own word is taken, which shows nothing but that it agrees with itself. */
  readonly key?: NoteKey;
  readonly signal: AbortSignal;
  /** Members looked at, and how many there are. */
  readonly onProgress?: (done: number, of: number) => void;
}

/** A rule of RSMF that is broken without a platform refusing the file. */
export interface RsmfWarning {
  readonly path: string;
  readonly rule: number;
  readonly why: string;
}

export interface ExportVerdict {
  readonly holds: boolean;
  readonly findings: readonly Finding[];
  readonly warnings: readonly RsmfWarning[];
  /** Whether the key came from elsewhere. */
  readonly trusted: boolean;
  /** Null where there is none that can be read. */
  readonly manifest: Omit<Manifest, 'members'> | null;
  readonly members: number;
  readonly proofs: number;
  /** Versions found in each format. */
  readonly revisions: Readonly<Partial<Record<Format, number>>>;
}

/** Beyond it the rest is counted only. */
const MOST_FINDINGS = 1000;

/** Never fails for what is in the file: that is in the verdict. Fails with `usage` where it cannot be read at all. */
export async function verifyExport(path: string, options: VerifyOptions): Promise<ExportVerdict> {
  const verification = new Verification(options);
  await withZip(path, (zip) => verification.open(zip));
  if (verification.isOpen) {
    await withZip(path, (zip) => verification.records(zip));
    await withZip(path, (zip) => verification.members(zip));
  }
  return verification.verdict();
}

async function withZip(path: string, work: (zip: ZipFile | undefined) => Promise<void>): Promise<void> {
  let zip: ZipFile | undefined;
  try {
    zip = await ZipFile.open(path);
  } catch (cause) {
    throw new ArchiverError('usage', 'the export cannot be read', { cause, detail: path });
  }
  try {
    await work(zip);
  } finally {
    await zip?.close();
  }
}

class Verification {
  readonly #options: VerifyOptions;
  readonly #findings: Finding[] = [];
  readonly #stated = new Map<string, { readonly bytes: number; readonly sha256: string }>();
  readonly #seen = new Set<string>();
  readonly #found = new Map<Format, HashMultiset>();
  readonly #said = new SaidCheck();
  #manifest: Manifest | null = null;
  #proofs: ProofCheck | undefined;
  readonly #warnings: RsmfWarning[] = [];
  #entries = 0;
  #missed = 0;

  constructor(options: VerifyOptions) {
    this.#options = options;
  }

  get isOpen(): boolean {
    return this.#manifest !== null;
  }

  /** Reads what says how the rest must be. */
  async open(zip: ZipFile | undefined): Promise<void> {
    if (zip === undefined) return this.#say('no-zip', '', 'the file is no ZIP, or its end is missing');
    let manifest: Buffer | undefined;
    let checkpoint: Buffer | undefined;
    try {
      for await (const entry of zip.entries()) {
        this.#entries += 1;
        if (entry.name === MANIFEST) manifest ??= await whole(zip, entry);
        if (entry.name === CHECKPOINT) checkpoint ??= await whole(zip, entry);
      }
    } catch (error) {
      return this.#say('no-zip', '', `the ZIP cannot be read: ${text(error)}`);
    }
    if (manifest === undefined) return this.#say('manifest-invalid', MANIFEST, 'there is none');
    const parsed = manifestSchema.safeParse(json(manifest));
    if (!parsed.success) {
      const { path = [], message = '' } = parsed.error.issues[0] ?? {};
      return this.#say('manifest-invalid', MANIFEST, `${path.join('.')}: ${message}`);
    }
    this.#manifest = parsed.data;
    for (const { path, bytes, sha256 } of parsed.data.members) {
      if (this.#stated.has(path)) this.#say('manifest-invalid', path, 'the manifest names it twice');
      this.#stated.set(path, { bytes, sha256 });
    }
    const key = this.#options.key ?? this.#ownKey(parsed.data);
    if (key === undefined) return;
    if (checkpoint === undefined) return this.#say('checkpoint-invalid', CHECKPOINT, 'there is none');
    this.#openCheckpoint(checkpoint.toString(), key, parsed.data);
  }

  #ownKey({ archive: { key } }: Manifest): NoteKey | undefined {
    try {
      return parseNoteKey(key);
    } catch (error) {
      if (!hasCode(error, 'bad-key')) throw error;
      this.#say('manifest-invalid', MANIFEST, 'its key is none');
      return undefined;
    }
  }

  #openCheckpoint(note: string, key: NoteKey, { archive }: Manifest): void {
    try {
      const { checkpoint } = openCheckpoint(note, key, key.name);
      const { origin, size, root } = checkpoint;
      if (
        origin !== archive.origin ||
        size !== archive.size ||
        Buffer.from(root).toString('base64') !== archive.root
      )
        this.#say('checkpoint-invalid', CHECKPOINT, 'the manifest names another head of the log');
      this.#proofs = new ProofCheck(key, note);
    } catch (error) {
      if (!hasCode(error, 'proof-invalid')) throw error;
      this.#say('checkpoint-invalid', CHECKPOINT, error.message);
    }
  }

  /** Reads the records, with whose texts the formats are compared. */
  async records(zip: ZipFile | undefined): Promise<void> {
    try {
      for await (const entry of zip?.entries() ?? []) {
        this.#stopped();
        if (zip !== undefined && entry.name.startsWith(PROOFS))
          await this.#said.note(await whole(zip, entry));
      }
    } catch (error) {
      if (error instanceof ArchiverError) throw error;
      // What cannot be read is named where its member is looked at.
    }
  }

  #stopped(): void {
    if (this.#options.signal.aborted) throw new ArchiverError('interrupted', 'the check was stopped');
  }

  /** Reads every member. */
  async members(zip: ZipFile | undefined): Promise<void> {
    if (zip === undefined) return;
    let done = 0;
    try {
      for await (const entry of zip.entries()) {
        this.#stopped();
        await this.#member(zip, entry);
        done += 1;
        this.#options.onProgress?.(done, this.#entries);
      }
    } catch (error) {
      if (error instanceof ArchiverError) throw error;
      this.#say('no-zip', '', `the ZIP cannot be read: ${text(error)}`);
    }
    for (const path of this.#stated.keys())
      if (!this.#seen.has(path)) this.#say('member-missing', path, 'the manifest names it');
    this.#compare();
  }

  async #member(zip: ZipFile, entry: ZipEntry): Promise<void> {
    const { name } = entry;
    if (this.#seen.has(name)) this.#say('member-twice', name, 'the ZIP holds it twice');
    this.#seen.add(name);
    if (entry.unsafe) this.#say('member-unsafe', name, 'its name leaves the folder it is unpacked into');
    const stated = this.#stated.get(name);
    if (stated === undefined && name !== MANIFEST)
      this.#say('member-unknown', name, 'the manifest does not name it');
    if (entry.encrypted || !entry.decodable)
      return this.#say('member-unreadable', name, 'it is encrypted or packed');

    const digest = createHash('sha256');
    let size = 0;
    let crc = 0;
    const bytes = async function* (): AsyncGenerator<Buffer> {
      for await (const chunk of (await zip.content(entry)) as AsyncIterable<Buffer>) {
        digest.update(chunk);
        crc = crc32(chunk, crc);
        size += chunk.length;
        yield chunk;
      }
    };
    try {
      await this.#content(name, bytes());
    } catch (error) {
      if (error instanceof ArchiverError) throw error;
      return this.#say('member-unreadable', name, text(error));
    }
    if (crc !== entry.crc32) this.#say('member-differs', name, 'not the CRC that the ZIP states');
    const sha256 = digest.digest('hex');
    if (stated !== undefined && (stated.sha256 !== sha256 || stated.bytes !== size))
      this.#say('member-differs', name, `SHA-256 is ${sha256}, the manifest says ${stated.sha256}`);
  }

  /** Reads it to its end, whatever is found in it. */
  async #content(name: string, bytes: AsyncGenerator<Buffer>): Promise<void> {
    const format = formatOfMember(name);
    if (name.startsWith(PROOFS)) {
      const found = this.#proofs?.check(await collected(bytes)) ?? Promise.resolve([]);
      for (const { at, why } of await found) this.#say('proof-invalid', `${name}/${at}`, why);
    } else if (format === 'rsmf') {
      await this.#rsmf(name, await collected(bytes));
    } else if (format === 'csv') {
      await this.#table(name, bytes);
    } else if (format === 'html' || format === 'eml') {
      const own = await collected(bytes);
      await this.#revisions(format, name, Readable.from([own], { objectMode: false }));
      this.#compareTexts(format, name, own);
    } else if (format !== undefined) {
      await this.#revisions(format, name, bytes);
    }
    for await (const _rest of bytes);
  }

  async #revisions(format: Format, name: string, bytes: AsyncIterable<Buffer>): Promise<void> {
    const found = this.#found.get(format) ?? new HashMultiset();
    this.#found.set(format, found);
    for await (const hashes of revisionsIn(format, bytes)) {
      for (const hash of hashes) {
        if (hash === undefined)
          this.#say('revision-invalid', name, 'a version does not have the hash that it says');
        else found.add(hash);
      }
    }
  }

  async #table(name: string, bytes: AsyncIterable<Buffer>): Promise<void> {
    const found = this.#found.get('csv') ?? new HashMultiset();
    this.#found.set('csv', found);
    for await (const version of csvVersions(bytes)) {
      if (version.hash === undefined)
        this.#say('revision-invalid', name, 'a version does not have the hash that it says');
      else found.add(version.hash);
      if (!this.#said.isShown(version)) this.#say('text-differs', name, `record ${version.hash}`);
    }
  }

  async #rsmf(name: string, bytes: Buffer): Promise<void> {
    const { issues, hashes, manifest } = await checkRsmf(bytes);
    for (const { rule, severity, detail } of issues) {
      if (severity === 'reject') this.#say('rsmf-rejected', name, `rule ${rule}: ${detail}`);
      else this.#warnings.push({ path: name, rule, why: detail });
    }
    const found = this.#found.get('rsmf') ?? new HashMultiset();
    this.#found.set('rsmf', found);
    for (const hash of hashes) found.add(hash);
    this.#compareTexts('rsmf', name, bytes, manifest);
  }

  #compareTexts(format: Format, name: string, bytes: Buffer, manifest?: RsmfManifest): void {
    for (const one of this.#said.differing(format, bytes, manifest))
      this.#say('text-differs', name, `record ${one}`);
  }

  /** Every format holds the records that the manifest counts, and there is a proof for each. */
  #compare(): void {
    const manifest = this.#manifest;
    if (manifest === null) return;
    const { formats, proofs } = manifest.question;
    for (const format of formats) {
      const found = this.#found.get(format) ?? new HashMultiset();
      if (!isSameMultiset(found.digest(), manifest.records))
        this.#say(
          'records-differ',
          format,
          `${found.count} versions; the manifest counts ${manifest.records.count}`,
        );
    }
    for (const format of this.#found.keys())
      if (!formats.includes(format)) this.#say('records-differ', format, 'nobody asked for this format');
    if (!proofs || this.#proofs === undefined) return;
    if (!isSameMultiset(this.#proofs.records.digest(), manifest.records))
      this.#say(
        'records-differ',
        PROOFS,
        `${this.#proofs.records.count} proofs that hold; the manifest counts ${manifest.records.count} versions`,
      );
  }

  #say(code: Finding['code'], path: string, why: string): void {
    if (this.#findings.length < MOST_FINDINGS) this.#findings.push({ code, path, why });
    else this.#missed += 1;
  }

  verdict(): ExportVerdict {
    const findings =
      this.#missed === 0
        ? this.#findings
        : [...this.#findings, { code: 'more', path: '', why: `${this.#missed} more findings` } as const];
    return {
      holds: findings.length === 0,
      findings,
      warnings: this.#warnings,
      trusted: this.#options.key !== undefined,
      manifest: this.#manifest === null ? null : withoutMembers(this.#manifest),
      members: this.#entries,
      proofs: this.#proofs?.records.count ?? 0,
      revisions: Object.fromEntries([...this.#found].map(([format, { count }]) => [format, count])),
    };
  }
}

function withoutMembers({ members: _members, ...head }: Manifest): Omit<Manifest, 'members'> {
  return head;
}

async function whole(zip: ZipFile, entry: ZipEntry): Promise<Buffer> {
  return collected((await zip.content(entry)) as AsyncIterable<Buffer>);
}

function json(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString());
  } catch {
    return undefined;
  }
}

function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
