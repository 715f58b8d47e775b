/** Each of the 22 rules finds what breaks it, and what an export makes breaks none. */
import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { composeMessage, type Header } from '../../src/export/mime.ts';
import { checkRsmf, type RsmfChecks } from '../../src/export/rsmf-rules.ts';
import { storedZip } from '../../src/export/stored-zip.ts';

// biome-ignore lint/suspicious/noExplicitAny: manifests that break their schema
type Manifest = any;

const HASH = 'a'.repeat(64);
const RECORDS = createHash('sha256').update(HASH).digest('hex');
const PNG = Buffer.from('89504e470d0a1a0a00', 'hex');

function manifestOf(): Manifest {
  return {
    version: '2.0.0',
    participants: [
      { id: 'u1', display: 'Ada', email: 'ada@example.com', avatar: 'AV1' },
      { id: 'u2', display: 'Ben' },
    ],
    conversations: [
      { id: 'c1', platform: 'zoom', type: 'channel', participants: ['u1', 'u2'], custodian: 'u1' },
    ],
    events: [
      {
        id: 'm1',
        type: 'message',
        conversation: 'c1',
        participant: 'u1',
        timestamp: '2026-03-01T08:00:00.123Z',
        body: 'ship it',
        edits: [{ participant: 'u1', timestamp: '2026-03-01T08:01:00Z', previous: 'shp it', new: 'ship it' }],
        reactions: [{ value: 'thumbsup', count: 1, participants: ['u2'] }],
        attachments: [{ id: 'plan.pdf', display: 'plan.pdf', size: 3 }],
        custom: [{ name: 'record.sent', value: HASH }],
      },
      {
        id: 'm2',
        parent: 'm1',
        type: 'message',
        conversation: 'c1',
        participant: 'u2',
        timestamp: '2026-03-01T08:02:00Z',
      },
    ],
  };
}

interface Parts {
  readonly manifest?: (manifest: Manifest) => void;
  readonly members?: (members: Map<string, Buffer>) => void;
  readonly headers?: (headers: Header[]) => void;
  readonly text?: string;
  readonly zip?: (zip: Buffer) => Buffer;
  readonly mail?: (mail: Buffer) => Buffer;
  readonly twoAttachments?: boolean;
  readonly checks?: RsmfChecks;
}

function rsmf({
  manifest: change,
  members: put,
  headers: head,
  text,
  zip = (one) => one,
  mail = (one) => one,
  twoAttachments = false,
}: Parts): Buffer {
  const manifest = manifestOf();
  change?.(manifest);
  const members = new Map([
    ['rsmf_manifest.json', Buffer.from(text ?? JSON.stringify(manifest))],
    ['plan.pdf', Buffer.from('pdf')],
    ['AV1', PNG],
  ]);
  put?.(members);
  const headers: Header[] = [
    ['X-RSMF-Version', '2.0.0'],
    ['X-RSMF-EventCount', '2'],
    ['X-RSMF-AttachmentCount', '1'],
    ['X-RSMF-BeginDate', '2026-03-01T08:00:00.123Z'],
    ['X-RSMF-EndDate', '2026-03-01T08:02:00Z'],
    ['X-RSMF-Records', RECORDS],
    ['From', '"Ada" <ada@example.com>'],
  ];
  head?.(headers);
  const bytes = zip(storedZip([...members].map(([name, content]) => ({ name, bytes: content }))));
  const attachment = { name: 'rsmf.zip', type: 'application/zip', bytes };
  return mail(
    composeMessage(headers, 'text', twoAttachments ? [attachment, attachment] : [attachment], 'b0'),
  );
}

const replaced =
  (from: string, to: string) =>
  (mail: Buffer): Buffer =>
    Buffer.from(mail.toString('latin1').replace(from, to), 'latin1');
const without =
  (name: string) =>
  (headers: Header[]): void => {
    headers.splice(
      headers.findIndex(([one]) => one === name),
      1,
    );
  };

async function broken(parts: Parts): Promise<readonly string[]> {
  const { issues } = await checkRsmf(rsmf(parts), parts.checks);
  return [...new Set(issues.map(({ rule, severity }) => `${rule} ${severity}`))];
}

test('a file that keeps all of them', async () => {
  expect(await broken({})).toEqual([]);
  expect(await broken({ checks: { again: rsmf({}), isProven: (hash) => hash === HASH } })).toEqual([]);
});

const reply = (manifest: Manifest): Manifest => manifest.events[1];
const first = (manifest: Manifest): Manifest => manifest.events[0];

