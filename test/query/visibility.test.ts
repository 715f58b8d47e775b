import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { LogEntry } from '../../src/proof/entry.ts';
import type { OpenArchive } from '../../src/query/archive.ts';
import { conversation } from '../../src/query/conversation.ts';
import { people } from '../../src/query/people.ts';
import { ACTIONS, type Reader, type ReaderScope, WHOLE_ARCHIVE } from '../../src/query/reader.ts';
import { search } from '../../src/query/search.ts';
import { sessions } from '../../src/query/sessions.ts';
import { requireMay, sees, visibleIn } from '../../src/query/visibility.ts';
import { contextOf, type Written, type WrittenArchive, writtenArchive } from '../support/searched-archive.ts';
import { ABOUT, type ChatRow, chatRows, messageRecord } from './chat.ts';

const ROWS = chatRows(4);
const NO_HOLD = { custodians: [], channels: [], sessions: [], from: null, to: null };

function hold(
  name: string,
  matter: string,
  action: 'place' | 'change' | 'release',
  scope: Extract<LogEntry, { type: 'hold' }>['scope'],
): LogEntry {
  return {
    type: 'hold',
    at: '2026-04-01T00:00:00.000Z',
    hold: name,
    matter,
    source: 'own',
    action,
    by: 'olive',
    reason: 'a case',
    scope,
    ends_at: action === 'release' ? '2026-05-01T00:00:00.000Z' : null,
  };
}

const HOLDS = [
  hold('h-1', 'Acme v. Us', 'place', {
    ...NO_HOLD,
    custodians: ['zoe@example.com'],
    from: '2026-03-28',
    to: '2026-03-28',
  }),
  hold('h-1', 'Acme v. Us', 'change', {
    ...NO_HOLD,
    custodians: ['zoe@example.com'],
    from: '2026-03-28',
    to: '2026-03-29',
  }),
  hold('h-2', 'Acme v. Us', 'place', { ...NO_HOLD, sessions: ['s-direct'] }),
  hold('h-2', 'Acme v. Us', 'release', null),
  hold('h-3', 'Everything', 'place', { ...NO_HOLD, from: '2026-03-27', to: '2026-03-27' }),
];

let written: WrittenArchive;
let archive: OpenArchive;
beforeAll(async () => {
  written = await writtenArchive();
  await written.append([...ROWS.map(messageRecord), ...ABOUT], HOLDS);
  archive = await written.open();
});
afterAll(() => written.remove());

const dayOf = ({ actionAt }: ChatRow): string => new Date(actionAt).toISOString().slice(0, 10);
const within = (row: ChatRow, from: string, to: string): boolean => dayOf(row) >= from && dayOf(row) <= to;
const isIn = (row: ChatRow, ...ids: readonly string[]): boolean => ids.includes(row.session.id);
const nameOf = ({ messageId, kind, actionAt }: ChatRow): string => `${messageId} ${kind} ${actionAt}`;

/** Who may see what. */
const SCOPES: readonly (readonly [string, Partial<ReaderScope>, (row: ChatRow) => boolean])[] = [
  ['the whole archive', {}, () => true],
  ['days', { from: '2026-03-28', to: '2026-03-29' }, (row) => within(row, '2026-03-28', '2026-03-29')],
  ['from a day on', { from: '2026-03-30' }, (row) => within(row, '2026-03-30', '9999')],
  ['a custodian who never wrote', { custodians: ['ZOE@example.com'] }, (row) => isIn(row, 's-sales')],
  ['a custodian by his user id', { custodians: ['U-ZOE'] }, (row) => isIn(row, 's-sales')],
  ['a custodian of one session only as receiver', { custodians: ['bob@example.com'] }, () => true],
  ['a name is no custodian', { custodians: ['Zoë Quiet', 'Guest'] }, () => false],
  ['a channel by its id', { channels: ['c-legal'] }, (row) => isIn(row, 's-legal')],
  ['a channel by a name that it had once', { channels: ['legal'] }, (row) => isIn(row, 's-legal')],
  ['a channel by a glob', { channels: ['*&*'] }, (row) => isIn(row, 's-legal')],
  ['brackets are no glob', { channels: ['sales [eu]'] }, (row) => isIn(row, 's-sales')],
  ['nobody', { custodians: ['nobody@example.com'] }, () => false],
  ['no such channel', { channels: ['c-none'] }, () => false],
  ['no such matter', { matters: ['Other'] }, () => false],
  [
    'a matter of two holds with days of their own, one of them released',
    { matters: ['acme v. us'] },
    (row) => (isIn(row, 's-sales') && within(row, '2026-03-28', '2026-03-29')) || isIn(row, 's-direct'),
  ],
  ['a matter over everything', { matters: ['Everything'] }, (row) => within(row, '2026-03-27', '2026-03-27')],
  [
    'a matter or a channel, within days',
    { matters: ['Everything'], channels: ['c-legal'], from: '2026-03-27', to: '2026-03-28' },
    (row) =>
      within(row, '2026-03-27', '2026-03-27') ||
      (isIn(row, 's-legal') && within(row, '2026-03-27', '2026-03-28')),
  ],
  ['days that no hold of the matter has', { matters: ['Everything'], from: '2026-03-29' }, () => false],
];

