/** What every verb does with its question and its answer. */
import type { z } from 'zod';
import { ArchiverError } from '../errors.ts';
import type { OpenArchive } from './archive.ts';
import type { ReadAt } from './revision.ts';

/** A question with its defaults filled in. Fails with `usage`, naming each field that is wrong. */
export function asked<Schema extends z.ZodType>(schema: Schema, input: unknown): z.output<Schema> {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(({ path, message }) => `${path.join('.') || 'input'}: ${message}`);
  throw new ArchiverError('usage', 'the question is wrong', { detail: problems.join('; ') });
}

/** The state of the archive that is read. */
export function readAt({ log: { checkpoint } }: Pick<OpenArchive, 'log'>): ReadAt {
  const { origin, size, root } = checkpoint;
  return { origin, size, root: Buffer.from(root).toString('base64') };
}

/** Where a page ended, as `next` names it. */
export function formatCursor(place: readonly (string | number)[]): string {
  return Buffer.from(JSON.stringify(place)).toString('base64url');
}

/** What {@link formatCursor} was given. Fails with `usage` where the text is none of its. */
export function parseCursor<Schema extends z.ZodType>(schema: Schema, text: string): z.output<Schema> {
  try {
    return schema.parse(JSON.parse(Buffer.from(text, 'base64url').toString()));
  } catch (cause) {
    throw new ArchiverError('usage', 'no page begins there', {
      cause,
      detail: 'give `next` of the page before, as it was',
    });
  }
}