test.each<[string, string, Parts]>([
  ['no message', '1 reject', { mail: () => Buffer.from('no mail at all') }],
  ['a boundary without end', '1 reject', { mail: (mail) => mail.subarray(0, mail.length - 20) }],
  ['no version', '2 reject', { headers: without('X-RSMF-Version') }],
  ['version not first', '2 warn', { headers: (headers) => headers.reverse() }],
  ['another version', '2 warn', { manifest: (one) => (one.version = '1.0.0') }],
  ['two attachments', '3 reject', { twoAttachments: true }],
  ['another name', '3 reject', { mail: replaced('filename="rsmf.zip"', 'filename="other.zip"') }],
  ['not an attachment', '3 reject', { mail: replaced('Disposition: attachment', 'Disposition: inline') }],
  [
    'not in base64',
    '3 reject',
    {
      mail: (mail) =>
        Buffer.from(mail.toString('latin1').replaceAll('Encoding: base64', 'Encoding: binary'), 'latin1'),
    },
  ],
  ['another count', '4 warn', { headers: (headers) => headers.splice(1, 1, ['X-RSMF-EventCount', '3']) }],
  [
    'another begin',
    '4 warn',
    { headers: (headers) => headers.splice(3, 1, ['X-RSMF-BeginDate', '2026-03-01T08:00:00Z']) },
  ],
  ['no sender', '5 warn', { headers: without('From') }],
  ['two senders', '5 warn', { headers: (headers) => headers.splice(6, 1, ['From', '<a@b.c>, <d@e.f>']) }],
  ['no ZIP', '6 reject', { zip: () => Buffer.from('zip') }],
  ['a folder in the ZIP', '6 reject', { members: (members) => members.set('a/b', Buffer.of()) }],
  ['a way out of it', '6 reject', { members: (members) => members.set('..', Buffer.of()) }],
  ['names that differ by case', '6 warn', { members: (members) => members.set('PLAN.pdf', Buffer.of()) }],
  ['no manifest', '7 reject', { members: (members) => members.delete('rsmf_manifest.json') }],
  ['attachment missing', '8 reject', { members: (members) => members.delete('plan.pdf') }],
  ['avatar missing', '8 warn', { members: (members) => members.delete('AV1') }],
  ['unreferenced file', '9 warn', { members: (members) => members.set('more', Buffer.of()) }],
  ['avatar is no image', '10 warn', { members: (members) => members.set('AV1', Buffer.from('<svg>')) }],
  ['no JSON', '11 reject', { text: '{' }],
  ['missing member', '11 reject', { manifest: (one) => delete one.events }],
  ['empty id', '11 reject', { manifest: (one) => (one.participants[1].id = '') }],
  ['unknown type', '11 reject', { manifest: (one) => (first(one).type = 'party') }],
  ['empty custom value', '11 reject', { manifest: (one) => (first(one).custom[0].value = '') }],
  ['unknown member', '12 warn', { manifest: (one) => (first(one).colour = 'red') }],
  ['unknown participant', '13 warn', { manifest: (one) => (reply(one).participant = 'u9') }],
  [
    'unknown person reacts',
    '13 warn',
    { manifest: (one) => (first(one).reactions[0].participants = ['u9']) },
  ],
  ['custodian outside', '14 warn', { manifest: (one) => (one.conversations[0].participants = ['u2']) }],
  ['unknown conversation', '15 warn', { manifest: (one) => (reply(one).conversation = 'c9') }],
  ['unknown parent', '15 warn', { manifest: (one) => (reply(one).parent = 'm9') }],
  ['answers itself', '15 reject', { manifest: (one) => (reply(one).parent = 'm2') }],
  ['a ring of answers', '15 warn', { manifest: (one) => (first(one).parent = 'm2') }],
  ['participant twice', '16 warn', { manifest: (one) => one.participants.push(one.participants[1]) }],
  ['event twice', '16 warn', { manifest: (one) => (reply(one).id = 'm1') }],
  [
    'too many events',
    '17 warn',
    { manifest: (one) => (one.events = Array.from({ length: 10_001 }, () => ({ type: 'unknown' }))) },
  ],
  ['time without zone', '18 reject', { manifest: (one) => (first(one).timestamp = '2026-03-01T08:00:00') }],
  ['not in order', '18 warn', { manifest: (one) => one.events.reverse() }],
  [
    'edited before it was sent',
    '18 warn',
    { manifest: (one) => (first(one).edits[0].timestamp = '2026-02-01T08:00:00Z') },
  ],
  ['long reaction', '19 warn', { manifest: (one) => (first(one).reactions[0].value = 'x'.repeat(31)) }],
  ['reaction counts too few', '19 warn', { manifest: (one) => (first(one).reactions[0].count = 0) }],
  ['no address', '20 warn', { manifest: (one) => (one.participants[0].email = 'ada at example') }],
  ['other bytes once more', '21 reject', { checks: { again: Buffer.of() } }],
  [
    'other records than its header',
    '22 reject',
    { manifest: (one) => (first(one).custom[0].value = 'b'.repeat(64)) },
  ],
  ['a record without proof', '22 reject', { checks: { isProven: () => false } }],
])('%s breaks rule %s', async (_what, issue, parts) => {
  expect(await broken(parts)).toContain(issue);
});
