/** What is looked for in texts: as a condition in SQL, and as places within a text. Both say the same. */
import type { DuckDBConnection } from '@duckdb/node-api';
import { literal } from '../duckdb.ts';
import { ArchiverError } from '../errors.ts';
import { fold, foldWithPlaces } from './fold.ts';
import type { SearchQuestion } from './search-form.ts';

/** UTF-16 offsets, half-open, in order, without overlap. */
export type Ranges = readonly (readonly [number, number])[];

export interface Matching {
  /**
   * The condition in SQL.
   * @param raw SQL of the text as it was written
   * @param folded SQL of the text as {@link fold} gives it
   */
  where(raw: string, folded: string): string;
  /** Whether it looks at the text as it was written, not at the folded one. */
  readonly raw: boolean;
  /** Where each of these texts has it; undefined for one that does not fit. */
  ranges(texts: readonly string[]): Promise<readonly (Ranges | undefined)[]>;
}

/**
 * What a question looks for. Fails with `usage` where nothing is left of it, or the expression is none of RE2.
 * @param connection on which expressions are tried
 */
export async function matchingOf(
  { match }: Pick<SearchQuestion, 'match'>,
  text: string,
  connection: DuckDBConnection,
): Promise<Matching> {
  switch (match) {
    case 'regex':
      return expression(text, connection);
    case 'substring':
      return folding([nonEmpty(fold(text))], []);
    case 'words': {
      const words = wordsOf(text);
      return folding(
        words,
        words.map((word) => bounded([word])),
      );
    }
    case 'phrase': {
      const words = wordsOf(text);
      return folding(words, [bounded(words)]);
    }
    default:
      return match satisfies never;
  }
}

/** An expression as RE2 and JavaScript write it. */
interface Bounded {
  readonly re2: string;
  readonly js: RegExp;
}

/** @param expressions all of them must fit; where there are none, the parts alone count */
function folding(parts: readonly string[], expressions: readonly Bounded[]): Matching {
  const finders = expressions.length > 0 ? expressions.map(({ js }) => js) : parts.map(escaped).map(plain);
  return {
    raw: false,
    where: (_raw, folded) =>
      [
        // As literals: DuckDB makes an expression ready once for a constant, and for each row else.
        ...parts.map((part) => `contains(${folded}, ${literal(part)})`),
        ...expressions.map(({ re2 }) => `regexp_matches(${folded}, ${literal(re2)})`),
      ].join(' and '),
    ranges: async (texts) => texts.map((text) => rangesIn(text, finders)),
  };
}

function plain(source: string): RegExp {
  return new RegExp(source, 'gu');
}

function rangesIn(text: string, finders: readonly RegExp[]): Ranges | undefined {
  const { folded, starts, ends } = foldWithPlaces(text);
  const ranges: [number, number][] = [];
  for (const finder of finders) {
    const before = ranges.length;
    for (const { index, 0: match } of folded.matchAll(finder))
      ranges.push([starts[index] ?? 0, ends[index + match.length - 1] ?? 0]);
    if (ranges.length === before) return undefined;
  }
  return merged(ranges);
}

function merged(ranges: readonly (readonly [number, number])[]): Ranges {
  const together: [number, number][] = [];
  for (const [from, to] of [...ranges].sort(([one], [other]) => one - other)) {
    const last = together.at(-1);
    if (last !== undefined && from <= last[1]) last[1] = Math.max(last[1], to);
    else together.push([from, to]);
  }
  return together;
}

const WORD = '\\p{L}\\p{M}\\p{N}_';
/** Scripts that put no space between words: there, any character may begin a word or end one. */
const SCRIPTS = ['Han', 'Hiragana', 'Katakana', 'Thai', 'Lao', 'Khmer', 'Myanmar'];
const UNSPACED_JS = SCRIPTS.map((script) => `\\p{Script=${script}}`).join('');
const UNSPACED_RE2 = SCRIPTS.map((script) => `\\p{${script}}`).join('');
const NEEDS_BOUNDARY = new RegExp(`(?![${UNSPACED_JS}])[${WORD}]`, 'u');

/** Words one after another, each whole. */
function bounded(words: readonly string[]): Bounded {
  const [first = ''] = [...(words[0] ?? '')];
  const last = [...(words.at(-1) ?? '')].at(-1) ?? '';
  const body = words.map(escaped).join(`[^${WORD}]+`);
  const [before, after] = [NEEDS_BOUNDARY.test(first), NEEDS_BOUNDARY.test(last)];
  const edge = `[^${WORD}]|[${UNSPACED_RE2}]`;
  return {
    re2: `${before ? `(?:^|${edge})` : ''}${body}${after ? `(?:$|${edge})` : ''}`,
    js: new RegExp(
      `${before ? `(?<=^|[^${WORD}]|[${UNSPACED_JS}])` : ''}${body}${after ? `(?=$|[^${WORD}]|[${UNSPACED_JS}])` : ''}`,
      'gu',
    ),
  };
}

const OPENING = /^[\p{Ps}\p{Pi}"'¿¡]+/u;
const CLOSING = /[\p{Pe}\p{Pf}"'.,;:!?…。、！？]+$/u;

/** The words of a question, folded, without the punctuation around them; what is nothing else stays. */
function wordsOf(text: string): readonly string[] {
  const words = fold(text)
    .split(/\s+/u)
    .map((word) => word.replace(OPENING, '').replace(CLOSING, '') || word)
    .filter((word) => word !== '');
  nonEmpty(words.join(''));
  return words;
}

function nonEmpty(text: string): string {
  if (text !== '') return text;
  throw new ArchiverError('usage', 'nothing is left to look for', {
    detail: 'the text has white space and marks that are not seen, and nothing else',
  });
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
}

/** Stand around what was found; Unicode will never have characters here. */
const OPEN = '\u{10fffe}';
const CLOSE = '\u{10ffff}';

async function expression(pattern: string, connection: DuckDBConnection): Promise<Matching> {
  try {
    await connection.run(`select regexp_matches('', $pattern)`, { pattern });
  } catch (cause) {
    const [reason = ''] = (cause instanceof Error ? cause.message : '')
      .replace(/^[^:]*Error: /, '')
      .split(': ');
    throw new ArchiverError('usage', 'the expression is none of RE2', {
      detail: `${reason}; the syntax is that of RE2, which has no look-around and no references, and \\ stands before what is meant as it is`,
    });
  }
  return {
    raw: true,
    where: (raw) => `regexp_matches(${raw}, ${literal(pattern)})`,
    async ranges(texts) {
      const found: (Ranges | undefined)[] = [];
      for (const text of texts.map((one) => one.toWellFormed())) {
        const reader = await connection.runAndReadAll(
          `select regexp_matches($text, $pattern), regexp_replace($text, $pattern, '${OPEN}\\0${CLOSE}', 'g')`,
          { text, pattern },
        );
        const [fits, marked] = reader.getRows()[0] ?? [];
        found.push(fits === true ? markedRanges(text, String(marked)) : undefined);
      }
      return found;
    },
  };
}

/** Empty matches mark nothing; a text that has the marks itself is shown without. */
function markedRanges(text: string, marked: string): Ranges {
  const ranges: [number, number][] = [];
  let plainText = '';
  for (const [index, part] of marked.split(OPEN).entries()) {
    const [inside = '', ...outside] = index === 0 ? ['', part] : part.split(CLOSE);
    if (inside !== '') ranges.push([plainText.length, plainText.length + inside.length]);
    plainText += inside + outside.join('');
  }
  return plainText === text ? ranges : [];
}
