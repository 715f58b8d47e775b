import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  MANUAL_FILE,
  manualText,
  RETENTION_FILE,
  retentionText,
  SCHEDULE_SCHEMA_FILE,
  SCHEMA_FILE,
  scheduleSchemaText,
  schemaText,
} from '../../scripts/config-docs.ts';
import { parseConfig, parseSchedule } from '../../src/config.ts';
import { createMetrics, createRegistry } from '../../src/metrics/metrics.ts';
import { createPortalMetrics } from '../../src/metrics/portal.ts';
import { STREAMS } from '../../src/record.ts';
import { parsePeriod } from '../../src/retention/period.ts';
import { columns } from '../../src/segments/format.ts';
import { segmentKey } from '../../src/segments/layout.ts';
import { message, PROVENANCE } from '../ledger/candidates.ts';
import { buildSegment, folder, readParquet, stagedRow } from '../segments/building.ts';

const ROOT = join(import.meta.dirname, '../..');
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
/** The same whatever the width of the columns of its tables. */
const unformatted = (text: string): string =>
  text
    .replace(/ +/g, ' ')
    .replace(/ ?\| ?/g, '|')
    .replace(/-{3,}/g, '---');
const documents = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '*.md'], {
  cwd: ROOT,
  encoding: 'utf8',
})
  .split('\n')
  .filter((path) => path !== '' && existsSync(join(ROOT, path)));

describe('the configuration', () => {
  test('stands in config.schema.json as the program has it; else: npm run schema', () => {
    expect(JSON.parse(read(SCHEMA_FILE))).toEqual(JSON.parse(schemaText()));
  });

  test('stands in the manual as the program has it; else: npm run schema', () => {
    const manual = read(MANUAL_FILE);
    expect(unformatted(manual)).toBe(unformatted(manualText(manual)));
  });

  test('of schedules stands in retention.schema.json, and the presets in docs/retention.md; else: npm run schema', () => {
    expect(JSON.parse(read(SCHEDULE_SCHEMA_FILE))).toEqual(JSON.parse(scheduleSchemaText()));
    const document = read(RETENTION_FILE);
    expect(unformatted(document)).toBe(unformatted(retentionText(document)));
  });

  test('the schedule of docs/retention.md is valid, and has the classes that the page says', () => {
    const tenYears = parsePeriod('10y');
    if (tenYears === undefined) throw new Error('no period');
    const { rules, default: fallback } = parseSchedule(read, 'examples/retention.yaml', tenYears);
    const terms = [...rules, fallback].map(({ class: name, keep, mode }) => [name, keep, mode].join(' '));
    expect(terms).toEqual([
      'trading 6y compliance',
      'swaps 8y compliance',
      'external 3y governance',
      'evidence 10y compliance',
      'general 2y governance',
    ]);
    for (const { class: name } of [...rules, fallback])
      expect(read(RETENTION_FILE)).toContain(`class \`${name}\``);
  });

  test.each(['embedded', 'postgres-s3'])('example %s is valid', (name) => {
    const config = parseConfig({
      text: read(`examples/${name}.yaml`),
      folder: join(ROOT, 'examples'),
      environment: { ZOOM_ACCOUNT_ID: 'account', ZOOM_CLIENT_ID: 'client', ZOOM_CLIENT_SECRET: 'secret' },
      readFile: (path) => (path.endsWith('ledger-url') ? 'postgres://archiver:pw@db/archive' : 'secret'),
    });
    expect(config.sink.kind).toBe(name === 'embedded' ? 'directory' : 's3');
  });
});

