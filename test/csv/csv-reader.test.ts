import { expect, test } from 'vitest';
import { type CsvBroken, type CsvRecord, readCsv } from '../../src/csv/csv-reader.ts';

async function* pieces(bytes: Buffer, length: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length);
}

/** What is read of it in one piece, which is what is read of it in pieces of every length. */
async function read(text: string | Buffer): Promise<(readonly string[] | string)[]> {
  const bytes = Buffer.from(text as string);
  const all = async (length: number) => {
    const items: (CsvRecord | CsvBroken)[] = [];
    for await (const item of readCsv(pieces(bytes, length))) items.push(item);
    return items.map((item) =>
      item.kind === 'record' ? [String(item.line), ...item.fields] : `${item.problem} ${item.line}`,
    );
  };
  const whole = await all(bytes.length + 1);
  for (const length of [7, 64]) expect(await all(length)).toEqual(whole);
  return whole;
}

test.each<[string, string | Buffer, (readonly string[] | string)[]]>([
  ['nothing', '', []],
  [
    'fields and lines',
    'name,text\r\n1,a b\n2,',
    [
      ['1', 'name', 'text'],
      ['2', '1', 'a b'],
      ['3', '2', ''],
    ],
  ],
  [
    'quotes',
    'name,text\n"a,\r\nb","say ""x"""\nc,d\n',
    [
      ['1', 'name', 'text'],
      ['2', 'a,\r\nb', 'say "x"'],
      ['4', 'c', 'd'],
    ],
  ],
  [
    'empty lines',
    'name,text\n\n1,2\n\n',
    [
      ['1', 'name', 'text'],
      ['3', '1', '2'],
    ],
  ],
  [
    'semicolons',
    'name;text\n1,5;b',
    [
      ['1', 'name', 'text'],
      ['2', '1,5', 'b'],
    ],
  ],
  [
    'tabs',
    'name\ttext\n1\tb',
    [
      ['1', 'name', 'text'],
      ['2', '1', 'b'],
    ],
  ],
  ['a byte order mark', '\uFEFFname,text\n', [['1', 'name', 'text']]],
  [
    'UTF-16',
    Buffer.from('\uFEFFname,ü\n1,2', 'utf16le'),
    [
      ['1', 'name', 'ü'],
      ['2', '1', '2'],
    ],
  ],
  [
    'signs beyond the plane',
    'name,text\n😀,שלום',
    [
      ['1', 'name', 'text'],
      ['2', '😀', 'שלום'],
    ],
  ],
  [
    'a quote within a field',
    'name,text\n5" x,b',
    [
      ['1', 'name', 'text'],
      ['2', '5" x', 'b'],
    ],
  ],
  ['an open quote', 'name,text\n1,b\n2,"c\n3,d\n', [['1', 'name', 'text'], ['2', '1', 'b'], 'quote-open 3']],
  ['a stray quote', 'name,text\n"1"x,b\n2,c\n', [['1', 'name', 'text'], 'quote-stray 2']],
  ['no text', Buffer.from('name,text\n1,\xff\n', 'latin1'), ['not-text 1']],
])('%s', async (_what, text, expected) => {
  const read_ = await read(text);
  if (expected[0] === 'not-text 1') expect(read_.at(-1)).toMatch(/^not-text/);
  else expect(read_).toEqual(expected);
});

test('a record without end is not gathered without end', async () => {
  let given = 0;
  async function* endless(): AsyncGenerator<Buffer> {
    for (;;) {
      given += 1;
      yield Buffer.from(`"${'x'.repeat(999_999)}`);
    }
  }
  const items = [];
  for await (const item of readCsv(endless())) items.push(item);
  expect(items).toMatchObject([{ kind: 'broken' }]);
  expect(given).toBeLessThan(6);
});
