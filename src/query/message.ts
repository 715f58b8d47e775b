import { z } from 'zod';
import { ArchiverError } from '../errors.ts';
import type { RecordPlace } from './archive.ts';
import type { AuditContext } from './reader.ts';
import type { ReadAt, Revision } from './revision.ts';

export const messageInput = z.strictObject({
  message: z.string().min(1).describe('Id of the message, with or without braces.'),
  session: z.string().min(1).optional().describe('Only in this session.'),
  proofs: z.boolean().default(false).describe('With proofs and the bytes that they are of.'),
});

export type MessageInput = z.input<typeof messageInput>;

/** What it takes to check a record without the archive; see `verify-proof`. */
export interface RecordEvidence {
  /** File name without extension. */
  readonly name: string;
  /** The bytes that were hashed, base64. */
  readonly record: string;
  /** C2SP tlog-proof. */
  readonly proof: string;
}

/** An archived record of a message: a version of it, or what people reacted with. */
export interface MessageRecord {
  readonly stream: 'messages' | 'reactions';
  readonly kind: string;
  readonly observedAt: string;
  readonly drift: boolean;
  readonly place: RecordPlace;
  /** RFC 6962 leaf hash, lower-case hex. */
  readonly hash: string;
  readonly record: string;
  /** Null where none was asked for. */
  readonly evidence: RecordEvidence | null;
}

export interface MessageView {
  readonly at: ReadAt;
  /** Verifier key of the archive's log. */
  readonly key: string;
  readonly messageId: string;
  /** Oldest first. */
  readonly versions: readonly Revision[];
  /** Every record, versions and reactions, in the order in which they were observed. */
  readonly records: readonly MessageRecord[];
}

/** Everything archived of one message. Fails with `record-not-found`, also where it lies beyond the reader's scope. */
export async function message(_ctx: AuditContext, _input: MessageInput): Promise<MessageView> {
  throw new ArchiverError('internal', 'not built yet');
}
