/**
 * Text that others wrote, cut into what may be shown as it is and what may not: links that lead to the web, what was
 * looked for, and characters that would change how the rest looks.
 */

export interface PlainPiece {
  readonly type: 'text';
  readonly text: string;
  readonly found: boolean;
}

/** A character that is shown by its name, for it has no look of its own or changes that of others. */
export interface MarkPiece {
  readonly type: 'mark';
  /** Short, in capitals: `RLO`. */
  readonly label: string;
  readonly title: string;
}

export interface LinkPiece {
  readonly type: 'link';
  /** Only ever http, https or mailto. */
  readonly href: string;
  /** Where it leads, in ASCII: what a look-alike in another script cannot imitate. For mail what follows the `@`. */
  readonly host: string;
  readonly pieces: readonly (PlainPiece | MarkPiece)[];
}

export type Piece = PlainPiece | MarkPiece | LinkPiece;

/** UTF-16 offsets, half-open. */
export type Range = readonly [number, number];

const NAMED: Readonly<Record<string, readonly [string, string]>> = {
  '\u202A': ['LRE', 'left-to-right embedding'],
  '\u202B': ['RLE', 'right-to-left embedding'],
  '\u202C': ['PDF', 'end of an embedding or override'],
  '\u202D': ['LRO', 'left-to-right override'],
  '\u202E': ['RLO', 'right-to-left override'],
  '\u2066': ['LRI', 'left-to-right isolate'],
  '\u2067': ['RLI', 'right-to-left isolate'],
  '\u2068': ['FSI', 'first strong isolate'],
  '\u2069': ['PDI', 'end of an isolate'],
  '\u200B': ['ZWSP', 'zero-width space'],
  '\u200C': ['ZWNJ', 'zero-width non-joiner'],
  '\u200D': ['ZWJ', 'zero-width joiner'],
  '\u2060': ['WJ', 'word joiner'],
  '\uFEFF': ['BOM', 'zero-width no-break space'],
  '\u00AD': ['SHY', 'soft hyphen'],
};

/** Directions, zero widths and other control characters; tags only where they are no part of a flag. */
const CONTROL =
  /[\u202A-\u202E\u2066-\u2069\u200B-\u200D\u2060-\u2065\uFEFF\u00AD\u0000-\u0008\u000B-\u001F\u007F-\u009F\uFFF9-\uFFFB\u{E0000}-\u{E007F}]/gu;
/** Scripts whose letters join, where the joiners belong to spelling. */
const JOINING =
  /[\p{Script=Arabic}\p{Script=Syriac}\p{Script=Devanagari}\p{Script=Bengali}\p{Script=Malayalam}\p{Script=Sinhala}\p{Script=Kannada}\p{Script=Telugu}\p{Script=Tamil}\p{Script=Gujarati}\p{Script=Gurmukhi}\p{Script=Oriya}\p{Script=Mongolian}\p{Script=Khmer}\p{Script=Myanmar}\p{M}]$/u;
const EMOJI_BEFORE = /(?:[\p{Extended_Pictographic}\p{Emoji_Modifier}]|\uFE0F)$/u;
const FLAG_BEFORE = /\u{1F3F4}[\u{E0020}-\u{E007E}]*$/u;

