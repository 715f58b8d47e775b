import { ArchiverError, type ErrorCode } from '../errors.ts';

/** What a failed S3 call means: the program's error, and whether the same call may succeed a moment later. */
export interface Refusal {
  readonly error: ArchiverError;
  readonly again: boolean;
}

interface Meaning {
  readonly code: ErrorCode;
  readonly phrase: string;
  readonly again: boolean;
}

const DENIED: Meaning = { code: 'sink-denied', phrase: 'the store refused the credentials', again: false };
const BUSY: Meaning = { code: 'sink-unreachable', phrase: 'the store failed to answer', again: true };
const DAMAGED: Meaning = { code: 'sink-unreachable', phrase: 'the body arrived damaged', again: true };
const RACED: Meaning = { code: 'sink-unreachable', phrase: 'the key is being written', again: true };
const FULL: Meaning = { code: 'sink-full', phrase: 'the store is full', again: false };
const UNLOCKED: Meaning = { code: 'sink-unlocked', phrase: 'the bucket has no Object Lock', again: false };
const MISPLACED: Meaning = {
  code: 'sink-unreachable',
  phrase: 'the bucket is not at this endpoint',
  again: false,
};
const MISSING: Meaning = { code: 'sink-unreachable', phrase: 'the object is missing', again: false };
const REFUSED: Meaning = { code: 'internal', phrase: 'the store refused the request', again: false };

const BY_CODE: Readonly<Record<string, Meaning>> = {
  AccessDenied: DENIED,
  InvalidAccessKeyId: DENIED,
  SignatureDoesNotMatch: DENIED,
  ExpiredToken: DENIED,
  InvalidToken: DENIED,
  CredentialsProviderError: DENIED,
  // The SDK takes the store's clock from this answer and signs the next request with it.
  RequestTimeTooSkewed: { ...DENIED, again: true },
  NoSuchBucket: MISPLACED,
  PermanentRedirect: MISPLACED,
  AuthorizationHeaderMalformed: MISPLACED,
  NoSuchKey: MISSING,
  NoSuchVersion: MISSING,
  BadDigest: DAMAGED,
  XAmzContentSHA256Mismatch: DAMAGED,
  IncompleteBody: DAMAGED,
  RequestTimeout: BUSY,
  TimeoutError: BUSY,
  PreconditionFailed: RACED,
  ConditionalRequestConflict: RACED,
  OperationAborted: RACED,
  QuotaExceeded: FULL,
  ObjectLockConfigurationNotFoundError: UNLOCKED,
};

const BY_STATUS: Readonly<Record<number, Meaning>> = {
  301: MISPLACED,
  401: DENIED,
  403: DENIED,
  404: MISSING,
  408: BUSY,
  409: RACED,
  412: RACED,
  429: BUSY,
  507: FULL,
};

/** The HTTP status of the answer an SDK error came from, if there was an answer. */
export function statusOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('$metadata' in error)) return undefined;
  const metadata = error.$metadata as { readonly httpStatusCode?: number } | undefined;
  return metadata?.httpStatusCode;
}

/** When the store sent the answer that an SDK error came from, by its own clock in milliseconds since the epoch. */
export function answeredAt(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('$response' in error)) return undefined;
  const response = error.$response as { readonly headers?: Record<string, string> } | undefined;
  const at = Date.parse(response?.headers?.date ?? '');
  return Number.isNaN(at) ? undefined : at;
}

/** S3's answer to a lock or hold where the bucket can keep none has no code of its own. */
export function isRefusedLock(error: unknown): boolean {
  return (error instanceof Error && error.name === 'InvalidRequest') || statusOf(error) === 501;
}

/**
 * Translates what the SDK threw; `subject` (bucket and key) goes into the detail, together with S3's code, and
 * nothing else of the answer does. An error that came without an answer is taken for the network's.
 */
export function refusalOf(error: unknown, subject: string): Refusal {
  if (error instanceof ArchiverError) return { error, again: error.code === 'sink-unreachable' };
  const status = statusOf(error);
  const name = error instanceof Error ? error.name : 'unknown';
  const meaning = BY_CODE[name] ?? (status === undefined ? withoutAnswer(error) : byStatus(status));
  const code = errnoOf(error) ?? name;
  const detail = status === undefined ? `${subject}: ${code}` : `${subject}: ${code}, HTTP ${status}`;
  return {
    error: new ArchiverError(meaning.code, meaning.phrase, { cause: error, detail }),
    again: meaning.again,
  };
}

function byStatus(status: number): Meaning {
  const known = BY_STATUS[status];
  if (known !== undefined) return known;
  return status >= 500 && status !== 501 ? BUSY : REFUSED;
}

function withoutAnswer(error: unknown): Meaning {
  return errnoOf(error) === undefined
    ? { code: 'internal', phrase: 'unexpected error of the S3 client', again: false }
    : BUSY;
}

function errnoOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
