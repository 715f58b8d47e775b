/** Which segments may hold what is looked for: the one place where answers about single things can use an index. */
import { type Stream, utcDay } from '../record.ts';
import type { OpenArchive } from './archive.ts';
import type { Slice } from './catalog.ts';

/** Something looked for in a stream, as far as it is known; what is undefined leaves nothing out. */
export interface LookedFor {
  readonly stream: Stream;
  readonly session?: string | undefined;
  readonly channel?: string | undefined;
  readonly messages?: readonly string[] | undefined;
  /** When the message was sent that it is of, milliseconds, half-open, null where it is open. */
  readonly sent?: { readonly from: number | null; readonly to: number | null } | undefined;
}

/** Clocks of those who send differ: an edit may be dated a little before its message. */
const TOLERANCE_MS = 86_400_000;

/** Segments; see {@link Selection}. */
export interface Whereabouts {
  readonly slice: Slice;
  readonly entries?: ReadonlySet<number> | undefined;
}

/** Other segments than these hold none of it. */
export async function segmentsFor(_archive: OpenArchive, { sent }: LookedFor): Promise<Whereabouts> {
  // What becomes of a message stands under the day on which it was sent, or a later one.
  const from = sent?.from ?? null;
  return { slice: from === null ? {} : { from: utcDay(Math.max(from - TOLERANCE_MS, 0)) } };
}
