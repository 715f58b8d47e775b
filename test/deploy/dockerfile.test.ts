import { execFileSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, relative, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '../..');

interface Step {
  readonly word: string;
  readonly rest: string;
}

interface Stage {
  readonly name: string;
  readonly image: string;
  readonly steps: Step[];
}

/** The stages of a Dockerfile in their order; comments and continued lines as Docker reads them. */
function stagesOf(text: string): Stage[] {
  const lines = text
    .split('\n')
    .filter((line) => !line.startsWith('#'))
    .join('\n')
    .replaceAll(/\\\n/g, ' ')
    .split('\n')
    .filter((line) => line.trim() !== '');
  const given = new Map<string, string>();
  const stages: Stage[] = [];
  for (const line of lines) {
    const [, word = '', rest = ''] = /^(\S+)\s+(.*)$/.exec(line.trim()) ?? [];
    const [, key, value] = /^(\w+)=(.*)$/.exec(rest) ?? [];
    if (word === 'ARG' && key !== undefined && value !== undefined) given.set(key, value);
    const filled = rest.replaceAll(/\$\{(\w+)\}/g, (whole, name: string) => given.get(name) ?? whole);
    if (word !== 'FROM') {
      stages.at(-1)?.steps.push({ word, rest: word === 'HEALTHCHECK' ? rest : filled });
      continue;
    }
    const [, image = '', name = 'final'] = /^(?:--platform=\S+ )?(\S+)(?: AS (\S+))?$/.exec(filled) ?? [];
    stages.push({ name, image, steps: [] });
  }
  return stages;
}

const dockerfile = readFileSync(join(root, 'Dockerfile'), 'utf8');
const ignored = readFileSync(join(root, '.dockerignore'), 'utf8').split('\n');
const stages = stagesOf(dockerfile);
const final = stages.at(-1)?.steps ?? [];
const packageJson: {
  version: string;
  license: string;
  description: string;
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
} = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

const last = (word: string) => final.findLast((step) => step.word === word)?.rest ?? '';

describe('Dockerfile', () => {
  it('starts every stage from one exact Node 24 on glibc', () => {
    expect(new Set(stages.map(({ image }) => image)).size).toBe(1);
    expect(stages[0]?.image).toMatch(/^node:24\.\d+\.\d+-(bookworm|trixie)-slim$/);
  });

  it('runs as a user that is not root, below an init process, with a health check', () => {
    expect(last('USER')).toMatch(/^[1-9]\d*:[1-9]\d*$/);
    expect(JSON.parse(last('ENTRYPOINT'))).toEqual(['tini', '--', 'node', '/app/dist/main.js']);
    expect(last('HEALTHCHECK')).toContain('/healthz');
    expect(final.some(({ word, rest }) => word === 'RUN' && /\btini\b/.test(rest))).toBe(true);
  });

  it('says in its labels what package.json says', () => {
    const label = last('LABEL');
    expect(label).toContain(`org.opencontainers.image.version="${packageJson.version}"`);
    expect(label).toContain(`org.opencontainers.image.licenses="${packageJson.license}"`);
    expect(label).toContain(`org.opencontainers.image.description="${packageJson.description}"`);
  });

  it('copies from the context only what .dockerignore lets in', () => {
    const copied = stages
      .flatMap(({ steps }) => steps)
      .filter(({ word, rest }) => word === 'COPY' && !rest.startsWith('--from'))
      .flatMap(({ rest }) => rest.split(/\s+/).slice(0, -1));
    expect(ignored).toContain('*');
    const allowed = ignored.filter((line) => line.startsWith('!')).map((line) => line.slice(1));
    expect(new Set(copied)).toEqual(new Set(allowed));
  });
});

describe('what its steps leave', () => {
  const folder = mkdtempSync(join(tmpdir(), 'zoom-chat-archiver-image-'));
  const app = join(folder, 'final', 'app');
  const program = (...args: string[]) =>
    // A link is not followed to its real folder: there the packages for development stand beside.
    execFileSync(
      process.execPath,
      ['--preserve-symlinks', '--preserve-symlinks-main', join(app, 'dist/main.js'), ...args],
      {
        cwd: join(folder, 'etc'),
        encoding: 'utf8',
        env: { PATH: process.env.PATH, ZOOM_ACCOUNT_ID: 'a', ZOOM_CLIENT_ID: 'b', ZOOM_CLIENT_SECRET: 'c' },
      },
    );

  beforeAll(() => {
    for (const { name, steps } of stages) for (const step of steps) carryOut(join(folder, name), step);
    mkdirSync(join(folder, 'etc'));
    cpSync(join(root, 'examples/embedded.yaml'), join(folder, 'etc/archiver.yaml'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** A step in the folder of its stage; packages come from those installed here, of the same lock file. */
  function carryOut(stage: string, { word, rest }: Step): void {
    const workdir = join(stage, 'app');
    if (word === 'WORKDIR') {
      expect(rest).toBe('/app');
      mkdirSync(workdir, { recursive: true });
    } else if (word === 'COPY') {
      const [, from, paths = ''] = /^(?:--from=(\S+)\s+)?(.*)$/.exec(rest) ?? [];
      const names = paths.split(/\s+/);
      const to = join(workdir, names.pop() ?? '');
      for (const name of names) {
        const source = from === undefined ? join(root, name) : join(folder, from, name);
        cpSync(source, to === `${workdir}/` ? join(workdir, basename(name)) : to, {
          recursive: true,
          verbatimSymlinks: true,
        });
      }
    } else if (word === 'RUN' && rest.startsWith('npm ci')) {
      install(workdir, rest.includes('--omit=dev'));
    } else if (word === 'RUN' && rest.startsWith('npm run')) {
      execFileSync('sh', ['-c', rest], { cwd: workdir, stdio: 'inherit' });
    }
  }

  function install(workdir: string, productionOnly: boolean): void {
    expect(existsSync(join(workdir, 'package-lock.json'))).toBe(true);
    if (!productionOnly) {
      symlinkSync(join(root, 'node_modules'), join(workdir, 'node_modules'));
      return;
    }
    const listed = execFileSync('npm', ['ls', '--omit=dev', '--all', '--parseable'], {
      cwd: root,
      encoding: 'utf8',
    });
    const packages = listed.trim().split('\n').slice(1);
    // A package below another comes with it, unless it is listed itself.
    for (const path of packages.filter((path) => path.split('/node_modules/').length === 2)) {
      const to = join(workdir, relative(root, path));
      mkdirSync(resolve(to, '..'), { recursive: true });
      symlinkSync(path, to);
    }
  }

  it('has each dependency of package.json and none for development', () => {
    const names = readdirSync(join(app, 'node_modules'));
    for (const name of Object.keys(packageJson.dependencies))
      expect(existsSync(join(app, 'node_modules', name)), name).toBe(true);
    for (const name of ['vitest', 'typescript', 'esbuild', '@biomejs', 'tsx'])
      expect(names).not.toContain(name);
  });

  it('starts, and says the version of package.json', () => {
    expect(program('--version')).toContain(packageJson.version);
  });

  it('checks a configuration', () => {
    program('keygen', '--name', 'archive.example.com/image', '--out', 'signing.key');
    expect(program('check-config', '--config', 'archiver.yaml')).toContain('is valid');
  });

  it('holds the pages of the portal and the migrations', () => {
    expect(existsSync(join(app, 'dist/portal/pages/index.html'))).toBe(true);
    expect(readdirSync(join(app, 'dist/ledger/migrations')).length).toBeGreaterThan(0);
  });
});
