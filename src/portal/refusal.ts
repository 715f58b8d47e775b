/** What the portal answers where it does not answer: one table from codes to HTTP, and what of an error may be told. */
import { z } from 'zod';
import { ArchiverError, asArchiverError, type ErrorCode } from '../errors.ts';

/** HTTP status of each code that a verb may fail with. What is no fault of whoever asks, and no news to him, is 500. */
const STATUS: Readonly<Record<ErrorCode, number>> = {
  usage: 400,
  'access-denied': 403,
  'record-not-found': 404,
  'archive-missing': 502,
  'archive-mismatch': 502,
  'proof-invalid': 502,
  'sink-unreachable': 502,
  'sink-denied': 502,
  'sink-unlocked': 502,
  'sink-locked': 502,
  'sink-full': 502,
  'sink-conflict': 502,
  'access-unrecorded': 503,
  interrupted: 503,
  'spool-full': 507,
  'export-differs': 500,
  'config-invalid': 500,
  'ledger-unreachable': 500,
  'ledger-in-use': 500,
  'ledger-behind': 500,
  'ledger-ahead': 500,
  'ledger-not-empty': 500,
  'clock-skew': 500,
  'log-diverged': 500,
  'retention-weaker': 500,
  'zoom-unreachable': 500,
  'zoom-credentials': 500,
  'zoom-scope': 500,
  'zoom-permission': 500,
  'zoom-rate-limited': 500,
  'zoom-page-token': 500,
  'zoom-not-found': 500,
  'zoom-address': 500,
  'zoom-request': 500,
  'zoom-response': 500,
  incomplete: 500,
  'coverage-hole': 500,
  'hold-drift': 500,
  'bad-key': 500,
  'lease-held': 500,
  'lease-lost': 500,
  internal: 500,
};

/** Codes whose `detail` says something to a reader and nothing about the server: an id, a key in the archive. */
const TOLD: ReadonlySet<ErrorCode> = new Set([
  'usage',
  'access-denied',
  'record-not-found',
  'proof-invalid',
  'export-differs',
]);

/** Refusals of the server itself, before any verb is asked. */
const REFUSALS = {
  'not-signed-in': { status: 401, message: 'nobody is signed in', hint: 'Sign in, then try again.' },
  'sign-in-failed': {
    status: 401,
    message: 'name or password is wrong',
    hint: 'Try again. Whoever runs the portal can set a new password.',
  },
  'sign-in-unavailable': {
    status: 503,
    message: 'nobody can sign in now',
    hint: 'Try again in a moment; whoever runs the portal finds the reason in its log.',
  },
  'not-from-here': {
    status: 403,
    message: 'the request did not come from a page of this portal',
    hint: 'Load the page anew. Programs send the header `x-csrf-token`, and neither `origin` nor `sec-fetch-site` of others.',
  },
  'wrong-host': {
    status: 421,
    message: 'the portal has another name',
    hint: 'Use the address that whoever runs the portal gave you.',
  },
  'not-found': { status: 404, message: 'there is nothing at this address', hint: 'Check the address.' },
  'not-ready': {
    status: 409,
    message: 'the export is not finished',
    hint: 'Wait until its state is `done`.',
  },
  'wrong-type': {
    status: 415,
    message: 'the body is no JSON',
    hint: 'Send `content-type: application/json`.',
  },
  'too-large': { status: 413, message: 'the request is too large', hint: 'Ask for less at once.' },
  'too-many': { status: 429, message: 'too many requests', hint: 'Wait a little, then try again.' },
} as const satisfies Record<string, { status: number; message: string; hint: string }>;

export type RefusalCode = keyof typeof REFUSALS;

/** Thrown where the server refuses a request by itself. */
export class Refusal extends Error {
  readonly code: RefusalCode;
  /** Seconds until it is worth trying again. */
  readonly retryAfter: number | undefined;

  constructor(code: RefusalCode, retryAfter?: number) {
    super(REFUSALS[code].message);
    this.code = code;
    this.retryAfter = retryAfter;
  }
}

/** The body of every answer that is none. */
export const errorBody = z.strictObject({
  error: z.strictObject({
    code: z.string().describe('For programs; the README lists those of the archiver.'),
    message: z.string(),
    hint: z.string().describe('What to do next.'),
    detail: z.string().optional(),
  }),
});
export type ErrorBody = z.output<typeof errorBody>;

export interface Refused {
  readonly status: number;
  readonly body: ErrorBody;
  readonly retryAfter: number | undefined;
  /** Whether it is the server's own fault, so that its log should say where. */
  readonly fault: boolean;
}

/** What is answered for something that was thrown. Of what is not known, nothing is told. */
export function refusedBy(thrown: unknown): Refused {
  if (thrown instanceof Refusal) return byTable(thrown.code, thrown.retryAfter);
  if (thrown instanceof z.ZodError) return usage(problemsOf(thrown));
  const server = serverRefusal(thrown);
  if (server !== undefined) return server;
  const error = asArchiverError(thrown);
  const { code, hint, detail } = error;
  const message = code === 'internal' ? 'unexpected error' : error.phrase;
  const told = detail !== undefined && TOLD.has(code) ? { detail } : {};
  const status = STATUS[code];
  return {
    status,
    body: { error: { code, message, hint, ...told } },
    retryAfter: undefined,
    fault: status >= 500,
  };
}

function byTable(code: RefusalCode, retryAfter: number | undefined): Refused {
  const { status, message, hint } = REFUSALS[code];
  return { status, body: { error: { code, message, hint } }, retryAfter, fault: false };
}

function usage(detail: string): Refused {
  const error = { code: 'usage', message: 'the question is not valid', detail };
  const hint = 'Correct the fields named; `/api/openapi.json` describes each.';
  return { status: 400, body: { error: { ...error, hint } }, retryAfter: undefined, fault: false };
}

/** Fields and what is wrong with them, never what stood in them. */
function problemsOf({ issues }: z.ZodError): string {
  return issues.map(({ path, message }) => `${path.map(String).join('.') || 'body'}: ${message}`).join('\n');
}

/** What fastify refuses on its own; its codes are fixed, its messages quote the request. */
function serverRefusal(thrown: unknown): Refused | undefined {
  if (thrown instanceof ArchiverError || !(thrown instanceof Error)) return undefined;
  if (!('statusCode' in thrown) || typeof thrown.statusCode !== 'number') return undefined;
  switch (thrown.statusCode) {
    case 413:
      return byTable('too-large', undefined);
    case 415:
      return byTable('wrong-type', undefined);
    case 404:
      return byTable('not-found', undefined);
    default:
      return thrown.statusCode >= 400 && thrown.statusCode < 500
        ? usage('body: is no valid JSON')
        : undefined;
  }
}