describe.each(SCOPES)('%s', (_name, scope, may) => {
  const reader = (): Partial<Reader> => ({ scope: { ...WHOLE_ARCHIVE, ...scope } });

  test('is what a search finds, and no more', async () => {
    const { hits, total } = await search(contextOf(archive, reader()), { limit: 1000 });
    const wanted = ROWS.filter(may).map(nameOf).sort();
    expect(
      hits
        .map(({ revision }) => `${revision.messageId} ${revision.kind} ${Date.parse(revision.actionAt)}`)
        .sort(),
    ).toEqual(wanted);
    expect(total.revisions).toBe(wanted.length);
  });

  test('is what a condition on rows says', async () => {
    const visibility = await visibleIn(archive, { ...WHOLE_ARCHIVE, ...scope });
    for (const row of ROWS) expect(sees(visibility, row.session.id, row.actionAt)).toBe(may(row));
  });

  test('names sessions with something in it', async () => {
    const { sessions: found } = await sessions(contextOf(archive, reader()), {});
    const ids = new Set(ROWS.filter(may).map(({ session }) => session.id));
    expect(found.map(({ id }) => id).sort()).toEqual([...ids].sort());
  });
});

test('a question within a scope finds what both cover', async () => {
  const scope = { ...WHOLE_ARCHIVE, matters: ['Acme v. Us'], to: '2026-03-28' };
  const { hits } = await search(contextOf(archive, { scope }), {
    matter: 'Acme v. Us',
    channel: 'sales*',
    custodian: 'zoe@example.com',
    limit: 1000,
  });
  const wanted = ROWS.filter((row) => isIn(row, 's-sales') && within(row, '2026-03-28', '2026-03-28'));
  expect(hits.map(({ revision }) => revision.messageId).sort()).toEqual(
    wanted.map(({ messageId }) => messageId).sort(),
  );
});

test('people of other sessions are not told', async () => {
  const scope = { ...WHOLE_ARCHIVE, channels: ['c-legal'] };
  expect((await people(contextOf(archive, { scope }), { text: 'zo' })).people).toEqual([]);
  expect((await people(contextOf(archive, { scope }), { text: 'ann' })).people).toHaveLength(1);
});

describe('what only records beyond a scope say', () => {
  const A = { id: 's-a', type: 'Group', name: 'open', channelId: 'c-a' };
  const B = { id: 's-b', type: 'Group', name: 'closed', channelId: 'c-b' };
  const wrote = (
    session: typeof A,
    day: string,
    sender: string,
    sender_display_name: string,
    member = 'm',
  ): Written => {
    const time = Date.parse(`${day}T12:00:00Z`);
    const record = {
      id: `${session.id}-${day}`,
      message: 'x',
      timestamp: time,
      sender,
      sender_display_name,
      sender_member_id: member,
    };
    return { stream: 'messages', kind: 'sent', time, session, record };
  };
  let archive: OpenArchive;
  let own: WrittenArchive;
  beforeAll(async () => {
    own = await writtenArchive([
      wrote(A, '2026-03-31', 'ann@example.com', 'Ann'),
      wrote({ ...A, name: 'hush' }, '2026-05-01', 'ann.later@example.com', 'Ann Later'),
      wrote(A, '2026-04-01', 'new@example.com', 'Newcomer', 'n'),
      wrote(B, '2026-03-31', 'ann.hidden@example.com', 'Ann Hidden'),
    ]);
    archive = await own.open();
  });
  afterAll(() => own.remove());
  const asked = (scope: Partial<ReaderScope>) =>
    contextOf(archive, { scope: { ...WHOLE_ARCHIVE, ...scope } });

  test('names and addresses of people are not told', async () => {
    const tellers = [{ channels: ['c-a'], to: '2026-03-31' }, { channels: ['c-a'] }, {}];
    const told = [];
    for (const scope of tellers) told.push((await people(asked(scope), { text: 'ann' })).people);
    expect(told.map(([ann]) => [...(ann?.names ?? [])].sort())).toEqual([
      ['Ann'],
      ['Ann', 'Ann Later'],
      ['Ann', 'Ann Hidden', 'Ann Later'],
    ]);
    expect(told[0]?.map(({ email }) => email)).toEqual(['ann@example.com']);
    expect((await people(asked({ to: '2026-03-31' }), { text: 'newcomer' })).people).toEqual([]);
  });

  test('names of a session, who is in it, and that there is one, are not told', async () => {
    const march = asked({ to: '2026-03-31' });
    const { sessions: found } = await sessions(march, {});
    expect(found.map(({ id, names }) => [id, names])).toEqual([
      ['s-a', ['open']],
      ['s-b', ['closed']],
    ]);
    const shown = await conversation(march, { session: 's-a', from: '2026-04-20' });
    expect(shown.events).toEqual([]);
    expect(shown.session.names).toEqual(['open']);
    expect(shown.members.people.map(({ name }) => name)).toEqual(['Ann']);
    expect(shown.members.at).toBe('2026-03-31T23:59:59.999Z');
    const missing = { code: 'record-not-found' };
    await expect(conversation(asked({ from: '2026-05-01' }), { session: 's-b' })).rejects.toMatchObject(
      missing,
    );
  });
});

test('roles may do what they are for', async () => {
  const may = (role: Reader['role']): readonly string[] =>
    ACTIONS.filter((action) => {
      try {
        requireMay({ name: 'x', role, scope: WHOLE_ARCHIVE }, action);
        return true;
      } catch {
        return false;
      }
    });
  expect(may('auditor')).toEqual(['search', 'view', 'export', 'coverage', 'verification']);
  expect(may('officer')).toEqual([...ACTIONS]);
  expect(may('admin')).toEqual(['coverage', 'retention', 'verification', 'access-log']);
  const denied = { code: 'access-denied' };
  const admin = contextOf(archive, { role: 'admin' });
  await expect(search(admin, {})).rejects.toMatchObject(denied);
  await expect(sessions(admin, {})).rejects.toMatchObject(denied);
  await expect(people(admin, { text: 'a' })).rejects.toMatchObject(denied);
  expect(admin.recorded).toEqual([]);
});
