import { describe, expect, test } from 'vitest';
import type { HoldScope } from '../../src/record.ts';
import {
  EVERYTHING,
  type FollowingHold,
  followSteps,
  type Matter,
  scopeParts,
  widened,
  zoomMatterOf,
} from '../../src/retention/holds.ts';

const ANN: HoldScope = { ...EVERYTHING, custodians: ['ann@x.example'], from: '2026-02-01', to: '2026-03-31' };

describe('a widened scope covers what either covers', () => {
  test.each<[string, HoldScope, HoldScope, HoldScope]>([
    ['the same', ANN, ANN, ANN],
    [
      'other names',
      ANN,
      { ...ANN, custodians: ['bob@x.example'], channels: ['c1'], sessions: ['general'] },
      { ...ANN, custodians: ['ann@x.example', 'bob@x.example'], channels: ['c1'], sessions: ['general'] },
    ],
    [
      'earlier and later days',
      ANN,
      { ...ANN, from: '2025-12-31', to: '2026-03-01' },
      { ...ANN, from: '2025-12-31' },
    ],
    ['an open beginning', ANN, { ...ANN, from: null }, { ...ANN, from: null }],
    ['an open end', { ...ANN, to: null }, ANN, { ...ANN, to: null }],
    ['everything', ANN, { ...EVERYTHING, from: '2026-02-01' }, { ...EVERYTHING, from: '2026-02-01' }],
  ])('%s', (_what, one, other, expected) => {
    expect(widened(one, other)).toEqual(expected);
  });
});

describe('parts of a scope', () => {
  test('a scope that fits is one part', () => {
    expect(scopeParts(ANN)).toEqual([ANN]);
    expect(scopeParts(EVERYTHING)).toEqual([EVERYTHING]);
  });

  test('parts fit, name something each, and come to the whole', () => {
    const custodians = Array.from({ length: 500 }, (_, index) => `person${index}@"ö".example`);
    const whole = { ...ANN, custodians, channels: ['c1', 'c2'], sessions: ['x'.repeat(900)] };
    const parts = scopeParts(whole, 1000);
    expect(parts.length).toBeGreaterThan(10);
    for (const { custodians: some, channels, sessions } of parts) {
      const names = [...some, ...channels, ...sessions];
      expect(names.length).toBeGreaterThan(0);
      expect(Buffer.byteLength(names.map((name) => JSON.stringify(name)).join())).toBeLessThanOrEqual(1000);
    }
    expect(parts.reduce(widened)).toEqual(whole);
  });
});

const MATTER: Matter = {
  id: 'm/1#=',
  name: 'Doe v. Acme',
  custodians: [{ userId: 'u1', email: 'Ann@x.example' }],
  startDay: '2026-02-01',
  endDay: '',
};
const ID = 'zoom:m%2F1%23%3D';
const SCOPE: HoldScope = { ...EVERYTHING, custodians: ['ann@x.example', 'u1'], from: '2026-02-01' };
const HOLD: FollowingHold = {
  id: ID,
  matter: 'Doe v. Acme',
  zoomMatter: 'm/1#=',
  state: 'placed',
  gone: false,
  scope: SCOPE,
};
const OWN: FollowingHold = { ...HOLD, id: '1a2b3c4d', zoomMatter: undefined };

describe('holds follow the matters of Zoom', () => {
  test.each<[string, readonly Matter[], readonly FollowingHold[], readonly object[]]>([
    ['nothing there', [], [], []],
    [
      'a new matter',
      [MATTER],
      [OWN],
      [{ kind: 'place', id: ID, zoomMatter: 'm/1#=', matter: 'Doe v. Acme', scope: SCOPE }],
    ],
    [
      'a matter without a name',
      [{ ...MATTER, name: '' }],
      [],
      [expect.objectContaining({ kind: 'place', matter: 'm/1#=' })],
    ],
    ['a matter without custodians, which preserves nothing', [{ ...MATTER, custodians: [] }], [], []],
    ['custodians of whom nothing is said', [{ ...MATTER, custodians: [{ userId: '', email: '' }] }], [], []],
    ['no change', [MATTER], [HOLD], []],
    [
      'custodians in another order',
      [
        {
          ...MATTER,
          custodians: [
            { userId: '', email: 'ann@x.example' },
            { userId: 'u1', email: '' },
          ],
        },
      ],
      [{ ...HOLD, scope: { ...SCOPE, custodians: ['u1', 'ann@x.example'] } }],
      [],
    ],
    [
      'one custodian more',
      [{ ...MATTER, custodians: [...MATTER.custodians, { userId: '', email: 'bob@x.example' }] }],
      [HOLD],
      [
        {
          kind: 'change',
          hold: HOLD,
          matter: 'Doe v. Acme',
          scope: { ...SCOPE, custodians: ['ann@x.example', 'u1', 'bob@x.example'] },
        },
      ],
    ],
    ['one custodian less: he stays', [{ ...MATTER, custodians: [] }], [HOLD], []],
    ['an end date that was added: it stays open', [{ ...MATTER, endDay: '2026-03-01' }], [HOLD], []],
    [
      'an earlier beginning',
      [{ ...MATTER, startDay: '2025-02-01' }],
      [HOLD],
      [{ kind: 'change', hold: HOLD, matter: 'Doe v. Acme', scope: { ...SCOPE, from: '2025-02-01' } }],
    ],
    [
      'a date that is none is open',
      [{ ...MATTER, startDay: 'soon' }],
      [],
      [expect.objectContaining({ scope: { ...SCOPE, from: null } })],
    ],
    [
      'another name',
      [{ ...MATTER, name: 'Doe' }],
      [HOLD],
      [{ kind: 'change', hold: HOLD, matter: 'Doe', scope: SCOPE }],
    ],
    ['gone', [], [HOLD, OWN], [{ kind: 'gone', hold: HOLD }]],
    ['gone, and known to be', [], [{ ...HOLD, gone: true }], []],
    ['listed again', [MATTER], [{ ...HOLD, gone: true }], [{ kind: 'back', hold: { ...HOLD, gone: true } }]],
    ['released while it is listed', [MATTER], [{ ...HOLD, state: 'releasing' }], []],
    ['ended while it is listed', [MATTER], [{ ...HOLD, state: 'ended' }], []],
    [
      'ended, gone, and listed again',
      [MATTER],
      [{ ...HOLD, state: 'ended', gone: true }],
      [{ kind: 'place', id: `${ID}#2`, zoomMatter: 'm/1#=', matter: 'Doe v. Acme', scope: SCOPE }],
    ],
  ])('%s', (_what, matters, holds, expected) => {
    expect(followSteps(matters, holds)).toEqual(expected);
  });

  test('the name of a hold tells the matter', () => {
    expect([ID, `${ID}#12`, '1a2b3c4d'].map(zoomMatterOf)).toEqual(['m/1#=', 'm/1#=', undefined]);
  });
});
