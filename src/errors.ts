/**
 * One error class, one closed set of codes, one table that says for each code how a command ends with it. Nobody
 * decides by error text. Whether to try again is not the code's to say but the cause's, where it is still known:
 * `zoom/retry.ts` and `sinks/s3-error.ts`.
 */

interface CodeFacts {
  /** Process exit code of a command that ends with this error. */
  readonly exit: number;
  /** What the person who runs the archiver should do next. */
  readonly hint: string;
}

const TABLE = {
  usage: { exit: 2, hint: 'See `zoom-chat-archiver help <command>`.' },
  'config-invalid': {
    exit: 3,
    hint: 'Correct the fields named above; `zoom-chat-archiver check-config` tries the file without starting anything.',
  },
  'ledger-unreachable': {
    exit: 4,
    hint: 'Check ledger.url, the network path to Postgres and its password.',
  },
  'ledger-in-use': {
    exit: 4,
    hint: 'Another process has this embedded ledger open. Stop it, or use Postgres to run several.',
  },
  'ledger-behind': {
    exit: 5,
    hint: 'Run `zoom-chat-archiver migrate` with this version of the program.',
  },
  'ledger-ahead': {
    exit: 5,
    hint: 'The ledger was migrated by a newer version. Run that version or a later one.',
  },
  'ledger-not-empty': {
    exit: 23,
    hint: 'A ledger is made again in an empty place only: name a new database or schema, or move the old ledger away.',
  },
  'archive-missing': {
    exit: 6,
    hint: 'Create the archive with `zoom-chat-archiver init`.',
  },
  'archive-mismatch': {
    exit: 6,
    hint: 'The archive belongs to another account or format. Check account and sink in the configuration.',
  },
  'sink-unreachable': {
    exit: 7,
    hint: 'Check the endpoint, region and network path of the bucket, or the mount of the directory.',
  },
  'sink-denied': {
    exit: 7,
    hint: 'Check the credentials and the bucket policy: get, put, list, and retention rights are needed; for holds legal-hold rights, for disposition the right to delete versions.',
  },
  'sink-unlocked': {
    exit: 8,
    hint: 'Object Lock must be enabled when the bucket is created, and the store must enforce it, which `zoom-chat-archiver probe` tries. Use such a bucket, or another retention.mode.',
  },
  'sink-locked': {
    exit: 24,
    hint: 'A version is still under a lock or a legal hold, and nothing was deleted that it protects. Wait until the lock is over, or end the hold first.',
  },
  'sink-full': {
    exit: 9,
    hint: 'The disk is full. Free space; nothing was lost, sealing goes on from the ledger.',
  },
  'sink-conflict': {
    exit: 10,
    hint: 'An object with other bytes stands at this key. Sealing stopped; compare it with the ledger before going on.',
  },
  'clock-skew': {
    exit: 21,
    hint: 'Set the clock of this machine right (NTP). Nothing is collected or disposed of meanwhile, and no hold ends: a wrong clock would call time covered that was not, and periods over that are not.',
  },
  'log-diverged': {
    exit: 22,
    hint: 'Ledger and archive disagree about the log: another ledger wrote to it, or one of both was restored. Compare them before anything is written; `rebuild-ledger` makes a ledger from the archive.',
  },
  'retention-weaker': {
    exit: 26,
    hint: 'What is locked in compliance mode stays as promised. Give the class at least its former terms, or name a new class for what comes; `zoom-chat-archiver retention plan` shows the difference.',
  },
  'zoom-unreachable': {
    exit: 11,
    hint: 'Zoom did not answer. Check egress to zoom.us and api.zoom.us; collection goes on where it stopped.',
  },
  'zoom-credentials': {
    exit: 12,
    hint: 'Check accountId, clientId and clientSecret of the server-to-server OAuth app, and that the app is activated.',
  },
  'zoom-scope': {
    exit: 13,
    hint: 'Add the scopes named above to the app in the Zoom Marketplace, then try again.',
  },
  'zoom-permission': {
    exit: 13,
    hint: 'The role of the user who activated the app lacks the right for this report.',
  },
  'zoom-rate-limited': {
    exit: 14,
    hint: 'The rate limit of the Zoom account is used up. Lower zoom.share or wait; nothing is skipped.',
  },
  'zoom-page-token': {
    exit: 15,
    hint: 'A page token lapsed or came back twice; the unit is collected again from its first page.',
  },
  'zoom-not-found': {
    exit: 15,
    hint: 'Zoom does not have it, or not any more. What it was is on record with this reason.',
  },
  'zoom-address': {
    exit: 15,
    hint: 'A link leads away from Zoom, or into a private network, and was not followed. If it is a host of yours, ask who set the link.',
  },
  'zoom-request': {
    exit: 15,
    hint: 'Zoom refused the request. Give Zoom support the tracking id from the log.',
  },
  'zoom-response': {
    exit: 15,
    hint: 'Zoom answered in a form this version does not know. The unit stays open and is tried again.',
  },
  incomplete: {
    exit: 17,
    hint: 'Nothing is lost: what failed stays open and is tried again by the next pass. The log names each unit.',
  },
  'coverage-hole': {
    exit: 18,
    hint: 'Run `zoom-chat-archiver repair` to collect what is missing; what is lost is on record for good.',
  },
  'proof-invalid': {
    exit: 19,
    hint: 'What was checked does not hold. Keep the bytes as they are, and compare them with another copy of the archive.',
  },
  'record-not-found': {
    exit: 25,
    hint: 'Check the id with `zoom-chat-archiver query`. What is not sealed and published yet cannot be proven: `zoom-chat-archiver seal --all`.',
  },
  'hold-drift': {
    exit: 27,
    hint: 'Look at what is named above. What is only in a zip was not collected, or is gone from Zoom: the zip in the archive is the evidence. docs/retention.md says what each finding means.',
  },
  'access-denied': {
    exit: 28,
    hint: 'Your role or scope does not allow it. Ask whoever grants access to the archive.',
  },
  'access-unrecorded': {
    exit: 29,
    hint: 'Nothing is answered that is not on record in the access log. Check the access key and the right to write there; docs/access-log.md says how to keep the log elsewhere.',
  },
  'export-differs': {
    exit: 30,
    hint: 'What was rendered is not exactly what is archived, and the export is incomplete. This is a bug: please report it; `query` reads the records meanwhile.',
  },
  'bad-key': {
    exit: 20,
    hint: 'Give the key as one line, as it was made: name, id and key with `+` between them.',
  },
  'lease-held': {
    exit: 16,
    hint: 'A running archiver holds the lease of this account. Let it work, or stop it first.',
  },
  'spool-full': {
    exit: 9,
    hint: 'The disk of spool.path is full. Free space; nothing was lost, sealing goes on from the ledger.',
  },
  'lease-lost': {
    exit: 16,
    hint: 'Another replica collects for this account; this one stops writing.',
  },
  interrupted: {
    exit: 130,
    hint: 'Run the same command again: it goes on where it stopped.',
  },
  internal: { exit: 70, hint: 'This is a bug. Please report it with the log.' },
} as const satisfies Record<string, CodeFacts>;

