import { describe, expect, test } from 'vitest';
import { entryBytes, type LogEntry, parseEntry } from '../../src/proof/entry.ts';
import { formatVerifierKey, generateSignerKey, noteKeyOf, witnessKeyOf } from '../../src/proof/key.ts';
import { objectKey, segmentKey } from '../../src/segments/layout.ts';

const AT = '2026-06-15T10:00:00.000Z';
const HASH = 'ab'.repeat(32);
const signer = generateSignerKey('example.com/log');
const lock = { mode: 'compliance' as const, retain_until: '2033-06-15T00:00:00.000Z' };

type EntryOf<Type extends LogEntry['type']> = Extract<LogEntry, { type: Type }>;
const archive: EntryOf<'archive'> = {
  type: 'archive',
  at: AT,
  format: 1,
  account: 'account',
  origin: 'example.com/log',
  key: formatVerifierKey(noteKeyOf(signer)),
  created_at: AT,
};
const segment: EntryOf<'segment'> = {
  type: 'segment',
  at: AT,
  key: segmentKey({ stream: 'messages', className: 'mifid', day: '2026-06-14', root: HASH }),
  version: 'v1',
  sha256: 'cd'.repeat(32),
  bytes: 123,
  count: 5,
  root: HASH,
  stream: 'messages',
  class: 'mifid',
  date: '2026-06-14',
  lock,
};
const object: EntryOf<'object'> = {
  type: 'object',
  at: AT,
  key: objectKey(HASH),
  version: 'v1',
  sha256: HASH,
  bytes: 0,
  class: 'default',
  lock: null,
};
const abandoned: EntryOf<'abandoned'> = {
  type: 'abandoned',
  at: AT,
  key: segment.key,
  version: 'v1',
  sha256: 'cd'.repeat(32),
  bytes: 123,
  reason: 'put by a ledger that was lost before it was logged',
};
const config: EntryOf<'config'> = { type: 'config', at: AT, sha256: HASH, what: 'retention schedule' };

const hold: EntryOf<'hold'> = {
  type: 'hold',
  at: AT,
  hold: '1a2b3c4d',
  matter: 'Doe v. Acme',
  source: 'own',
  action: 'place',
  by: 'B. Counsel',
  reason: 'letter',
  scope: { custodians: ['ann@x.example'], channels: [], sessions: [], from: null, to: '2026-06-14' },
  ends_at: null,
};
const released: EntryOf<'hold'> = { ...hold, action: 'release', scope: null, ends_at: AT };

const invalid = expect.objectContaining({ code: 'proof-invalid' });
const all: readonly LogEntry[] = [archive, segment, object, abandoned, config, hold, released];

test.each(all)('an entry of type $type is written and read back', (entry) => {
  expect(parseEntry(entryBytes(entry))).toEqual(entry);
});

test('is canonical JSON', () => {
  expect(entryBytes(config).toString()).toBe(
    `{"at":"${AT}","sha256":"${HASH}","type":"config","what":"retention schedule"}`,
  );
});

describe('the same entry in other bytes is refused', () => {
  const text = entryBytes(config).toString();
  test.each([
    ['with a space', text.replace(':', ': ')],
    ['with a line feed at the end', `${text}\n`],
    ['in another order', JSON.stringify(config)],
    ['with an escape', text.replace('schedule', '\\u0073chedule')],
    ['with a member twice', text.replace('{', `{"at":"${AT}",`)],
    ['with a byte order mark', `\ufeff${text}`],
  ])('%s', (_why, other) => {
    expect(other).not.toBe(text);
    expect(() => parseEntry(Buffer.from(other))).toThrow(invalid);
  });

  test('with bytes that are not UTF-8', () => {
    const bytes = Buffer.from(text.replace('schedule', '?chedule'));
    bytes[bytes.indexOf('?')] = 0xff;
    expect(() => parseEntry(bytes)).toThrow(invalid);
  });
});

test.each<[string, unknown]>([
  ['null', null],
  ['an array', []],
  ['no type', { at: AT }],
  ['an unknown type', { ...config, type: 'rumour' }],
  ['a member more', { ...config, more: 1 }],
  ['a member less', { type: 'config', at: AT, sha256: HASH }],
  ['no time', { type: 'config', sha256: HASH, what: 'x' }],
  ['a time without milliseconds', { ...config, at: '2026-06-15T10:00:00Z' }],
  ['a time with microseconds', { ...config, at: '2026-06-15T10:00:00.000000Z' }],
  ['a time of another zone', { ...config, at: '2026-06-15T10:00:00.000+00:00' }],
  ['a day that is none', { ...config, at: '2026-02-30T10:00:00.000Z' }],
  ['a hash in capitals', { ...config, sha256: HASH.toUpperCase() }],
  ['a short hash', { ...config, sha256: HASH.slice(2) }],
  ['an empty name', { ...config, what: '' }],
  ['a negative size', { ...object, bytes: -1 }],
  ['half a byte', { ...object, bytes: 0.5 }],
  ['a hold that nobody placed', { ...hold, by: '' }],
  ['a hold without a word on its end', { ...hold, ends_at: undefined }],
  ['a hold of half a day', { ...hold, scope: { ...hold.scope, from: '2026-06' } }],
  ['a size that no number holds', { ...object, bytes: 2 ** 53 }],
  ['a key of another object', { ...object, key: objectKey('cd'.repeat(32)) }],
  ['what is neither segment nor object', { ...abandoned, key: 'log/checkpoint' }],
  ['an abandoned object with other bytes', { ...abandoned, key: objectKey(HASH) }],
  ['a lock of an unknown mode', { ...object, lock: { ...lock, mode: 'none' } }],
  ['a lock with a member more', { ...object, lock: { ...lock, more: 1 } }],
  ['no lock', { ...object, lock: undefined }],
  ['a segment without records', { ...segment, count: 0 }],
  ['a segment of an unknown stream', { ...segment, stream: 'rumours' }],
  ['a key of another segment', { ...segment, date: '2026-06-15' }],
  ['a key that does not parse', { ...archive, key: 'example.com/log' }],
  ['a key of a witness', { ...archive, key: formatVerifierKey(witnessKeyOf(signer)) }],
  ['a key of another log', { ...archive, origin: 'example.com/other' }],
])('what is no entry is neither written nor read: %s', (_why, value) => {
  expect(() => entryBytes(value as LogEntry)).toThrow(expect.objectContaining({ code: 'internal' }));
  expect(() => parseEntry(Buffer.from(JSON.stringify(value)))).toThrow(invalid);
});

test('65,535 bytes are an entry, one more is none', () => {
  const room = 65_535 - entryBytes({ ...config, what: 'x' }).length + 1;
  const longest = { ...config, what: 'x'.repeat(room) };
  expect(entryBytes(longest)).toHaveLength(65_535);
  expect(parseEntry(entryBytes(longest))).toEqual(longest);
  const longer = { ...config, what: 'x'.repeat(room + 1) };
  expect(() => entryBytes(longer)).toThrow(expect.objectContaining({ code: 'internal' }));
  const bytes = Buffer.from(entryBytes(longest).toString().replace('xx', 'xxx'));
  expect(() => parseEntry(bytes)).toThrow(invalid);
});
