/** Comma-separated values (RFC 4180) as they come, strictly: what cannot be read is said and never skipped. */

export interface CsvRecord {
  readonly kind: 'record';
  /** Of its first line, from 1. */
  readonly line: number;
  readonly fields: readonly string[];
}

/**
 * `not-text`: not in UTF-8, nor in UTF-16 with a byte order mark. `quote-open`: it ends within a quoted field.
 * `quote-stray`: something stands between a closing quote and the next field. `too-long`: a record beyond
 * {@link LONGEST_RECORD}.
 */
export type CsvProblem = 'not-text' | 'quote-open' | 'quote-stray' | 'too-long';

/** The end of what can be read. */
export interface CsvBroken {
  readonly kind: 'broken';
  readonly line: number;
  readonly problem: CsvProblem;
}

/** Characters of one record. Zoom's longest messages are a hundredth of it; without a limit a bomb would fill memory. */
const LONGEST_RECORD = 4_000_000;
const DELIMITERS = [',', ';', '\t'];

type State = 'start' | 'plain' | 'quoted' | 'closed';

/**
 * The records, the header among them; empty lines are left out. The delimiter is the one of comma, semicolon and
 * tab that stands most often in the first line. Throws what `chunks` throws.
 */
export async function* readCsv(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<CsvRecord | CsvBroken> {
  let delimiter: string | undefined;
  let state: State = 'start';
  let fields: string[] = [];
  let field = '';
  let length = 0;
  let line = 1;
  let begun = 1;

  const ended = (): CsvRecord | undefined => {
    const isEmpty = fields.length === 0 && field === '' && state === 'start';
    const record: CsvRecord = { kind: 'record', line: begun, fields: [...fields, field] };
    fields = [];
    field = '';
    length = 0;
    state = 'start';
    begun = line;
    return isEmpty ? undefined : record;
  };

  for await (const text of texts(chunks)) {
    if (text === undefined) return yield { kind: 'broken', line, problem: 'not-text' };
    delimiter ??= delimiterOf(text);
    for (const char of text) {
      length += 1;
      if (length > LONGEST_RECORD) return yield { kind: 'broken', line: begun, problem: 'too-long' };
      if (char === '\n') line += 1;
      if (state === 'quoted') {
        if (char === '"') state = 'closed';
        else field += char;
      } else if (char === delimiter) {
        fields.push(field);
        field = '';
        state = 'start';
      } else if (char === '\n') {
        const record = ended();
        if (record !== undefined) yield record;
      } else if (char === '\r') {
        // Half of a line's end, or nothing.
      } else if (char === '"' && state === 'closed') {
        field += char;
        state = 'quoted';
      } else if (char === '"' && state === 'start') {
        state = 'quoted';
      } else if (state === 'closed') {
        return yield { kind: 'broken', line, problem: 'quote-stray' };
      } else {
        field += char;
        state = 'plain';
      }
    }
  }
  if (state === 'quoted') return yield { kind: 'broken', line: begun, problem: 'quote-open' };
  const last = ended();
  if (last !== undefined) yield last;
}

/** The text in pieces, without a byte order mark; undefined where it is none, and then nothing more. */
async function* texts(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string | undefined> {
  let decoder: InstanceType<typeof TextDecoder> | undefined;
  for await (const chunk of chunks) {
    decoder ??= new TextDecoder(encodingOf(chunk), { fatal: true });
    const text = decode(decoder, chunk);
    if (text === undefined) return yield undefined;
    if (text !== '') yield text;
  }
  const rest = decoder === undefined ? '' : decode(decoder);
  if (rest !== '') yield rest;
}

function decode(decoder: InstanceType<typeof TextDecoder>, chunk?: Uint8Array): string | undefined {
  try {
    return chunk === undefined ? decoder.decode() : decoder.decode(chunk, { stream: true });
  } catch {
    return undefined;
  }
}

function encodingOf([first, second]: Uint8Array): string {
  if (first === 0xff && second === 0xfe) return 'utf-16le';
  return first === 0xfe && second === 0xff ? 'utf-16be' : 'utf-8';
}

function delimiterOf(text: string): string {
  const [head = ''] = text.split('\n', 1);
  const times = (delimiter: string): number => head.split(delimiter).length;
  return DELIMITERS.reduce((best, one) => (times(one) > times(best) ? one : best));
}
