import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';

/** Source text by path from the root of the project, with forward slashes. */
type Tree = ReadonlyMap<string, string>;

interface Import {
  readonly from: string;
  /** A path from the root when `relative`, else the specifier of a package. */
  readonly to: string;
  readonly relative: boolean;
  readonly typeOnly: boolean;
}

interface Rule {
  /** Parts of `src` this one may import: a folder, or one file of it as `folder/file`. */
  readonly may: readonly string[];
  /** The same, but only with `import type`. */
  readonly types?: readonly string[];
  /** Taken out of `may` again. */
  readonly not?: readonly string[];
}

const LEAVES = ['record', 'errors', 'log'];
/** Leaves for those who handle the archive's bytes (ADR 0013). */
const BYTES = ['digest', 'duckdb'];
const STAGES = [
  'zoom',
  'collectors',
  'ledger',
  'segments',
  'proof',
  'sinks',
  'query',
  'drift',
  'access',
  'export',
  'portal',
  'scheduler',
  'metrics',
  'webhooks',
  'retention',
  'csv',
  'zip',
];

/** Data moves from Zoom to the archive and never back, and so do imports. Nothing may import what has no row. */
const RULES: Readonly<Record<string, Rule>> = {
  errors: { may: [] },
  digest: { may: [] },
  duckdb: { may: [] },
  log: { may: ['errors'] },
  record: { may: ['errors'] },
  metrics: { may: [] },
  retention: { may: LEAVES, types: ['sinks'] },
  zip: { may: [] },
  csv: { may: ['errors'] },
  zoom: { may: LEAVES },
  ledger: { may: LEAVES },
  sinks: { may: ['errors', 'log', 'digest'] },
  proof: { may: [...LEAVES, ...BYTES, 'segments/format', 'segments/layout'], types: ['sinks'] },
  collectors: { may: [...LEAVES, 'zoom', 'zip', 'ledger'] },
  segments: { may: [...LEAVES, ...BYTES, 'ledger', 'proof'], not: ['proof/verify'], types: ['sinks'] },
  query: {
    may: [...LEAVES, ...BYTES, 'proof', 'retention', 'segments/format', 'segments/layout'],
    types: ['sinks'],
  },
  drift: { may: [...LEAVES, ...BYTES, 'proof', 'query/catalog', 'csv', 'zip'], types: ['sinks'] },
  access: {
    may: [...LEAVES, 'proof', 'retention', 'segments/layout', 'digest', 'query/reader'],
    types: ['sinks'],
  },
  export: {
    may: [...LEAVES, ...BYTES, 'proof', 'query', 'segments/format', 'segments/layout', 'csv', 'zip'],
    types: ['sinks'],
  },
  portal: { may: [...LEAVES, 'query', 'export', 'access', 'proof', 'digest'], types: ['sinks'] },
  scheduler: { may: [...LEAVES, 'ledger/lease'] },
  webhooks: { may: LEAVES },
  config: { may: [...LEAVES, 'retention'], types: STAGES },
  commands: { may: [...LEAVES, ...STAGES, 'config'] },
  main: { may: [...LEAVES, ...STAGES, 'config', 'commands'] },
};

/** Packages that only one part knows, so that replacing one touches only that part. */
const OWNED_PACKAGES: Readonly<Record<string, string>> = {
  'prom-client': 'metrics',
  'node-cron': 'scheduler',
  pg: 'ledger',
  '@electric-sql/pglite': 'ledger',
  '@aws-sdk/client-s3': 'sinks',
  yauzl: 'zip',
  archiver: 'export',
  nodemailer: 'export',
  fastify: 'portal',
  'openid-client': 'portal',
};

const MOST_LINES = 600;
const VAGUE_NAMES = /^(utils?|helpers?|managers?|services?)$/i;

const ROOT = path.dirname(import.meta.dirname);
const CODE_FOLDERS = ['src', 'portal', 'emulator', 'test', 'demo', 'bench', 'scripts'];

/** Of `src` in the pages' bundle: what is pure, small and the same on a terminal. All else is imported as a type. */
const SHARED_WITH_PAGES = ['query/difference'];

describe('this project', () => {
  const src = readTree(['src']);
  const everything = readTree(CODE_FOLDERS);

  test('imports only what the table allows', () => {
    expect(src.size).toBeGreaterThan(3);
    expect(wrongImports(src)).toEqual([]);
  });

  test('has no import cycle', () => {
    expect(cycles(src)).toEqual([]);
  });

  test('runs on its declared dependencies, each known to one part only', () => {
    const manifest = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8'));
    expect(wrongPackages(src, Object.keys(manifest.dependencies))).toEqual([]);
  });

  test('reads the environment in one file and exits in one file', () => {
    expect(wrongProcessUse(src)).toEqual([]);
  });

  test('has pages that know only types of src, and run without Node', () => {
    const pages = readTree(['portal']);
    expect(pages.size).toBeGreaterThan(20);
    expect(wrongPages(pages)).toEqual([]);
  });

  test('has neither long files nor vague names', () => {
    expect(wrongFiles(everything)).toEqual([]);
  });
});

