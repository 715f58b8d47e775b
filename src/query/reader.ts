/** Who asks the archive, what he may see of it, and that it is written down that he asked. */
import type { NoteKey } from '../proof/key.ts';
import type { SinkReader } from '../sinks/sink.ts';
import type { OpenArchive } from './archive.ts';

/**
 * What somebody may do:
 * - `auditor`: search, view and export messages, each within his scope; coverage and verification.
 * - `officer`: that, and retention classes, holds and the access log.
 * - `admin`: runs the archive: coverage, verification, classes, holds, the access log; no messages.
 */
export const ROLES = ['auditor', 'officer', 'admin'] as const;
export type Role = (typeof ROLES)[number];

/** Kinds of deeds, as roles allow them and the access log names them. */
export const ACTIONS = [
  'search',
  'view',
  'export',
  'coverage',
  'retention',
  'verification',
  'access-log',
] as const;
export type Action = (typeof ACTIONS)[number];

const MAY: Readonly<Record<Role, readonly Action[]>> = {
  auditor: ['search', 'view', 'export', 'coverage', 'verification'],
  officer: ['search', 'view', 'export', 'coverage', 'retention', 'verification', 'access-log'],
  admin: ['coverage', 'retention', 'verification', 'access-log'],
};

/** Whether the role allows the deed, whatever the scope. */
export function mayDo(role: Role, action: Action): boolean {
  return MAY[role].includes(action);
}

/**
 * Which places and days somebody may see. Where the three lists are empty: every place. Else a place that any of them
 * names: sessions in which a custodian took part, channels by id or glob of their name, and what the holds of a matter
 * cover. Days are UTC, both included, null where open, and bound all of it.
 */
export interface ReaderScope {
  readonly matters: readonly string[];
  readonly custodians: readonly string[];
  readonly channels: readonly string[];
  readonly from: string | null;
  readonly to: string | null;
}

export const WHOLE_ARCHIVE: ReaderScope = { matters: [], custodians: [], channels: [], from: null, to: null };

export interface Reader {
  /** As the access log names him: an e-mail address, or the name of a user. */
  readonly name: string;
  readonly role: Role;
  readonly scope: ReaderScope;
}

/** What is written down of a deed, before its answer is given. */
export interface Access {
  readonly action: Action;
  /** The question as the verb took it, defaults filled in; JSON. */
  readonly input: unknown;
}

/** Where the access log is, and whose. */
export interface AccessLogPlace {
  readonly sink: SinkReader;
  readonly key: NoteKey;
}

/** With what a verb works. */
export interface AuditContext {
  readonly archive: OpenArchive;
  readonly reader: Reader;
  /**
   * Writes it down durably. A verb calls it before it answers, and does not answer where it fails: with `access-denied`
   * where the role does not allow the deed, with `access-unrecorded` where it cannot be written down.
   */
  readonly record: (access: Access) => Promise<void>;
  /** The access log, for who may read it; left out where there is none. */
  readonly accessLog?: AccessLogPlace;
  readonly signal: AbortSignal;
}
