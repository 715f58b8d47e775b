import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Command, Option } from 'commander';
import { ArchiverError } from '../errors.ts';
import { formatVerifierKey, type NoteKey } from '../proof/key.ts';
import type { IntactFiles } from '../proof/local-files.ts';
import { openPublished, type PublishedLog } from '../proof/published.ts';
import { openCosigned } from '../proof/witness.ts';
import { type DisposedSegment, loggedSegments } from '../query/catalog.ts';
import { MESSAGE_STREAMS, type WantedRecords } from '../query/message-records.ts';
import { type ProvenRecord, provenRecords } from '../query/record-evidence.ts';
import { messageId } from '../record.ts';
import {
  type AccessFlags,
  openRecording,
  type Recording,
  readerOf,
  withAccessOptions,
  withNameOption,
} from './auditing.ts';
import type { CommandIo } from './context.ts';
import { type Searched, searchMessages } from './message-search.ts';
import { readWitnessKey } from './public-keys.ts';
import {
  type CacheFlags,
  openIntactFiles,
  openReading,
  withCacheOptions,
  withReadingOptions,
} from './reading.ts';
import { printable } from './table.ts';

interface ProveFlags extends AccessFlags, CacheFlags {
  readonly as?: string;
  readonly witness?: string;
  readonly message: string;
  readonly session?: string;
  readonly kind?: string;
  readonly out: string;
}

/** `prove`: a proof for every archived record of a message, from the archive alone. */
export function proveCommand(io: CommandIo): Command {
  const command = new Command('prove')
    .description(
      'write a proof and the bytes of every archived version of a message, for somebody without the archive',
    )
    .requiredOption('--message <id>', 'id of the message')
    .requiredOption('--out <folder>', 'where to write; made when missing')
    .option('--session <id>', 'only in this session')
    .addOption(new Option('--kind <kind>', 'only this version').choices(['sent', 'edited', 'deleted']))
    .option(
      '--witness <vkey>',
      'prove by the newest head that this witness cosigned, or a file that holds his key',
    )
    .option('--json', 'print the result as JSON');
  return withNameOption(withAccessOptions(withCacheOptions(withReadingOptions(command))))
    .addHelpText(
      'after',
      `
Every record becomes two files: NAME.record, the bytes that were hashed, and NAME.tlog-proof. Give both away, and the
public key by another way; \`verify-proof\` checks them without the archive.

Example:
  $ zoom-chat-archiver prove --message 9bb4b1d8-0b5d-4a5c-9e0f-2f4a1a2b3c4d --out ./evidence`,
    )
    .action(async (_flags: unknown, self: Command) => {
      const flags = self.optsWithGlobals<ProveFlags>();
      const reading = await openReading(flags);
      const { sink, key } = reading;
      let files: IntactFiles | undefined;
      let recording: Recording | undefined;
      try {
        recording = await openRecording(io, reading, flags);
        files = await openIntactFiles(reading, flags, io);
        const published = await openPublished(sink, key);
        const log =
          flags.witness === undefined
            ? published
            : await openCosigned(sink, published, key, await readWitnessKey(flags.witness));
        const wanted = wantedBy(flags);
        const record = recording.recordFor(readerOf(flags), log.checkpoint);
        await record({ action: 'view', input: { prove: wanted } });
        const slice = { streams: MESSAGE_STREAMS };
        const { segments, disposed, destroyed } = await loggedSegments(sink, log, slice, published);
        await files.forget(destroyed);
        const proofs = await proveAll(io, { log, files, segments }, wanted);
        if (proofs.length === 0) throw notFound(flags, segments.length, disposed);
        await writeProofs(flags.out, proofs);
        tell(io, flags, { key, log, segments: segments.length }, proofs);
      } finally {
        await files?.close();
        await recording?.close();
        await reading.close();
      }
    });
}

function wantedBy({ message, session, kind }: ProveFlags): WantedRecords {
  return {
    messageId: messageId(message),
    ...(session === undefined ? {} : { session }),
    ...(kind === undefined ? {} : { kind }),
  };
}

