/**
 * Texts in the form in which they are compared: Unicode's NFKC with case folded and without what is not seen (marks of
 * direction, joiners, variation selectors). Made of each code point by itself and composed at the end, so that DuckDB
 * can do most of it: see {@link exceptional}.
 */
import type { DuckDBConnection } from '@duckdb/node-api';

interface FoldedPoint {
  /** Not composed yet. */
  readonly text: string;
  /** Whether it may become one with what stands before it. */
  readonly joins: boolean;
}

const points = new Map<string, FoldedPoint>();

const UNSEEN = /\p{Default_Ignorable_Code_Point}/gu;
/** What composes with what stands before it: marks, and the vowels and finals of Hangul. */
const JOINING = /^[\p{M}\u1161-\u1175\u11a8-\u11c2]/u;

function foldedPoint(point: string): FoldedPoint {
  let folded = points.get(point);
  if (folded === undefined) {
    // Twice lower: the capital sharp s is none of what its own upper case becomes.
    const caseless = point.normalize('NFKD').toLowerCase().toUpperCase().toLowerCase();
    const text = caseless.normalize('NFKD').replace(UNSEEN, '');
    folded = { text, joins: text === '' || JOINING.test(text) };
    points.set(point, folded);
  }
  return folded;
}

const ASCII = /^[\0-\x7f]*$/;

export function fold(text: string): string {
  if (ASCII.test(text)) return text.toLowerCase();
  let folded = '';
  for (const point of text) folded += foldedPoint(point).text;
  return folded.normalize('NFC');
}

/** A folded text, and where in the text it comes from. */
export interface FoldedText {
  readonly folded: string;
  /** For each UTF-16 unit of `folded` where in the text what became of it begins, and where it ends. */
  readonly starts: readonly number[];
  readonly ends: readonly number[];
}

/** As {@link fold}, with places. What was composed of several characters comes from all of them. */
export function foldWithPlaces(text: string): FoldedText {
  let folded = '';
  const starts: number[] = [];
  const ends: number[] = [];
  let cluster = '';
  // What is not seen at either end of what was composed is none of it.
  let start = 0;
  let end = 0;
  const finish = (): void => {
    const composed = cluster.normalize('NFC');
    folded += composed;
    for (let unit = 0; unit < composed.length; unit += 1) {
      starts.push(start);
      ends.push(end);
    }
    cluster = '';
  };
  let at = 0;
  for (const point of text) {
    const { text: own, joins } = foldedPoint(point);
    if (!joins) finish();
    if (cluster === '') start = at;
    cluster += own;
    at += point.length;
    if (own !== '') end = at;
  }
  finish();
  return { folded, starts, ends };
}

/**
 * An RE2 class of the characters that DuckDB's `lower` does not fold as {@link fold} does, or that compose with others.
 * A text without any of them is folded by `lower` alone.
 */
export async function exceptional(connection: DuckDBConnection): Promise<string> {
  found ??= findExceptional(connection);
  return found;
}

let found: Promise<string> | undefined;

/** Beyond are ideographs, private use, and nothing that has case; but for what is listed. */
const LAST_POINT = 0x1_ffff;
const BEYOND: readonly (readonly [number, number])[] = [
  [0x2_f800, 0x2_fa1f],
  [0xe_0000, 0xe_0fff],
];

async function findExceptional(connection: DuckDBConnection): Promise<string> {
  const reader = await connection.runAndReadAll(
    `select i, lower(chr(i::integer)) from range(128, ${LAST_POINT + 1}) as points (i)
     where i not between 55296 and 57343 and lower(chr(i::integer)) <> chr(i::integer)`,
  );
  const lower = new Map(reader.getRows().map(([point, text]) => [Number(point), String(text)]));
  const ranges: [number, number][] = [];
  const add = (point: number): void => {
    const last = ranges.at(-1);
    if (last?.[1] === point - 1) last[1] = point;
    else ranges.push([point, point]);
  };
  const look = (point: number): void => {
    const character = String.fromCodePoint(point);
    const { text, joins } = foldedPoint(character);
    // What DuckDB shows as U+FFFD may be half a surrogate pair, which the record has.
    if (joins || point === 0xfffd || text.normalize('NFC') !== (lower.get(point) ?? character)) add(point);
  };
  for (let point = 128; point <= LAST_POINT; point += 1) if (point < 0xd800 || point > 0xdfff) look(point);
  for (const [from, to] of BEYOND) for (let point = from; point <= to; point += 1) look(point);
  points.clear();
  const hex = (point: number): string => `\\x{${point.toString(16)}}`;
  return `[${ranges.map(([from, to]) => (from === to ? hex(from) : `${hex(from)}-${hex(to)}`)).join('')}]`;
}