describe('the check itself', () => {
  test.each<[string, string, string]>([
    ['metrics import nothing of ours', 'src/metrics/metrics.ts', `import { log } from '../log.ts';`],
    ['the ledger does not know sinks', 'src/ledger/staging.ts', `import { put } from '../sinks/s3.ts';`],
    ['a sink does not know records', 'src/sinks/s3.ts', `import type { Row } from '../record.ts';`],
    ['proof never touches the ledger', 'src/proof/log.ts', `import type { D } from '../ledger/database.ts';`],
    [
      'proof reads formats, not the sealer',
      'src/proof/verify.ts',
      `import { seal } from '../segments/seal.ts';`,
    ],
    ['sinks are types to segments', 'src/segments/seal.ts', `import { s3 } from '../sinks/s3.ts';`],
    [
      'an inline type still loads the module',
      'src/segments/seal.ts',
      `import { type Sink } from '../sinks/sink.ts';`,
    ],
    [
      'the sealer does not audit itself',
      'src/segments/seal.ts',
      `import { verify } from '../proof/verify.ts';`,
    ],
    [
      'nor through a folder of that name',
      'src/segments/seal.ts',
      `import { v } from '../proof/verify/log.ts';`,
    ],
    [
      'query works from the archive alone',
      'src/query/search.ts',
      `import { q } from '../ledger/database.ts';`,
    ],
    ['a scheduler takes only the lease', 'src/scheduler/loop.ts', `import { p } from '../ledger/units.ts';`],
    ['lease is a file, not a prefix', 'src/scheduler/loop.ts', `import { p } from '../ledger/leases.ts';`],
    ['stages get plain options', 'src/zoom/client.ts', `import type { Config } from '../config.ts';`],
    ['nothing imports commands', 'src/query/search.ts', `import { run } from '../commands/search.ts';`],
    ['nothing imports main', 'src/commands/run.ts', `import { main } from '../main.ts';`],
    ['src never imports the emulator', 'src/main.ts', `import { zoom } from '../emulator/server.ts';`],
    [
      'nor does it import tests',
      'src/commands/run.ts',
      `import { x } from '../../test/support/postgres.ts';`,
    ],
    ['webhooks know no ledger', 'src/webhooks/event.ts', `import { q } from '../ledger/registry.ts';`],
    ['a new part needs a row', 'src/cache/cache.ts', `import { log } from '../log.ts';`],
    ['re-exports count', 'src/ledger/staging.ts', `export { put } from '../sinks/s3.ts';`],
    ['so do bare imports', 'src/ledger/staging.ts', `import '../sinks/s3.ts';`],
    ['and dynamic ones', 'src/ledger/staging.ts', `const s3 = await import('../sinks/s3.ts');`],
    ['and many lines', 'src/ledger/staging.ts', `import {\n  put,\n  get,\n} from '../sinks/s3.ts';`],
  ])('catches: %s', (_, file, text) => {
    expect(wrongImports(new Map([[file, text]]))).toHaveLength(1);
  });

  test.each<[string, string]>([
    ['src/segments/seal.ts', `import type { Sink } from '../sinks/sink.ts';`],
    ['src/segments/seal.ts', `import { logAppend } from '../proof/log.ts';`],
    ['src/proof/verify.ts', `import { rows } from '../segments/format.ts';`],
    ['src/scheduler/loop.ts', `import { renew } from '../ledger/lease.ts';`],
    ['src/ledger/staging.ts', `import { hash } from './hash.ts';`],
    ['src/commands/run.ts', `import { config } from '../config.ts';\nimport { s3 } from '../sinks/s3.ts';`],
    ['src/main.ts', `import { run } from './commands/run.ts';\nimport { readFile } from 'node:fs/promises';`],
    [
      'src/ledger/staging.ts',
      `/**\n * import { put } from '../sinks/s3.ts';\n */\n// import '../sinks/s3.ts';`,
    ],
  ])('lets pass: %s with %s', (file, text) => {
    expect(wrongImports(new Map([[file, text]]))).toEqual([]);
  });

  test('catches cycles of any length, also of types, each once', () => {
    const tree = new Map([
      ['src/ledger/a.ts', `import { b } from './b.ts';`],
      ['src/ledger/b.ts', `import type { C } from './c.ts';`],
      ['src/ledger/c.ts', `export { a } from './a.ts';`],
      ['src/ledger/d.ts', `import { a } from './a.ts';`],
      ['src/ledger/e.ts', `import { e } from './e.ts';`],
    ]);
    expect(cycles(tree)).toEqual([
      'src/ledger/a.ts > src/ledger/b.ts > src/ledger/c.ts > src/ledger/a.ts',
      'src/ledger/e.ts > src/ledger/e.ts',
    ]);
  });

  test('a diamond is no cycle', () => {
    const tree = new Map([
      ['src/ledger/a.ts', `import { b } from './b.ts';\nimport { c } from './c.ts';`],
      ['src/ledger/b.ts', `import { d } from './d.ts';`],
      ['src/ledger/c.ts', `import { d } from './d.ts';`],
      ['src/ledger/d.ts', `export const d = 1;`],
    ]);
    expect(cycles(tree)).toEqual([]);
  });

  test('catches packages in the wrong part and packages that are not shipped', () => {
    const tree = new Map([
      ['src/scheduler/loop.ts', `import { Counter } from 'prom-client';`],
      ['src/zoom/client.ts', `import { request } from 'undici';\nimport fastify from 'fastify';`],
      ['src/sinks/s3.ts', `import { S3Client } from '@aws-sdk/client-s3/dist/index.js';`],
    ]);
    expect(wrongPackages(tree, ['prom-client', 'undici', '@aws-sdk/client-s3'])).toEqual([
      'src/scheduler/loop.ts imports prom-client, which only metrics may',
      'src/zoom/client.ts imports fastify, which is not among the dependencies',
    ]);
  });

  test.each([
    `const home = process.env.HOME;`,
    `const home = process.env['HOME'];`,
    `const { env } = process;`,
    `import { env } from 'node:process';`,
    `process.exit(1);`,
  ])('catches in a stage: %s', (text) => {
    expect(wrongProcessUse(new Map([['src/zoom/client.ts', text]]))).toHaveLength(1);
  });

  test('leaves the environment to config, the exit to main, and comments to everyone', () => {
    const tree = new Map([
      ['src/config.ts', `const home = process.env.HOME;`],
      ['src/main.ts', `process.exit(1);`],
      ['src/zoom/client.ts', `// never process.env here\nprocess.exitCode = 1;`],
    ]);
    expect(wrongProcessUse(tree)).toEqual([]);
  });

  test('catches pages that load what is not theirs', () => {
    const tree = new Map([
      [
        'portal/a.tsx',
        `import type { Hit } from '../src/query/search.ts';\nimport { render } from 'preact';`,
      ],
      ['portal/parts/b.tsx', `import { difference } from '../../src/query/difference.ts';`],
      ['portal/c.ts', `import { search } from '../src/query/search.ts';`],
      ['portal/d.ts', `import { join } from 'node:path';\nimport z from 'zod';`],
      ['portal/e.ts', `import { chromium } from '../test/portal-pages/browser.ts';`],
    ]);
    expect(wrongPages(tree)).toEqual([
      'portal/c.ts loads src/query/search.ts',
      'portal/d.ts loads node:path',
      'portal/d.ts loads zod',
      'portal/e.ts loads test/portal-pages/browser.ts',
    ]);
  });

  test('catches long files and vague names', () => {
    const tree = new Map([
      ['src/zoom/long.ts', 'x\n'.repeat(601)],
      ['src/zoom/full.ts', 'x\n'.repeat(600)],
      ['src/zoom/string-utils.ts', ''],
      ['src/helpers/date.ts', ''],
      ['src/zoom/session.manager.ts', ''],
    ]);
    expect(wrongFiles(tree)).toEqual([
      'src/zoom/long.ts has 601 lines',
      'src/zoom/string-utils.ts is named for nothing in particular: utils',
      'src/helpers/date.ts is named for nothing in particular: helpers',
      'src/zoom/session.manager.ts is named for nothing in particular: manager',
    ]);
  });
});

