import { z } from 'zod';

/** The stable names by which faults are aimed and requests are counted. */
const ENDPOINT_NAMES = [
  'sessions',
  'messages',
  'token',
  'settings',
  'users',
  'channel-activities',
  'activities-of-channel',
  'channels',
  'user-channels',
  'channel',
  'channel-members',
  'channel-admins',
  'channel-retention',
  'pins',
  'spaces',
  'space',
  'space-channels',
  'space-members',
  'emoji',
  'file-info',
  'file-download',
  'forwarded',
  'matters',
  'hold-files',
  'hold-download',
] as const;

const common = {
  /** How often it strikes; default 1. */
  times: z.number().int().positive().optional(),
  /** Matching requests to let pass before the first strike; default 0. */
  after: z.number().int().nonnegative().optional(),
  /** Strikes only there; default everywhere it makes sense. */
  endpoint: z.enum(ENDPOINT_NAMES).optional(),
};

/** What can go wrong, one entry a kind; the file `deliver.ts` says how each looks on the wire. */
export const faultSchema = z.discriminatedUnion('kind', [
  /** An error status (default 500), with Zoom's error body. */
  z.strictObject({
    kind: z.literal('status'),
    status: z.number().int().min(400).max(599).optional(),
    code: z.number().int().optional(),
    message: z.string().optional(),
    ...common,
  }),
  /** The connection is reset: before the answer, or in the middle of its body. */
  z.strictObject({ kind: z.literal('reset'), when: z.enum(['before', 'mid-body']).optional(), ...common }),
  /** The body trickles in over so many milliseconds (default 2,000). */
  z.strictObject({ kind: z.literal('slow-body'), ms: z.number().nonnegative().optional(), ...common }),
  /** A complete answer whose JSON ends in the middle. */
  z.strictObject({ kind: z.literal('truncated-json'), ...common }),
  /** 200 with a sign-in page. */
  z.strictObject({ kind: z.literal('html'), ...common }),
  /** The token dies: 401 code 124, for this request and for all later ones that carry the same token. */
  z.strictObject({ kind: z.literal('token-expired'), ...common }),
  /** A page names its own token as the next one. Strikes only requests that carry a page token. */
  z.strictObject({ kind: z.literal('repeated-page-token'), ...common }),
  /** A page begins with the last rows (default 5) of the one before. Strikes only requests that carry a page token. */
  z.strictObject({
    kind: z.literal('repeated-rows'),
    rows: z.number().int().positive().optional(),
    ...common,
  }),
  /** 400 code 300 for a page token that was fine. Strikes only requests that carry one. */
  z.strictObject({ kind: z.literal('expired-page-token'), ...common }),
  /** The rate limit headers are left out. */
  z.strictObject({ kind: z.literal('missing-rate-headers'), ...common }),
  /** 429 of the second, though the limit was not reached. */
  z.strictObject({ kind: z.literal('second-limit'), ...common }),
  /** 429 of too many requests at once; no headers. */
  z.strictObject({ kind: z.literal('concurrency-limit'), ...common }),
  /** 429 of the day with a `Retry-After` so many milliseconds ahead (default 12 hours), in one of three notations. */
  z.strictObject({
    kind: z.literal('daily-limit'),
    retryAfterMs: z.number().optional(),
    notation: z.enum(['iso', 'http-date', 'seconds']).optional(),
    ...common,
  }),
  /** 400 code 4711 naming these scopes (default: those of the endpoint). */
  z.strictObject({ kind: z.literal('missing-scope'), scopes: z.array(z.string()).optional(), ...common }),
  /** 302 to the same path: here, or on another port of this machine, which plays the foreign host. */
  z.discriminatedUnion('to', [
    z.strictObject({ kind: z.literal('redirect'), to: z.literal('same-host'), ...common }),
    z.strictObject({
      kind: z.literal('redirect'),
      to: z.literal('foreign'),
      port: z.number().int().positive(),
      ...common,
    }),
  ]),
]);

export type Fault = z.infer<typeof faultSchema>;
export type Endpoint = NonNullable<Fault['endpoint']>;

interface Injected {
  readonly fault: Fault;
  toPass: number;
  left: number;
}

const PAGED_ONLY: ReadonlySet<Fault['kind']> = new Set([
  'repeated-page-token',
  'repeated-rows',
  'expired-page-token',
]);
/** What can befall the token endpoint, which knows neither pages nor limits nor scopes. */
const TOKEN_TOO: ReadonlySet<Fault['kind']> = new Set([
  'status',
  'reset',
  'slow-body',
  'truncated-json',
  'html',
  'redirect',
]);

/** The faults that wait for their request, in the order they were injected. A request meets one at most. */
export class Faults {
  #waiting: Injected[] = [];
  readonly #hit: Record<string, number> = {};

  inject(fault: Fault): void {
    this.#waiting.push({ fault, toPass: fault.after ?? 0, left: fault.times ?? 1 });
  }

  clear(): void {
    this.#waiting = [];
  }

  /** How often each kind has struck. */
  hit(): Record<string, number> {
    return { ...this.#hit };
  }

  /** The fault this request meets, if any. `paged`: it carries a page token. */
  take(endpoint: Endpoint, paged: boolean): Fault | undefined {
    if (this.#waiting.length === 0) return undefined;
    let struck: Fault | undefined;
    for (const entry of this.#waiting) {
      if (!matches(entry.fault, endpoint, paged)) continue;
      if (entry.toPass > 0) {
        entry.toPass -= 1;
      } else if (struck === undefined) {
        entry.left -= 1;
        struck = entry.fault;
      }
    }
    if (struck === undefined) return undefined;
    this.#waiting = this.#waiting.filter((entry) => entry.left > 0);
    this.#hit[struck.kind] = (this.#hit[struck.kind] ?? 0) + 1;
    return struck;
  }
}

function matches(fault: Fault, endpoint: Endpoint, paged: boolean): boolean {
  if (fault.endpoint !== undefined && fault.endpoint !== endpoint) return false;
  if (endpoint === 'token' && !TOKEN_TOO.has(fault.kind)) return false;
  return paged || !PAGED_ONLY.has(fault.kind);
}