export type ErrorCode = keyof typeof TABLE;

export interface ErrorDetails {
  readonly cause?: unknown;
  /** Values that explain this one case (a path, a key, a status). Never secrets, never message text. */
  readonly detail?: string;
  /** The moment, in milliseconds since the epoch, before which trying again is useless. */
  readonly retryAt?: number;
  /** The code in Zoom's answer, which is finer than ours. */
  readonly zoomCode?: number;
}

/**
 * Every failure the program knows. `phrase` is constant at its place of origin, so it can be a metric label;
 * what varies goes into `detail`.
 */
export class ArchiverError extends Error {
  override readonly name = 'ArchiverError';
  readonly code: ErrorCode;
  readonly phrase: string;
  readonly detail: string | undefined;
  readonly retryAt: number | undefined;
  readonly zoomCode: number | undefined;

  constructor(code: ErrorCode, phrase: string, details: ErrorDetails = {}) {
    super(
      details.detail === undefined ? phrase : `${phrase}: ${details.detail}`,
      details.cause === undefined ? undefined : { cause: details.cause },
    );
    this.code = code;
    this.phrase = phrase;
    this.detail = details.detail;
    this.retryAt = details.retryAt;
    this.zoomCode = details.zoomCode;
  }

  get exitCode(): number {
    return TABLE[this.code].exit;
  }
  get hint(): string {
    return TABLE[this.code].hint;
  }
}

/** The error as the program's own; anything unknown is a bug and becomes `internal` with the original as cause. */
export function asArchiverError(error: unknown): ArchiverError {
  if (error instanceof ArchiverError) return error;
  return new ArchiverError('internal', 'unexpected error', { cause: error, detail: textOf(error) });
}

/** Objects that are no errors are not looked into: some have no text, others hold secrets. */
function textOf(thrown: unknown): string {
  if (thrown instanceof Error) return thrown.message;
  return typeof thrown === 'object' && thrown !== null ? 'an object was thrown' : String(thrown);
}

/** True when `error` is one of ours with one of these codes. */
export function hasCode(error: unknown, ...codes: readonly ErrorCode[]): error is ArchiverError {
  return error instanceof ArchiverError && codes.includes(error.code);
}

/** True when the operating system says that a disk is full. */
export function isDiskFull(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT');
}
