/** `manifest.json` of an export: what it is of, who made it, and every member with its hash. */
import { z } from 'zod';
import { FORMATS } from './input.ts';
import type { Member, Pack } from './pack.ts';

export const MANIFEST = 'manifest.json';
export const CHECKPOINT = 'checkpoint';
export const COVERAGE = 'coverage.json';
export const README = 'README.txt';
const SUMS = 'SHA256SUMS';
export const PROOFS = 'proofs/';
export const FILES = 'files/';

/** Raised with every change of what is rendered from the same slice. */
export const RENDERER = { name: 'zoom-chat-archiver', version: 1 } as const;

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const count = z.int().min(0);

const head = {
  format: z.literal(1),
  renderer: z.strictObject({ name: z.string(), version: z.int() }),
  /** What alone differs between two exports of the same slice. */
  made: z.strictObject({
    at: z.iso.datetime(),
    by: z.string(),
    role: z.string(),
    scope: z.unknown(),
    reason: z.string(),
  }),
  archive: z.strictObject({
    account: z.string(),
    origin: z.string(),
    size: count,
    /** Base64. */
    root: z.string(),
    /** The public key of the log, as the archive's owner must name it by another way. */
    key: z.string(),
  }),
  question: z.strictObject({
    of: z.unknown(),
    zone: z.string(),
    formats: z.array(z.enum(FORMATS)),
    proofs: z.boolean(),
  }),
  counts: z.strictObject({
    revisions: count,
    messages: count,
    conversations: count,
    files: count,
    holes: count,
  }),
  /** Of the record hashes, see `multiset.ts`. */
  records: z.strictObject({ count, sums: z.array(z.number().min(0)).length(8) }),
};

const member = z.strictObject({ path: z.string().min(1), bytes: count, sha256 });

export const manifestSchema = z.strictObject({ ...head, members: z.array(member) });
export type Manifest = z.output<typeof manifestSchema>;
export type ManifestHead = Omit<Manifest, 'members'>;

/** Writes it, a member a line, for there may be many. */
export async function writeManifest(
  pack: Pack,
  head: ManifestHead,
  members: Iterable<Member>,
): Promise<void> {
  pack.begin(MANIFEST);
  const text = JSON.stringify(head, null, 2);
  await pack.write(`${text.slice(0, -2)},\n  "members": [`);
  let between = '\n';
  for (const { path, size: bytes, sha256: hash } of members) {
    await pack.write(`${between}    ${JSON.stringify({ path, bytes, sha256: hash })}`);
    between = ',\n';
  }
  await pack.write('\n  ]\n}\n');
  await pack.end();
}

/** As `sha256sum` writes and checks it. */
export async function writeSums(pack: Pack, members: Iterable<Member>): Promise<void> {
  pack.begin(SUMS);
  for (const { path, sha256: hash } of members) await pack.write(`${hash}  ${path}\n`);
  await pack.end();
}
