import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { areLocal, mayLeadTo, mayReceiveCredential, pathSegment } from '../../src/zoom/hosts.ts';

describe('mayReceiveCredential', () => {
  const CONFIGURED = ['http://127.0.0.1:8080', 'https://zoom.proxy.example'];

  test.each([
    'https://zoom.us/x',
    'https://api.zoom.us/v2/x',
    'https://API.ZOOM.US/v2/x',
    'https://us02-api.zoom.com/x',
    'https://api.zoomgov.com/x',
    'http://127.0.0.1:8080/v2/x',
    'https://zoom.proxy.example/x',
  ])('yes: %s', (url) => {
    expect(mayReceiveCredential(new URL(url), CONFIGURED)).toBe(true);
  });

  test.each([
    'http://api.zoom.us/x',
    'ws://api.zoom.us/x',
    'https://evilzoom.us/x',
    'https://zoom.us.evil.example/x',
    'https://zoom.us@evil.example/x',
    'https://evil.example/zoom.us',
    'https://evil.example?.zoom.us',
    'https://evil.example#.zoom.us',
    'https://zoom.us.',
    'https://zoom.eu/x',
    'http://127.0.0.1:8081/x',
    'https://127.0.0.1:8080/x',
    'http://zoom.proxy.example/x',
    'https://a.zoom.proxy.example/x',
    'file:///zoom.us',
    'data:text/plain,https://zoom.us',
  ])('no: %s', (url) => {
    expect(mayReceiveCredential(new URL(url), CONFIGURED)).toBe(false);
  });

  test('no host of anybody else, whatever stands before it', () => {
    const label = fc.stringMatching(/^[a-z0-9]{1,10}$/);
    fc.assert(
      fc.property(
        fc.array(label, { maxLength: 4 }),
        fc.constantFrom('example', 'com', 'us', 'zoom'),
        (labels, top) => {
          const host = [...labels, 'zoom', 'us', 'attacker', top].join('.');
          expect(mayReceiveCredential(new URL(`https://${host}/`), CONFIGURED)).toBe(false);
        },
      ),
    );
  });
});

describe('a redirect of a download', () => {
  const REAL = ['https://api.zoom.us', 'https://zoom.us'];
  const LOCAL = ['http://127.0.0.1:8080', 'http://[::1]:8081', 'http://localhost:8082'];

  test.each([
    ['https://cdn.example/x', REAL, true],
    ['http://cdn.example/x', REAL, false],
    ['http://127.0.0.1/x', REAL, false],
    ['http://127.0.0.1:9/x', LOCAL, true],
    ['http://[::1]/x', LOCAL, true],
    ['http://10.0.0.1/x', LOCAL, false],
    ['http://cdn.example/x', LOCAL, false],
    ['http://127.0.0.1:9/x', ['http://127.0.0.1:8080', 'https://zoom.us'], false],
    ['http://proxy.example/x', ['http://proxy.example'], true],
    ['ftp://cdn.example/x', REAL, false],
  ] as const)('to %s, configured %j: %s', (url, configured, may) => {
    expect(mayLeadTo(new URL(url), configured)).toBe(may);
  });

  test('is within this machine only where all that is configured is there', () => {
    expect([LOCAL, REAL, [...LOCAL, 'https://zoom.us']].map((origins) => areLocal(origins))).toEqual([
      true,
      false,
      false,
    ]);
  });
});

test('a path segment never adds a segment, a query or a fragment, and can be read back', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'grapheme', minLength: 1 }),
      fc.constantFrom('', '/', '//', '?', '#', '%2F'),
      (id, extra) => {
        const whole = `${extra}${id}`.toWellFormed();
        fc.pre(whole !== '.' && whole !== '..');
        const url = new URL(`https://api.zoom.us/v2/report/${pathSegment(whole)}?a=1`);
        expect(url.pathname.split('/')).toHaveLength(4);
        expect([url.search, url.hash]).toEqual(['?a=1', '']);
        const once = decodeURIComponent(url.pathname.slice('/v2/report/'.length));
        expect([once, safelyDecoded(once)]).toContain(whole);
      },
    ),
  );
});

function safelyDecoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
