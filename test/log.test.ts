import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ArchiverError } from '../src/errors.ts';
import { createLog, type Logger, redactJwt, silentLog } from '../src/log.ts';

/** What `write` logs, as text and as the JSON it must be. */
function logged(write: (log: Logger) => void, level = 'info'): { text: string; lines: unknown[] } {
  const written: string[] = [];
  write(createLog({ level, destination: { write: (line) => void written.push(line) } }));
  const text = written.join('');
  const lines = text.split('\n').filter((line) => line !== '');
  return { text, lines: lines.map((line) => JSON.parse(line)) };
}

test('one JSON object a line, with time, level and message', () => {
  const { lines } = logged((log) => {
    log.info({ unit: 'a' }, 'first');
    log.debug('not shown');
    log.error({ err: new Error('broken') }, 'second');
  });
  expect(lines).toEqual([
    { level: 30, time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/), unit: 'a', msg: 'first' },
    expect.objectContaining({
      level: 50,
      msg: 'second',
      err: expect.objectContaining({ message: 'broken' }),
    }),
  ]);
});

describe('secrets are hidden', () => {
  const SECRET = 'S3cr3t-value/with+base64==';

  test.each([
    'authorization',
    'Authorization',
    'clientSecret',
    'client_secret',
    'access_token',
    'password',
    'secretAccessKey',
  ])('in a member %s, however deep', (name) => {
    const { text, lines } = logged((log) =>
      log.info(
        { [name]: SECRET, a: { [name]: SECRET, b: [{ c: { [name]: [SECRET, SECRET], d: 1 } }] } },
        'm',
      ),
    );
    expect(text).not.toContain(SECRET);
    expect(lines).toEqual([
      expect.objectContaining({
        [name]: '[redacted]',
        a: { [name]: '[redacted]', b: [{ c: { [name]: '[redacted]', d: 1 } }] },
        msg: 'm',
      }),
    ]);
  });

  test('whatever characters they are made of', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1 }), (tail) => {
        const { text, lines } = logged((log) =>
          log.info({ x: { password: `${SECRET}${tail}` }, after: 1 }, 'm'),
        );
        expect(text).not.toContain(SECRET);
        expect(lines).toEqual([
          expect.objectContaining({ x: { password: '[redacted]' }, after: 1, msg: 'm' }),
        ]);
      }),
    );
  });

  test.each([
    ['a header in a message', `sent Authorization: Bearer ${SECRET}, got 401`],
    ['an answer in a message', `got {"access_token":"${SECRET}","expires_in":3599}`],
    ['a request in a message', `got {"password": "${SECRET}"}`],
    [
      'a URL with a password',
      `cannot reach postgres://archiver:${SECRET.replaceAll('/', '-')}@db:5432/archive`,
    ],
  ])('in %s', (_name, message) => {
    const { text, lines } = logged((log) => {
      log.info(message);
      log.error({ err: new ArchiverError('internal', 'x', { detail: message, cause: new Error(message) }) });
    });
    expect(text).not.toContain('S3cr3t');
    expect(text).toContain('[redacted]');
    expect(lines).toHaveLength(2);
  });

  test('what stands around them stays', () => {
    const { lines } = logged((log) => log.info('GET postgres://archiver:pw@db/archive as Basic user'));
    expect(lines).toEqual([
      expect.objectContaining({ msg: 'GET postgres://archiver:[redacted]@db/archive as Basic user' }),
    ]);
  });
});

describe('download tokens are hidden', () => {
  const URL_WITH_TOKEN = 'https://file.zoom.us/f/1?jwt=eyJ0.eyJh_-.c2ln&x=1';

  test.each([
    ['a member', { row: { files: [{ download_url: URL_WITH_TOKEN }] } }, 'm'],
    ['a message', {}, `cannot get ${URL_WITH_TOKEN}`],
    ['a quoted one', {}, `cannot get "${URL_WITH_TOKEN.slice(0, -4)}" at all`],
    ['one that begins a line', {}, 'the query was\njwt=eyJ0.eyJh_-.c2ln\nand no more'],
    ['one that was encoded', {}, 'to=https%3A%2F%2Fzoom.us%2F%3FJWT%3DeyJ0.eyJh_-.c2ln'],
  ])('in %s', (_name, object, message) => {
    const { text, lines } = logged((log) => log.info(object, message));
    expect(text).not.toContain('eyJ0');
    expect(text).toMatch(/jwt(=|%3D)\[redacted\]/i);
    expect(lines).toHaveLength(1);
  });

  test('in any text, and the line stays JSON', () => {
    const part = fc.oneof(
      fc.constantFrom('jwt=', '"', '\\', '\n', '&', 'https://', 'password', ':'),
      fc.string(),
    );
    fc.assert(
      fc.property(fc.array(part), (parts) => {
        const { lines } = logged((log) => log.info({ value: parts.join('') }, parts.join('')));
        expect(lines).toHaveLength(1);
      }),
      { numRuns: 500 },
    );
  });

  test('also beside values that look like the end of a list', () => {
    const { lines } = logged((log) => log.info({ password: [{ a: '"]' }], list: [']', '"'] }, 'm'));
    expect(lines).toEqual([expect.objectContaining({ list: [']', '"'] })]);
  });

  test('and nothing else of the text', () => {
    expect(redactJwt(`see ${URL_WITH_TOKEN} and jwt=abc.`)).toBe(
      'see https://file.zoom.us/f/1?jwt=[redacted]&x=1 and jwt=[redacted]',
    );
    expect(redactJwt('a jwt is a token')).toBe('a jwt is a token');
  });
});

test('the silent logger says nothing at any level', () => {
  expect(silentLog().isLevelEnabled('fatal')).toBe(false);
});
