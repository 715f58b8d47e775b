import { z } from 'zod';
import { ArchiverError } from '../errors.ts';
import type { AuditContext, Role } from '../query/reader.ts';
import { ACTIONS, type Action } from '../query/reader.ts';

export const accessLogInput = z.strictObject({
  name: z.string().min(1).optional().describe('Only deeds of this reader.'),
  action: z.enum(ACTIONS).optional(),
  limit: z.int().min(1).max(1000).default(100),
  after: z.string().optional().describe('`next` of the page before.'),
});

export type AccessLogInput = z.input<typeof accessLogInput>;

/** A deed in the access log. */
export interface LoggedAccess {
  /** Place in the log, from 0. */
  readonly index: number;
  readonly at: string;
  readonly name: string;
  readonly role: Role;
  readonly action: Action;
  readonly input: unknown;
}

export interface AccessPage {
  /** Newest first. */
  readonly entries: readonly LoggedAccess[];
  readonly next: string | null;
  readonly origin: string;
  readonly size: number;
  /** Base64. */
  readonly root: string;
}

/** Who asked the archive for what. Fails with `access-denied` for auditors, and `archive-missing` without such a log. */
export async function accessLog(_ctx: AuditContext, _input: AccessLogInput): Promise<AccessPage> {
  throw new ArchiverError('internal', 'not built yet');
}
