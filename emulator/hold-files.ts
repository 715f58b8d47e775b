/** The zips of legal holds, and what may be wrong with one. */
import { constants, deflateRawSync } from 'node:zlib';
import { z } from 'zod';
import type { Account, Person } from './account.ts';
import { type ByteStream, shortened, streamOf } from './byte-stream.ts';
import { SIGN_IN_PAGE } from './deliver.ts';
import { exportEntries, fileEntry } from './hold-export.ts';
import { exportFlaws, isExportFlaw } from './hold-flaws.ts';
import type { Matter, Period } from './matters.ts';
import { type ZipEntry, zipPieces, zipSize } from './zip.ts';

/**
 * `empty`: no bytes at all. `truncated`: the connection closes after half of them. `short`: half of them as a complete
 * answer, so that the zip lacks its directory. `wrong-size`: the list names another size. `many`: 100,000 entries.
 * `escaping`: entries that would leave the folder they are unpacked into. `huge`: one entry of so many bytes.
 * `not-a-zip`: 200 with a sign-in page. `never-ready`: as it says. `bomb`: two entries that unpack to so many bytes, of
 * which one says so and the other says that it is small. The others are what an export may have: `hold-flaws.ts`.
 */
export const zipConditionSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.enum([
      ...(['normal', 'empty', 'truncated', 'short', 'wrong-size'] as const),
      ...(['many', 'escaping', 'not-a-zip', 'never-ready'] as const),
      ...exportFlaws,
    ]),
  }),
  z.strictObject({ kind: z.literal('bomb'), bytes: z.number().int().positive() }),
  z.strictObject({ kind: z.literal('huge'), bytes: z.number().int().nonnegative() }),
]);
export type ZipCondition = z.infer<typeof zipConditionSchema>;

/** One zip of a matter. */
export interface HoldFile {
  readonly key: string;
  readonly matter: Matter;
  readonly custodian: Person;
  readonly period: Period;
}

const MANY = 100_000;
const ESCAPING_NAMES = [
  '../../etc/escaped',
  '/etc/escaped',
  'folder/../../escaped',
  '..\\..\\escaped',
  'C:\\escaped',
  'cut\u0000.txt',
];

/** What the zip holds when it comes whole. */
export function zipEntries(account: Account, file: HoldFile, condition: ZipCondition): readonly ZipEntry[] {
  const entries = exportEntries(account, file, isExportFlaw(condition.kind) ? condition.kind : undefined);
  switch (condition.kind) {
    case 'many':
      for (let index = entries.length; index < MANY; index += 1) {
        entries.push(smallEntry(`many/${String(index).padStart(6, '0')}.txt`));
      }
      return entries;
    case 'escaping':
      return [...entries, ...ESCAPING_NAMES.map(smallEntry)];
    case 'huge':
      return [...entries, fileEntry('attachments/huge.bin', `huge ${file.key}`, condition.bytes)];
    case 'bomb':
      return [...entries, ...bombs(condition.bytes)];
    default:
      return entries;
  }
}

/** Zeros, a thousand to a byte. What they unpack to is at least so many; nobody gets to see the checksum. */
function bombs(bytes: number): ZipEntry[] {
  const block = deflateRawSync(Buffer.alloc(1 << 20), { finishFlush: constants.Z_FULL_FLUSH });
  const end = deflateRawSync(Buffer.alloc(0));
  const blocks = Math.ceil(bytes / (1 << 20));
  const deflated = { size: blocks * block.length + end.length, crc32: 0 };
  function* pieces(): Generator<Buffer> {
    for (let index = 0; index < blocks; index += 1) yield block;
    yield end;
  }
  return [
    { name: 'attachments/bomb/honest.bin', size: bytes, deflated, pieces },
    { name: 'attachments/bomb/lying.bin', size: 1000, deflated, pieces },
  ];
}

/** The body of the download. Its `length` is also what the list says, unless that lies. */
export function zipStream(entries: readonly ZipEntry[], condition: ZipCondition): ByteStream {
  if (condition.kind === 'empty') return streamOf(Buffer.alloc(0));
  if (condition.kind === 'not-a-zip') return streamOf(Buffer.from(SIGN_IN_PAGE));
  const whole: ByteStream = { length: zipSize(entries), pieces: () => zipPieces(entries) };
  const half = Math.floor(whole.length / 2);
  if (condition.kind === 'short') return shortened(whole, half);
  return { ...whole, cutAt: condition.kind === 'truncated' ? half : undefined };
}

function smallEntry(name: string): ZipEntry {
  const content = Buffer.from('content\n');
  return { name, size: content.length, pieces: () => [content] };
}
