/** What verification found wrong, each said so that a stranger can look at the place himself. */

/**
 * What was looked at:
 * - `checkpoint`: the signed head; `history`: that it extends a head saved before; `witness`: cosignatures asked for;
 * - `log`: tiles against entries, entries against the head; `identity`: `archive.json` against entry 0;
 * - `object`: presence, version, size and SHA-256 of a segment, file or zip; `lock`: its retention;
 * - `segment`: its metadata and root; `record`: one row;
 * - `unlogged`: an object that no entry names; `disposal`: one that was disposed of and is still there;
 * - `coverage`: time that nobody looked at, or that could not be collected.
 */
export const CHECKS = [
  'checkpoint',
  'history',
  'witness',
  'log',
  'identity',
  'object',
  'lock',
  'segment',
  'record',
  'unlogged',
  'disposal',
  'coverage',
] as const;
export type Check = (typeof CHECKS)[number];

export interface Finding {
  readonly check: Check;
  /** A constant phrase. */
  readonly what: string;
  /** Object key, or for coverage the stream and scope. */
  readonly key: string;
  readonly version?: string;
  readonly expected?: string;
  readonly found?: string;
}

/** Told each finding as it is made. */
export type Report = (finding: Finding) => void;
