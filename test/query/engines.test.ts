/** The statements for other engines against golden files, and by the rules that all of these dialects share. */
import { expect, test } from 'vitest';
import type { SegmentEntry } from '../../src/proof/entry.ts';
import type { PlacedEntry } from '../../src/proof/published.ts';
import { ENGINES, type Engine, engineStatements } from '../../src/query/engines.ts';
import { STREAMS, type Stream } from '../../src/record.ts';
import { columns } from '../../src/segments/format.ts';
import { segmentKey } from '../../src/segments/layout.ts';

const BASES: Readonly<Record<Engine, string>> = {
  duckdb: 's3://archive/zoom/',
  athena: 's3://archive/zoom/',
  trino: 's3://archive/zoom/',
  spark: 's3a://archive/zoom/',
};

function placed(index: number, stream: Stream, className: string, date: string): PlacedEntry<SegmentEntry> {
  const at = '2026-11-20T00:00:00.000Z';
  const root = String(index).padStart(64, '0');
  const key = segmentKey({ stream, className, day: date, root });
  const stored = { key, version: 'v', sha256: root, bytes: 1, class: className, lock: null };
  const entry: SegmentEntry = { type: 'segment', at, ...stored, count: 1, root, stream, date };
  return { index, bytes: Buffer.alloc(0), entry };
}

const TWO_STREAMS = [
  placed(3, 'messages', 'trading', '2026-05-02'),
  placed(1, 'messages', 'default', '2026-04-30'),
  placed(2, 'coverage', 'default', '2026-05-03'),
];

test.each(ENGINES)('the statements for %s are those of the golden file', async (engine) => {
  await expect(`${engineStatements(engine, TWO_STREAMS, BASES[engine])}\n`).toMatchFileSnapshot(
    `golden/${engine}.sql`,
  );
});

test.each(ENGINES)('statements for %s are well-formed, of every stream and column', (engine) => {
  const segments = STREAMS.map((stream, index) => placed(index, stream, 'default', '2026-05-01'));
  const text = engineStatements(engine, segments, BASES[engine]);
  // Without comments and quoted texts and names nothing is left that could hide a bracket.
  const bare = text.replace(/^--.*$/gm, '').replace(/'(?:[^']|'')*'|"[^"]*"|`[^`]*`/g, '_');
  expect(bare).not.toMatch(/['"`]/);
  let depth = 0;
  for (const char of bare) {
    if ('([{'.includes(char)) depth += 1;
    if (')]}'.includes(char)) depth -= 1;
    expect(depth).toBeGreaterThanOrEqual(0);
    if (char === ';') expect(depth).toBe(0);
  }
  expect(bare.trimEnd().endsWith(';')).toBe(true);
  expect(bare).not.toMatch(/,\s*\)/);
  if (engine === 'duckdb') return;
  const tables = [...text.matchAll(/^create (?:external )?table [^(]* \(\n([\s\S]*?)\n\)/gm)];
  expect(tables).toHaveLength(STREAMS.length);
  for (const [place, [, body = '']] of tables.entries()) {
    const names = body.split(',\n').map((line) => /^ {2}["`](\w+)["`] \S+/.exec(line)?.[1]);
    const own = columns(STREAMS[place] ?? 'messages').map(({ name }) => name);
    expect(names).toEqual(engine === 'athena' ? own : [...own, 'class', 'date']);
  }
});

test('a folder cannot end a text in a statement', () => {
  for (const engine of ENGINES) {
    const text = engineStatements(engine, TWO_STREAMS, `s3://archive/it's/`);
    expect(text.split(`it's`).length).toBe(1);
  }
});
