/** What the archive expects of the place it is kept in, and what a probe can find out about each. */

interface Expectation {
  /** True where a lock, or a hold, means nothing without it. */
  readonly essential: boolean;
  /** What was seen where the store keeps to it. */
  readonly kept: string;
  /** What was seen where it does not, and what the sink does then. */
  readonly broken: string;
}

const EXPECTATIONS = {
  'version-delete': {
    essential: true,
    kept: 'a locked version cannot be deleted',
    broken: 'a locked version can be deleted',
  },
  'lock-shortening': {
    essential: true,
    kept: 'a lock cannot be made to end sooner',
    broken: 'a lock can be made to end sooner',
  },
  'lock-weakening': {
    essential: true,
    kept: 'a compliance lock cannot be turned into a governance lock',
    broken: 'a compliance lock can be turned into a governance lock',
  },
  overwrite: {
    essential: true,
    kept: 'a locked version outlives a second put of its key',
    broken: 'a second put of its key replaces a locked version',
  },
  'held-delete': {
    essential: true,
    kept: 'a version under a legal hold cannot be deleted',
    broken: 'a version under a legal hold can be deleted',
  },
  'lock-headers': {
    essential: false,
    kept: 'a put keeps the lock that it asks for',
    broken: 'a put loses the lock that it asks for; the sink reads it back and sets it by a call of its own',
  },
  'if-none-match': {
    essential: false,
    kept: 'a put that may only create is refused where something stands',
    broken: 'two writers may both put a key; the sink counts the oldest version only',
  },
  checksum: {
    essential: false,
    kept: 'a body that does not match its SHA-256 checksum is refused',
    broken: 'a wrong SHA-256 checksum is accepted; the sink signs the hash of each body',
  },
  'signed-hash': {
    essential: false,
    kept: 'a body that does not match its signed hash is refused',
    broken: 'a body that was damaged on its way is accepted; after a put the sink compares the size only',
  },
  'multipart-lock': {
    essential: false,
    kept: 'a multipart upload keeps the lock that it asks for',
    broken: 'a multipart upload loses the lock that it asks for; the sink makes none',
  },
  'legal-hold': {
    essential: false,
    kept: 'a legal hold can be placed and lifted',
    broken: 'a legal hold cannot be placed, or not be lifted: holds cannot be kept here',
  },
} as const satisfies Record<string, Expectation>;

export type ProbeCheck = keyof typeof EXPECTATIONS;

/** What one attempt of a probe showed. */
export interface Finding {
  readonly check: ProbeCheck;
  /** True where a lock, or a hold, means nothing without it. */
  readonly essential: boolean;
  /** `unknown`: the attempt was not possible, or shows what the credentials may rather than what the store does. */
  readonly enforced: boolean | 'unknown';
  /** What was seen, and what the sink does about it; for `unknown` the reason. */
  readonly meaning: string;
}

/** What to say of one check: seen to be kept or broken, or the reason why that is not known. */
export type Verdict = 'kept' | 'broken' | { readonly unknown: string };

export function finding(check: ProbeCheck, verdict: Verdict): Finding {
  const { essential, ...seen } = EXPECTATIONS[check];
  if (typeof verdict === 'object') return { check, essential, enforced: 'unknown', meaning: verdict.unknown };
  return { check, essential, enforced: verdict === 'kept', meaning: seen[verdict] };
}

/** The checks that make sense for a mode, in the order in which they are reported. */
export function checksOf(mode: 'governance' | 'compliance'): readonly ProbeCheck[] {
  const all = Object.keys(EXPECTATIONS) as readonly ProbeCheck[];
  return mode === 'compliance' ? all : all.filter((check) => check !== 'lock-weakening');
}
