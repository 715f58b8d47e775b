import { z } from 'zod';
import { ArchiverError } from '../errors.ts';
import type { AuditContext } from './reader.ts';

export const sessionsInput = z.strictObject({
  text: z.string().optional().describe('A part of an id, or of a name that it ever had.'),
  limit: z.int().min(1).max(1000).default(50),
  after: z.string().optional().describe('`next` of the page before.'),
});

export type SessionsInput = z.input<typeof sessionsInput>;

export interface FoundSession {
  readonly id: string;
  readonly type: string;
  /** The last one that is known. */
  readonly name: string;
  /** All that it ever had. */
  readonly names: readonly string[];
  readonly channelId: string;
  /** When its first and last archived messages were sent; null where it has none. */
  readonly first: string | null;
  readonly last: string | null;
  readonly revisions: number;
  readonly external: boolean | null;
}

export interface Sessions {
  /** Those with the newest messages first. */
  readonly sessions: readonly FoundSession[];
  readonly next: string | null;
}

/** Sessions that the reader may see. */
export async function sessions(_ctx: AuditContext, _input: SessionsInput): Promise<Sessions> {
  throw new ArchiverError('internal', 'not built yet');
}