function wrongImports(tree: Tree): string[] {
  const ours = imports(tree).filter(({ relative }) => relative);
  return ours.flatMap(({ from, to, typeOnly }) => {
    const edge = `${from} imports ${typeOnly ? 'type ' : ''}${to}`;
    if (!to.startsWith('src/')) return [`${edge}, outside src`];
    const part = partOf(from);
    const rule = RULES[part];
    if (rule === undefined) return [`${edge}, and ${part} has no row in the table`];
    if (part === partOf(to)) return [];
    const allowed = names(rule.may, to) && !names(rule.not ?? [], to);
    return allowed || (typeOnly && names(rule.types ?? [], to)) ? [] : [edge];
  });
}

/** Depth first; a file that is met again while it is still on the way closes a cycle. */
function cycles(tree: Tree): string[] {
  const targets = new Map<string, string[]>();
  for (const { from, to } of imports(tree)) targets.set(from, [...(targets.get(from) ?? []), to]);
  const found: string[] = [];
  const done = new Set<string>();

  const visit = (file: string, way: readonly string[]): void => {
    if (way.includes(file)) {
      found.push([...way.slice(way.indexOf(file)), file].join(' > '));
    } else if (!done.has(file)) {
      for (const target of targets.get(file) ?? []) visit(target, [...way, file]);
      done.add(file);
    }
  };
  for (const file of tree.keys()) visit(file, []);
  return found;
}

