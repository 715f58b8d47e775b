import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { ArchiverError, asArchiverError, type ErrorCode, hasCode } from '../src/errors.ts';

describe('an error', () => {
  test('says phrase and detail, and keeps them apart', () => {
    const cause = new Error('below');
    const error = new ArchiverError('zoom-request', 'Zoom refused the request', {
      detail: 'status 404',
      cause,
    });
    expect(error).toMatchObject({
      name: 'ArchiverError',
      message: 'Zoom refused the request: status 404',
      phrase: 'Zoom refused the request',
      detail: 'status 404',
      retryAt: undefined,
      cause,
    });
    expect(error).toBeInstanceOf(Error);
  });

  test('without detail or cause has none', () => {
    const error = new ArchiverError('internal', 'phrase');
    expect(error.message).toBe('phrase');
    expect(Object.hasOwn(error, 'cause')).toBe(false);
  });

  test('keeps a cause that is not an error, even an empty one', () => {
    expect(new ArchiverError('internal', 'phrase', { cause: null }).cause).toBeNull();
    expect(new ArchiverError('internal', 'phrase', { cause: '' }).cause).toBe('');
  });

  test('that waits carries the moment', () => {
    const error = new ArchiverError('zoom-rate-limited', 'daily rate limit reached', { retryAt: 7 });
    expect(error).toMatchObject({ retryAt: 7, exitCode: 14 });
  });
});

/** The codes, as the table in the source lists them: it is not exported, and no test may add one by accident. */
function codes(): ErrorCode[] {
  const source = readFileSync(path.join(import.meta.dirname, '../src/errors.ts'), 'utf8');
  const table = source.slice(source.indexOf('const TABLE = {'), source.indexOf('} as const satisfies'));
  return [...table.matchAll(/^ {2}'?([a-z-]+)'?: \{/gm)].map((match) => match[1] as ErrorCode);
}

describe('the table', () => {
  test.each(codes())('%s has everything an operator and a supervisor need', (code) => {
    const { exitCode, hint } = new ArchiverError(code, 'x');
    expect(exitCode).toBeGreaterThan(1);
    expect(exitCode).toBeLessThan(256);
    expect(hint).toMatch(/^[A-Z].*[.`]$/s);
  });

  test('has no code that the program never raises', () => {
    const root = path.join(import.meta.dirname, '../src');
    const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((file) =>
      file.endsWith('.ts'),
    );
    const source = files
      .filter((file) => file !== 'errors.ts')
      .map((file) => readFileSync(path.join(root, file), 'utf8'))
      .join('\n');
    // The S3 sink and asArchiverError choose theirs by value, so a code counts wherever it is named.
    expect(codes().filter((code) => code !== 'internal' && !source.includes(`'${code}'`))).toEqual([]);
    expect(codes().length).toBeGreaterThan(20);
  });
});

describe('asArchiverError', () => {
  test('leaves ours alone', () => {
    const error = new ArchiverError('lease-lost', 'x');
    expect(asArchiverError(error)).toBe(error);
  });

  test.each<[unknown, string]>([
    [new TypeError('x is not a function'), 'x is not a function'],
    ['a text', 'a text'],
    [undefined, 'undefined'],
    [null, 'null'],
    [Symbol('s'), 'Symbol(s)'],
    [{ code: 'zoom-request' }, 'an object was thrown'],
    [Object.create(null), 'an object was thrown'],
  ])('%o is a bug', (thrown, detail) => {
    const error = asArchiverError(thrown);
    expect(error).toMatchObject({
      code: 'internal',
      phrase: 'unexpected error',
      detail,
      exitCode: 70,
    });
    expect(error.cause).toBe(thrown);
  });
});

test('hasCode goes by class and code, never by text or shape', () => {
  const error = new ArchiverError('zoom-scope', 'x');
  expect(hasCode(error, 'zoom-request', 'zoom-scope')).toBe(true);
  expect(hasCode(error, 'zoom-request')).toBe(false);
  expect(hasCode(error)).toBe(false);
  expect(hasCode({ code: 'zoom-scope' }, 'zoom-scope')).toBe(false);
  expect(hasCode(undefined, 'zoom-scope')).toBe(false);
});
