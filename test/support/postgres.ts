import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { expect, inject, onTestFinished } from 'vitest';

export interface TestSchema {
  /** Connection URL whose sessions see this schema first and nothing else of ours. */
  readonly url: string;
  readonly schema: string;
  /** Removes the schema and everything in it; safe to call twice. */
  drop(): Promise<void>;
}

/**
 * A fresh schema on the run's Postgres. Called in a test (or its `beforeEach`) it is dropped when the test has
 * passed, and kept, with its name printed, when it has failed. Called elsewhere the caller drops it.
 */
export async function createSchema(): Promise<TestSchema> {
  const server = inject('postgresUrl');
  const schema = `test_${randomBytes(6).toString('hex')}`;
  const test = expect.getState().currentTestName ?? 'no test';
  await run(server, [`create schema ${schema}`, `comment on schema ${schema} is ${pg.escapeLiteral(test)}`]);

  let dropped: Promise<void> | undefined;
  const drop = (): Promise<void> => {
    dropped ??= run(server, [`set lock_timeout = '10s'`, `drop schema ${schema} cascade`]);
    return dropped;
  };
  const url = withOption(server, `-c search_path=${schema}`);

  try {
    onTestFinished(async ({ task }) => {
      if (task.result?.state !== 'fail') return drop();
      console.error(
        `kept schema ${schema} of failed test "${test}"; ${url} (a server of the run's own ends with it; TEST_POSTGRES_URL stays)`,
      );
    });
  } catch {
    // Outside a test there is nobody to tell us how it went: the caller drops.
  }
  return { url, schema, drop };
}

async function run(url: string, statements: readonly string[]): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}

/** `url` with one more server option, spelt with %20 because libpq does not read `+` as a blank. */
function withOption(url: string, option: string): string {
  const [base = '', query = ''] = url.split('?');
  const parameters = query.split('&').filter((part) => part !== '');
  const earlier = parameters.find((part) => part.startsWith('options='));
  const others = parameters.filter((part) => part !== earlier);
  const options =
    earlier === undefined
      ? encodeURIComponent(option)
      : `${earlier.slice(8)}%20${encodeURIComponent(option)}`;
  return `${base}?${[...others, `options=${options}`].join('&')}`;
}