const LINK =
  /\b(?:https?:\/\/|mailto:)[^\s<>"`\u0000-\u001F\u007F-\u009F\u200B-\u200F\u2028-\u202E\u2060-\u2069\uFEFF]+/giu;
const SCHEMES = ['https:', 'http:', 'mailto:'];
/** What ends a sentence and not an address. */
const TRAILING = /[.,;:!?'’”»…]+$/u;

/** @param ranges what was looked for, in order, without overlap; what lies outside of the text counts for nothing */
export function piecesOf(text: string, ranges: readonly Range[] = []): readonly Piece[] {
  const pieces: Piece[] = [];
  let from = 0;
  for (const { index, written, url } of linksIn(text)) {
    pieces.push(...plainPieces(text, from, index, ranges));
    const to = index + written.length;
    pieces.push({
      type: 'link',
      href: url.href,
      host: hostOf(url),
      pieces: plainPieces(text, index, to, ranges),
    });
    from = to;
  }
  pieces.push(...plainPieces(text, from, text.length, ranges));
  return pieces;
}

/** The same as one line of text, for titles and labels, which hold no elements: `[RLO]` for a character shown by name. */
export function plainText(text: string): string {
  return piecesOf(text)
    .flatMap((piece) => (piece.type === 'link' ? piece.pieces : [piece]))
    .map((piece) => (piece.type === 'mark' ? `[${piece.label}]` : piece.text))
    .join('');
}

interface Link {
  readonly index: number;
  readonly written: string;
  readonly url: URL;
}

function linksIn(text: string): readonly Link[] {
  return [...text.matchAll(LINK)].flatMap(({ index, 0: matched }) => {
    const written = withoutTrailing(matched);
    const url = URL.canParse(written) ? new URL(written) : undefined;
    return url !== undefined && SCHEMES.includes(url.protocol) ? [{ index, written, url }] : [];
  });
}

function hostOf({ protocol, host, pathname }: URL): string {
  return protocol === 'mailto:' ? pathname.slice(pathname.lastIndexOf('@') + 1) : host;
}

/** A closing bracket belongs to the address only where it was opened within. */
function withoutTrailing(address: string): string {
  let rest = address;
  for (;;) {
    const shorter = rest.replace(TRAILING, '');
    const opening = { ')': '(', ']': '[', '}': '{' }[shorter.at(-1) ?? ''];
    const isUnopened = opening !== undefined && !shorter.includes(opening);
    const next = isUnopened ? shorter.slice(0, -1) : shorter;
    if (next === rest) return rest;
    rest = next;
  }
}

/** The stretch from `from` to `to`, cut where a range begins or ends and at each character that is shown by name. */
function plainPieces(
  text: string,
  from: number,
  to: number,
  ranges: readonly Range[],
): readonly (PlainPiece | MarkPiece)[] {
  const pieces: (PlainPiece | MarkPiece)[] = [];
  let at = from;
  const until = (end: number, found: boolean): void => {
    if (end > at) pieces.push(...namedPieces(text, at, end, found));
    at = Math.max(at, end);
  };
  for (const [start, end] of ranges) {
    if (end <= at || start >= to) continue;
    until(Math.min(Math.max(start, at), to), false);
    until(Math.min(end, to), true);
  }
  until(to, false);
  return pieces;
}

function namedPieces(
  text: string,
  from: number,
  to: number,
  found: boolean,
): readonly (PlainPiece | MarkPiece)[] {
  const pieces: (PlainPiece | MarkPiece)[] = [];
  let at = from;
  const part = text.slice(from, to);
  for (const { index, 0: char } of part.matchAll(CONTROL)) {
    const place = from + index;
    if (isPartOfWriting(text, place, char)) continue;
    if (place > at) pieces.push({ type: 'text', text: text.slice(at, place), found });
    pieces.push(markOf(char));
    at = place + char.length;
  }
  if (to > at) pieces.push({ type: 'text', text: text.slice(at, to), found });
  return pieces;
}

/** Joiners within emoji and within scripts that need them, and the tags of a flag. */
function isPartOfWriting(text: string, place: number, char: string): boolean {
  if (char === '\r') return text[place + 1] === '\n';
  // An emoji with its modifiers, or a letter with its marks, is far shorter than this.
  const before = text.slice(Math.max(0, place - 24), place);
  if (char === '\u200D') return EMOJI_BEFORE.test(before) || JOINING.test(before);
  if (char === '\u200C') return JOINING.test(before);
  const code = char.codePointAt(0) ?? 0;
  return code >= 0xe0020 && code <= 0xe007f && FLAG_BEFORE.test(before);
}

function markOf(char: string): MarkPiece {
  const code = `U+${(char.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`;
  const [label, name] = NAMED[char] ?? [code, 'control character'];
  return { type: 'mark', label, title: `${name}, ${code}: shown by its name, without its effect` };
}

/**
 * A text cut down to the surroundings of what was found in it, for a list. The ranges of the answer are those of its
 * text; `before` and `after` say whether something was cut off there.
 */
export function excerpt(
  text: string,
  ranges: readonly Range[],
  most = 320,
): {
  readonly text: string;
  readonly ranges: readonly Range[];
  readonly before: boolean;
  readonly after: boolean;
} {
  if (text.length <= most) return { text, ranges, before: false, after: false };
  const first = ranges[0]?.[0] ?? 0;
  const from = first < most * 0.6 ? 0 : wordStart(text, first - Math.floor(most * 0.35));
  const to = Math.min(text.length, wordStart(text, Math.min(text.length, from + most)));
  const inside = ranges.flatMap(([start, end]): Range[] =>
    start >= from && start < to ? [[start - from, Math.min(end, to) - from]] : [],
  );
  return { text: text.slice(from, to), ranges: inside, before: from > 0, after: to < text.length };
}

/** The next place at or behind `near` at which a word begins; not far away, and never within a character. */
function wordStart(text: string, near: number): number {
  for (let at = near; at < Math.min(text.length, near + 30); at += 1)
    if (/\s/u.test(text[at - 1] ?? ' ')) return at;
  const code = text.charCodeAt(near);
  return code >= 0xdc00 && code <= 0xdfff ? near + 1 : near;
}