function wrongPackages(tree: Tree, dependencies: readonly string[]): string[] {
  return imports(tree).flatMap(({ from, to, relative }) => {
    if (relative || to.startsWith('node:')) return [];
    const name = to
      .split('/')
      .slice(0, to.startsWith('@') ? 2 : 1)
      .join('/');
    const owner = OWNED_PACKAGES[name];
    if (!dependencies.includes(name)) return [`${from} imports ${name}, which is not among the dependencies`];
    if (owner !== undefined && owner !== partOf(from))
      return [`${from} imports ${name}, which only ${owner} may`];
    return [];
  });
}

/** Packages of the pages' bundle. */
const PAGE_PACKAGES = /^(?:preact(?:\/|$)|@preact\/signals$|wouter-preact$)/;

function wrongPages(tree: Tree): string[] {
  return imports(tree)
    .filter(({ typeOnly }) => !typeOnly)
    .filter(({ to, relative }) =>
      relative ? !to.startsWith('portal/') && !names(SHARED_WITH_PAGES, to) : !PAGE_PACKAGES.test(to),
    )
    .map(({ from, to }) => `${from} loads ${to}`);
}

function wrongProcessUse(tree: Tree): string[] {
  const environment = /\bprocess\??\.env\b|\bprocess\[|=\s*process\s*[;,\n]|from 'node:process'/;
  const exit = /\bprocess\??\.exit\b/;
  return [...tree].flatMap(([file, text]) => {
    const code = withoutComments(text);
    return [
      ...(environment.test(code) && file !== 'src/config.ts' ? [`${file} reads process.env`] : []),
      ...(exit.test(code) && file !== 'src/main.ts' ? [`${file} calls process.exit`] : []),
    ];
  });
}

function wrongFiles(tree: Tree): string[] {
  return [...tree].flatMap(([file, text]) => {
    const lines = text.split('\n').length - 1;
    const vague = file.split(/[/.-]/).filter((word) => VAGUE_NAMES.test(word));
    return [
      ...(lines > MOST_LINES ? [`${file} has ${lines} lines`] : []),
      ...vague.map((word) => `${file} is named for nothing in particular: ${word}`),
    ];
  });
}

/** Every import and re-export with a literal specifier; relative ones as paths from the root. */
function imports(tree: Tree): Import[] {
  const statement =
    /^[ \t]*(?:import|export)\b(\s+type\b(?!\s+from\b))?(?:[^'";]*?\bfrom)?\s*['"]([^'"]+)['"]/gm;
  const dynamic = /\bimport\(\s*()['"]([^'"]+)['"]/g;
  return [...tree].flatMap(([from, text]) =>
    [statement, dynamic].flatMap((pattern) =>
      [...withoutComments(text).matchAll(pattern)].map(([, type, specifier = '']) => {
        const relative = specifier.startsWith('.');
        const to = relative ? path.posix.join(path.posix.dirname(from), specifier) : specifier;
        return { from, to, relative, typeOnly: type !== undefined && type !== '' };
      }),
    ),
  );
}

/** Drops block comments and whole-line comments; what follows code on its line stays. */
function withoutComments(text: string): string {
  return text.replace(/^\s*\/\*[\s\S]*?\*\//gm, '').replace(/^\s*\/\/.*$/gm, '');
}

/** `ledger` for src/ledger/staging.ts, `log` for src/log.ts. */
function partOf(file: string): string {
  return (file.split('/')[1] ?? '').replace(/\.ts$/, '');
}

function names(allowed: readonly string[], file: string): boolean {
  const inside = file.replace(/^src\//, '').replace(/\.ts$/, '');
  return allowed.some((part) => inside === part || inside.startsWith(`${part}/`));
}

function readTree(folders: readonly string[]): Tree {
  const tree = new Map<string, string>();
  for (const folder of folders) {
    if (!existsSync(path.join(ROOT, folder))) continue;
    for (const name of readdirSync(path.join(ROOT, folder), { recursive: true, encoding: 'utf8' }).sort()) {
      if (!/\.tsx?$/.test(name)) continue;
      const file = path.join(folder, name);
      tree.set(file.replaceAll(path.sep, '/'), readFileSync(path.join(ROOT, file), 'utf8'));
    }
  }
  return tree;
}