/** What was in a segment that is gone nobody can tell; that one is gone, and by whom, the log does. */
function notFound(
  { message, session, kind }: ProveFlags,
  segments: number,
  disposed: readonly DisposedSegment[],
): ArchiverError {
  const where = session === undefined ? '' : ` in session ${session}`;
  const wanted = `${kind ?? 'any version'} of message ${message}${where}`;
  const last = disposed.at(-1)?.disposal;
  const gone =
    last === undefined
      ? ''
      : `; ${disposed.length} segments of ${daysOf(disposed)} were disposed of, the last of them on ${last.at.slice(0, 10)} by ${last.by}`;
  return new ArchiverError('record-not-found', 'the archive has no such record', {
    detail: `${wanted}, in ${segments} segments looked at${gone}`,
  });
}

function daysOf(disposed: readonly DisposedSegment[]): string {
  const days = disposed.map(({ entry }) => entry.date).sort();
  return `${days[0] ?? ''} to ${days.at(-1) ?? ''}`;
}

interface RecordProof extends ProvenRecord {
  readonly segment: string;
}

/** Proofs of what is wanted, in the log's order. Nothing counts as looked at that is not exactly what the log names. */
async function proveAll(
  io: CommandIo,
  searched: Searched & { readonly log: PublishedLog },
  wanted: WantedRecords,
): Promise<readonly RecordProof[]> {
  const all = await searchMessages(io, searched, wanted, async (placed, rows) => {
    const proven = await provenRecords(searched.log, placed, rows, wanted.messageId);
    return proven.map((one) => ({ ...one, segment: placed.entry.key }));
  });
  // The same fact seen twice at one moment, in two segments, is one record to prove.
  const byName = new Map<string, RecordProof>();
  for (const proof of all) if (!byName.has(proof.name)) byName.set(proof.name, proof);
  return [...byName.values()];
}

/** Writes all files or, where one stands with other bytes, none. Fails with `usage`. */
async function writeProofs(folder: string, proofs: readonly RecordProof[]): Promise<void> {
  const wanted = proofs.flatMap(({ name, proof, record }) => [
    { path: join(folder, `${name}.record`), bytes: Buffer.from(record) },
    { path: join(folder, `${name}.tlog-proof`), bytes: Buffer.from(proof) },
  ]);
  try {
    await mkdir(folder, { recursive: true });
    const missing: typeof wanted = [];
    for (const file of wanted) if (!(await stands(file.path, file.bytes))) missing.push(file);
    for (const { path, bytes } of missing) await create(path, bytes);
  } catch (cause) {
    if (cause instanceof ArchiverError) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new ArchiverError('usage', 'the proofs cannot be written', { cause, detail: why });
  }
}

/** False where nothing stands. */
async function stands(path: string, bytes: Buffer): Promise<boolean> {
  try {
    if (bytes.equals(await readFile(path))) return true;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false;
    throw error;
  }
  throw occupied(path);
}

async function create(path: string, bytes: Buffer): Promise<void> {
  try {
    await writeFile(path, bytes, { flag: 'wx' });
  } catch (error) {
    if (isErrno(error, 'EEXIST')) throw occupied(path);
    // A part of a file would stand in the way of the next try.
    await rm(path, { force: true });
    throw error;
  }
}

function occupied(path: string): ArchiverError {
  const phrase = 'a file with other bytes stands there; give another folder';
  return new ArchiverError('usage', phrase, { detail: path });
}

function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

interface Told {
  readonly key: NoteKey;
  readonly log: PublishedLog;
  /** How many were looked at. */
  readonly segments: number;
}

function tell(
  io: CommandIo,
  { message, out, json }: ProveFlags,
  { key, log, segments }: Told,
  proofs: readonly RecordProof[],
): void {
  const { origin, size } = log.checkpoint;
  const records = proofs.map(({ name, segment, found: { fact, drift, hash } }) => ({
    stream: fact.stream,
    kind: fact.kind,
    session: fact.session_id,
    observedAt: new Date(fact.observed_at).toISOString(),
    drift,
    hash,
    segment,
    proof: join(out, `${name}.tlog-proof`),
    record: join(out, `${name}.record`),
  }));
  const vkey = formatVerifierKey(key);
  if (json) {
    io.out(
      JSON.stringify({
        message: messageId(message),
        log: { origin, size },
        key: vkey,
        segments,
        records,
      }),
    );
    return;
  }
  for (const { stream, kind, session, observedAt, drift, proof } of records) {
    const what = `${stream} ${kind}${drift ? ' (drift)' : ''} in session ${session}, observed ${observedAt}`;
    io.out(`${printable(what)}\n  ${printable(proof)}`);
  }
  io.out(`${records.length} records proven by log ${origin} at size ${size}; ${segments} segments looked at`);
  io.out(`verifies with ${vkey}`);
}
