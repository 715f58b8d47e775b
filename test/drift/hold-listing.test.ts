import { expect, test } from 'vitest';
import { listedMessage, listingColumns, momentOf } from '../../src/drift/hold-listing.ts';

const AT = Date.UTC(2026, 4, 3, 14, 5, 6);

test.each([
  ['Message ID,Text', { id: 0, text: 1 }],
  ['From,Date/Time,Channel Name,Message Content', { sender: 0, time: 1, place: 2, text: 3 }],
  ['session_id,message_id,date_time,action,sender,message', { place: 0, id: 1, time: 2, sender: 4, text: 5 }],
])('the columns of %s are found', (header, places) => {
  const columns = listingColumns(header.split(','));
  const found = Object.entries(columns?.places ?? {}).filter(([, place]) => place !== undefined);
  expect(Object.fromEntries(found)).toEqual(places);
});

test.each(['', 'a,b', 'message_id,sender', 'sender,message', 'date,message', 'PK\u0003\u0004'])(
  'columns that tell no messages apart are none: %s',
  (header) => {
    expect(listingColumns(header.split(','))).toBeUndefined();
  },
);

test.each([
  ['2026-05-03T14:05:06Z', AT],
  ['2026-05-03T14:05:06.000+00:00', AT],
  ['2026-05-03 14:05:06', AT],
  ['2026-05-03T14:05:06', AT],
  ['05/03/2026 02:05:06 PM', AT],
  ['May 3, 2026 14:05:06', AT],
  [String(AT), AT],
  [String(AT / 1000), AT],
  ['yesterday', undefined],
])('%s is a moment, in UTC where no zone is named', (text, moment) => {
  expect(momentOf(text)).toBe(moment);
});

test('a row is a message when it has an id, or sender and time', () => {
  const columns = listingColumns(['id', 'from', 'time', 'text']);
  if (columns === undefined) throw new Error('no columns');
  const row = (...fields: string[]) => listedMessage(columns, { kind: 'record', line: 2, fields });
  expect(row('{ABC}', 'Ada@Example.com', '2026-05-03 14:05:06', ' x ')).toEqual({
    id: 'abc',
    place: undefined,
    sender: 'ada@example.com',
    sentAt: AT,
    text: ' x ',
  });
  expect(row('', 'ada@example.com', '2026-05-03 14:05:06', '')).toMatchObject({ id: undefined, text: '' });
  expect(row('', 'ada@example.com', 'soon', 'x')).toBeUndefined();
  expect(row('', '', '2026-05-03 14:05:06', 'x')).toBeUndefined();
  expect(row('abc', 'ada@example.com', 'x')).toBeUndefined();
});