test('every metric stands in docs/metrics.md, with its kind, labels and help, and no other does', () => {
  const registry = createRegistry();
  createMetrics(registry, { version: '1', commit: '2' });
  createPortalMetrics(registry, { exportsRunning: () => 0, logSize: () => 0 });
  const rows = registry
    .getMetricsAsArray()
    .filter(({ name }) => name.startsWith('zoom_'))
    .map((metric) => {
      const labels = 'labelNames' in metric ? (metric.labelNames as string[]) : [];
      const kind = metric.constructor.name.toLowerCase();
      return `| \`${metric.name}\` | ${kind} | ${labels.map((label) => `\`${label}\``).join(', ')} | ${metric.help} |`;
    });
  const document = unformatted(read('docs/metrics.md'));
  const lines = document.split('\n');
  expect(rows.filter((row) => !lines.includes(unformatted(row)))).toEqual([]);
  const names = new Set(rows.map((row) => row.split('`')[1]));
  const mentioned = new Set(document.match(/zoom_chat_archiver_\w+/g));
  expect([...mentioned].filter((name) => !names.has(name))).toEqual([]);
});

test('what alerts call an increase of has a series from the start', async () => {
  const registry = createRegistry();
  createMetrics(registry, { version: '1', commit: '2' }, { streams: STREAMS, jobs: ['seal'] });
  const text = await registry.metrics();
  const watched = [...read('docs/metrics.md').matchAll(/increase\((\w+)/g)].map(([, name = '']) => name);
  expect(watched.length).toBeGreaterThan(1);
  expect(watched.filter((name) => !text.includes(`\n${name}{`))).toEqual([]);
});

test.each(STREAMS)('every column of stream %s stands in docs/format.md', (stream) => {
  const document = unformatted(read('docs/format.md'));
  const own = document.split('\n').find((line) => line.startsWith(`|\`${stream}\`|\``)) ?? '';
  const common = document.slice(
    document.indexOf('Columns of every stream'),
    document.indexOf('Between them:'),
  );
  const missing = columns(stream).filter(
    ({ name }) => !common.includes(`\`${name}\``) && !own.includes(`\`${name}\``),
  );
  expect(missing.map(({ name }) => name)).toEqual([]);
});

describe('the SQL of docs/format.md', () => {
  const [kinds = '', leaves = ''] = [...read('docs/format.md').matchAll(/```sql\n(.*?)```/gs)].map(
    ([, sql = '']) => sql,
  );

  const inSession = (stream: string): boolean => stream === 'messages' || stream === 'reactions';

  /** What DuckDB answers over an archive with one segment of the stream, of two records. */
  async function answer(stream: (typeof STREAMS)[number], sql: string): Promise<unknown> {
    const { session: _none, ...wholeAccount } = PROVENANCE;
    const candidates = ['a', 'b'].map((id) => message(id, {}, { stream }));
    const page = stagedRow(candidates, inSession(stream) ? PROVENANCE : wholeAccount);
    const { built, bytes } = await buildSegment(candidates, [page]);
    const archive = await folder();
    const key = segmentKey({ stream, className: 'default', day: '2026-11-19', root: built.root });
    mkdirSync(dirname(join(archive, key)), { recursive: true });
    writeFileSync(join(archive, key), bytes);
    return await readParquet('', sql.replaceAll("'archive/", `'${archive}/`));
  }

  test('counts messages by kind', async () => {
    expect(await answer('messages', kinds)).toEqual([{ kind: 'sent', 'count_star()': '2' }]);
  });

  test.each(STREAMS)('checks every record of %s', async (stream) => {
    const sql = leaves.replace('stream=messages', `stream=${stream}`);
    const own = inSession(stream) ? sql : sql.replace('to_json(session_id)', `to_json('')`);
    expect(await answer(stream, own)).toEqual([{ intact: true, 'count_star()': '2' }]);
    const forged = own.replace('record)))', `record || ' ')))`);
    expect(await answer(stream, forged)).toEqual([{ intact: false, 'count_star()': '2' }]);
  });
});

test.each(documents)('links and npm scripts in %s exist', (path) => {
  const text = read(path);
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
  const links = [...text.matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)]
    .map(([, target = '']) => target)
    .filter((target) => !/^[a-z]+:/.test(target));
  expect(links.filter((target) => !existsSync(join(ROOT, dirname(path), target)))).toEqual([]);
  const used = [...text.matchAll(/npm run (?:-s )?([\w-]+)/g)].map(([, name = '']) => name);
  expect(used.filter((name) => scripts[name] === undefined)).toEqual([]);
});
