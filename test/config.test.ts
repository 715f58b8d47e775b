import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import Fastify from 'fastify';
import { describe, expect, onTestFinished, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { configJsonSchema } from '../src/config/schema.ts';
import { type Config, loadConfig, parseConfig, processName } from '../src/config.ts';
import { ArchiverError } from '../src/errors.ts';

interface Surroundings {
  readonly environment?: Readonly<Record<string, string>>;
  /** Text of secret files by absolute path. */
  readonly files?: Readonly<Record<string, string>>;
}

function configOf(text: string, { environment = {}, files = {} }: Surroundings = {}): Config {
  return parseConfig({
    text,
    folder: '/etc/archiver',
    environment,
    readFile: (file) => {
      const found = files[file];
      if (found === undefined) throw new Error(`ENOENT: no such file or directory, open '${file}'`);
      return found;
    },
  });
}

/** The problems that `config-invalid` names, without their lines. */
function problemsOf(text: string, surroundings: Surroundings = {}): string[] {
  try {
    configOf(text, surroundings);
  } catch (error) {
    if (!(error instanceof ArchiverError)) throw error;
    expect(error.code).toBe('config-invalid');
    expect(error.phrase).toBe('the configuration has problems');
    return (error.detail ?? '')
      .split('\n')
      .slice(1)
      .map((line) => line.trim().replace(/ \(line \d+\):/, ':'));
  }
  return [];
}

const SMALLEST = `
zoom: { accountId: acct, clientId: id, clientSecret: shh }
ledger: { directory: ledger }
sink: { directory: { path: archive } }
signing: { key: a-key }
`;

const EVERYTHING = `
zoom:
  accountId: acct
  clientId: id
  clientSecret: { file: secrets/zoom }
  apiUrl: https://api.zoomgov.com/v2/
  oauthUrl: https://zoomgov.com
  plan: business
  share: 0.25
  rates: { MEDIUM: 12.5 }
  parallel: 32
  timeout: 45s
collection:
  settle: 0s
  sweep: 14d
  relist: 12h
  modifications:
    - { youngerThan: 2d, every: 10m }
    - { youngerThan: 200d, every: 3d }
ledger:
  url: { file: /run/secrets/ledger }
  connections: 20
  lease: 1m
sink:
  s3:
    bucket: chat-archive
    prefix: zoom/
    region: eu-central-1
    endpoint: https://s3.example
    forcePathStyle: true
    accessKeyId: \${KEY_ID}
    secretAccessKey: { file: secrets/key }
signing: { key: { file: secrets/signing } }
access: { key: { file: secrets/access }, keep: 3y, mode: none }
retention: { default: { class: mifid, keep: 18m, mode: compliance, disposition: review } }
seal: { records: 1000, bytes: 8MiB, maxAge: 500ms, spool: /var/spool/archiver }
schedule:
  collect: { cron: '*/10 * * * *', timezone: Europe/Berlin, jitter: 30s }
metrics: { host: 0.0.0.0, port: 0 }
log: { level: warn }
replicas: 3
drain: 1h
`;
const SURROUNDINGS: Surroundings = {
  environment: { KEY_ID: 'AKIA' },
  files: {
    '/etc/archiver/secrets/zoom': 'zoom-secret\n',
    '/run/secrets/ledger': ' postgres://u:p@db/archive \n',
    '/etc/archiver/secrets/key': 's3-secret',
    '/etc/archiver/secrets/signing': 'the-key\n',
    '/etc/archiver/secrets/access': 'the-other-key\n',
  },
};

describe('a valid file', () => {
  test('needs little; everything else has a default', () => {
    const day = 86_400_000;
    expect(configOf(SMALLEST)).toEqual({
      zoom: {
        accountId: 'acct',
        clientId: 'id',
        clientSecret: 'shh',
        apiUrl: 'https://api.zoom.us/v2',
        oauthUrl: 'https://zoom.us',
        plan: 'pro',
        share: 0.5,
        rates: {},
        parallel: 16,
        timeout: 30_000,
      },
      collection: {
        settle: 120_000,
        patience: day,
        sweep: 26 * day,
        relist: day,
        modifications: [
          { youngerThan: day, every: 15 * 60_000 },
          { youngerThan: 7 * day, every: day / 4 },
          { youngerThan: 30 * day, every: day },
          { youngerThan: 200 * day, every: 7 * day },
        ],
      },
      streams: {
        activities: { enabled: true, every: 3_600_000, lookBack: 180 * day },
        context: { enabled: true, every: day },
        legalHold: { enabled: true, every: 3_600_000, parallel: 2 },
        files: { enabled: true, parallel: 8, largest: 5e9 },
        forwarded: { enabled: true },
      },
      ledger: { directory: '/etc/archiver/ledger', connections: 12, lease: 20_000 },
      sink: { kind: 'directory', path: '/etc/archiver/archive' },
      signing: { key: 'a-key' },
      access: { key: undefined, keep: '7y' },
      retention: {
        schedule: {
          rules: [],
          default: { class: 'default', keep: '7y', mode: 'governance', disposition: 'keep' },
        },
        longestCompliance: '10y',
      },
      disposition: { automatic: false },
      holds: { followZoomMatters: true, coolOff: 14 * day },
      seal: {
        records: 50_000,
        bytes: 64e6,
        maxAge: 3_600_000,
        spool: '/etc/archiver/spool',
      },
      schedule: {
        collect: { cron: '*/5 * * * *', timezone: 'UTC', jitter: 10_000 },
        streams: { cron: '*/5 * * * *', timezone: 'UTC', jitter: 10_000 },
        fetch: { cron: '* * * * *', timezone: 'UTC', jitter: 10_000 },
        seal: { cron: '* * * * *', timezone: 'UTC', jitter: 10_000 },
        holds: { cron: '* * * * *', timezone: 'UTC', jitter: 10_000 },
        retention: { cron: '23 4 * * *', timezone: 'UTC', jitter: 10_000 },
        verify: { cron: '41 2 * * *', timezone: 'UTC', jitter: 10_000 },
        maintain: { cron: '17 3 * * *', timezone: 'UTC', jitter: 10_000 },
        dispose: { cron: '37 3 * * *', timezone: 'UTC', jitter: 10_000 },
      },
      verification: { sample: 50 },
      metrics: { host: '127.0.0.1', port: 9464 },
      log: { level: 'info' },
      webhooks: {
        enabled: false,
        host: '127.0.0.1',
        port: 9465,
        path: '/webhooks/zoom',
        secret: '',
        pause: 30_000,
      },
      portal: {
        host: '127.0.0.1',
        port: 9466,
        proxies: [],
        title: 'Chat archive',
        folder: '/etc/archiver/portal',
        sessions: { idle: 1_800_000, longest: day / 2 },
        exports: { keep: 7 * day, perPerson: 2, atOnce: 4, space: 50e9 },
        verify: { cron: '29 5 * * *', timezone: 'UTC' },
        refresh: 30_000,
        perMinute: 600,
        cacheSize: 10e9,
        metrics: { host: '127.0.0.1', port: 9467 },
      },
      replicas: 1,
      drain: 25_000,
    });
  });

  test('may set everything', () => {
    const config = configOf(EVERYTHING, SURROUNDINGS);
    expect(config.zoom).toEqual({
      accountId: 'acct',
      clientId: 'id',
      clientSecret: 'zoom-secret',
      apiUrl: 'https://api.zoomgov.com/v2',
      oauthUrl: 'https://zoomgov.com',
      plan: 'business',
      share: 0.25,
      rates: { MEDIUM: 12.5 },
      parallel: 32,
      timeout: 45_000,
    });
    expect(config.signing).toEqual({ key: 'the-key' });
    expect(config.access).toEqual({ key: 'the-other-key', keep: '3y', mode: 'none' });
    expect(config.collection).toMatchObject({ settle: 0, sweep: 14 * 86_400_000, relist: 43_200_000 });
    expect(config.collection.modifications).toHaveLength(2);
    expect(config.ledger).toEqual({ url: 'postgres://u:p@db/archive', connections: 20, lease: 60_000 });
    expect(config.sink).toEqual({
      kind: 's3',
      bucket: 'chat-archive',
      prefix: 'zoom/',
      region: 'eu-central-1',
      endpoint: 'https://s3.example',
      forcePathStyle: true,
      credentials: { accessKeyId: 'AKIA', secretAccessKey: 's3-secret' },
    });
    expect(config.retention.schedule.default).toEqual({
      class: 'mifid',
      keep: '18m',
      mode: 'compliance',
      disposition: 'review',
    });
    expect(config.seal).toMatchObject({ bytes: 8 * 2 ** 20, maxAge: 500, spool: '/var/spool/archiver' });
    expect(config.schedule.collect).toEqual({
      cron: '*/10 * * * *',
      timezone: 'Europe/Berlin',
      jitter: 30_000,
    });
    expect(config.schedule.seal.cron).toBe('* * * * *');
    expect(config).toMatchObject({ replicas: 3, drain: 3_600_000, metrics: { port: 0 } });
  });

  test('S3 without keys leaves credentials to the chain of the SDK', () => {
    const text = SMALLEST.replace('directory: { path: archive }', 's3: { bucket: chat-archive }');
    expect(configOf(text).sink).toEqual({
      kind: 's3',
      bucket: 'chat-archive',
      prefix: '',
      region: 'us-east-1',
      endpoint: undefined,
      forcePathStyle: false,
      credentials: undefined,
    });
  });

  test.each([
    ['0s', 0],
    ['250ms', 250],
    ['90s', 90_000],
    ['15m', 900_000],
    ['2h', 7_200_000],
    ['7d', 604_800_000],
  ])('duration %s', (text, expected) => {
    expect(configOf(`${SMALLEST}drain: ${text}`).drain).toBe(expected);
  });

  test.each([
    ['1B', 1],
    ['2kB', 2e3],
    ['64MB', 64e6],
    ['3GB', 3e9],
    ['2KiB', 2048],
    ['64MiB', 2 ** 26],
    ['1GiB', 2 ** 30],
  ])('size %s', (text, expected) => {
    expect(configOf(`${SMALLEST}seal: { bytes: ${text} }`).seal.bytes).toBe(expected);
  });

  test.each(['1d', '36500d', '18m', '7y', '99y'])('period %s', (text) => {
    expect(
      configOf(`${SMALLEST}retention: { default: { keep: ${text} } }`).retention.schedule.default.keep,
    ).toBe(text);
  });

  test('variables of the environment stand in any text, several in one', () => {
    const text = SMALLEST.replace('accountId: acct', `accountId: "\${A}-\${B}"`);
    expect(configOf(text, { environment: { A: 'one', B: `\${A}` } }).zoom.accountId).toBe(`one-\${A}`);
  });
});

describe('an invalid file', () => {
  test('is told all its problems at once, each with its path', () => {
    const problems = problemsOf(
      `
zoom: { accountId: 123456, clientSecret: 5, plan: gold, share: 1.5, parallel: 0, tiemout: 5s, rates: { FAST: 1, LIGHT: -1 } }
collection: { sweep: 0s, modifications: [{ youngerThan: 7d, every: 1h }, { youngerThan: 1d, every: 5 }] }
ledger: { url: "mysql://db", directory: here, connections: 2.5 }
sink: { s3: { bucket: ab, accessKeyId: { file: missing }, endpoint: "ftp://x" } }
retention: { default: { class: A B, keep: 0y, mode: eternal } }
seal: { bytes: 64mb, records: "5", maxAge: , spool: "" }
schedule: { colect: {} }
metrics: { port: 70000 }
log: { level: "\${LEVEL}" }
replicas: 2
signing: {}
secrets: none
`,
    );
    expect(new Set(problems)).toEqual(
      new Set([
        'zoom.accountId: must be text, not a number; put it in quotes',
        'zoom.clientId: is missing',
        'zoom.clientSecret: must be text or { file: PATH }',
        'zoom.plan: must be one of free, pro, business',
        'zoom.share: must be at most 1',
        'zoom.parallel: must be at least 1',
        'zoom.tiemout: is not a known setting',
        'zoom.rates.FAST: is not a known setting',
        'zoom.rates.LIGHT: must be above 0',
        'collection.sweep: must be a number above 0 and a unit: ms, s, m, h or d, as in 15m',
        'collection.modifications.1.every: must be a number above 0 and a unit: ms, s, m, h or d, as in 15m',
        'ledger: has both url and directory, needs one of them',
        'ledger.url: must begin with postgres://',
        'ledger.directory: the embedded ledger serves one process; use ledger.url with replicas above 1',
        'ledger.connections: must be a whole number',
        'sink.s3.bucket: must have at least 3 characters',
        'sink.s3.endpoint: must be an http or https URL',
        'sink.s3.secretAccessKey: is missing; accessKeyId and secretAccessKey go together',
        "sink.s3.accessKeyId: cannot read the file: ENOENT: no such file or directory, open '/etc/archiver/missing'",
        'retention.default.class: must be 1 to 32 of a-z, 0-9, _ and -',
        'retention.default.keep: must be a number and a unit: d (up to 36500), m (months, up to 999) or y (up to 99), as in 7y',
        'retention.default.mode: must be one of compliance, governance, none',
        'seal.bytes: must be a number above 0 and a unit: B, kB, MB, GB, KiB, MiB or GiB, as in 64MB',
        'seal.records: must be a number, not text',
        'seal.maxAge: must be a number and a unit: ms, s, m, h or d, as in 15m',
        'seal.spool: must not be empty',
        'schedule.colect: is not a known setting',
        'metrics.port: must be at most 65535',
        'log.level: the environment variable LEVEL is not set or empty',
        'signing.key: is missing',
        'secrets: is not a known setting',
      ]),
    );
    expect(problems).toHaveLength(new Set(problems).size);
  });

  test.each<[string, string, string[]]>([
    ['empty', '', ['zoom: is missing', 'ledger: is missing', 'sink: is missing', 'signing: is missing']],
    ['no mapping', 'hello', ['(top level): must be a group of settings, not text']],
    ['a list', '- zoom', ['(top level): must be a group of settings, not a list']],
    ['a part left empty', `${SMALLEST}retention:\n`, ['retention: is empty']],
    [
      'bad YAML',
      'zoom: [\n a: b',
      [
        'YAML: Flow sequence in block collection must be sufficiently indented and end with a ] at line 2, column 6',
      ],
    ],
    ['a setting given twice', 'zoom: {}\nzoom: {}', ['YAML: Map keys must be unique at line 2, column 1']],
    [
      'an alias of nothing',
      'zoom: *nowhere',
      ['YAML: Unresolved alias (the anchor must be set before the alias): nowhere'],
    ],
  ])('%s', (_name, text, expected) => {
    expect(problemsOf(text)).toEqual(expected);
  });

  test.each<[string, string[]]>([
    ['{}', ['ledger: needs either url or directory']],
    ['{ url: "postgres://db/x", directory: d }', ['ledger: has both url and directory, needs one of them']],
    ['{ url: "" }', ['ledger.url: must not be empty']],
    [
      '{ directory: d, lease: 0s }',
      ['ledger.lease: must be a number above 0 and a unit: ms, s, m, h or d, as in 15m'],
    ],
    ['{ url: "sqlite:x" }', ['ledger.url: must begin with postgres://']],
  ])('ledger: %s', (ledger, expected) => {
    expect(problemsOf(SMALLEST.replace('{ directory: ledger }', ledger))).toEqual(expected);
  });

  test.each<[string, string[]]>([
    ['{}', ['sink: needs either directory or s3']],
    [
      '{ directory: { path: a }, s3: { bucket: abc } }',
      ['sink: has both directory and s3, needs one of them'],
    ],
    ['{ directory: {} }', ['sink.directory.path: is missing']],
    ['{ s3: {} }', ['sink.s3.bucket: is missing']],
    [
      '{ s3: { bucket: abc, secretAccessKey: x } }',
      ['sink.s3.accessKeyId: is missing; accessKeyId and secretAccessKey go together'],
    ],
  ])('sink: %s', (sink, expected) => {
    expect(problemsOf(SMALLEST.replace('{ directory: { path: archive } }', sink))).toEqual(expected);
  });

  test('webhooks need a secret once they are on', () => {
    expect(problemsOf(`${SMALLEST}webhooks: { enabled: true }`)).toEqual([
      'webhooks.secret: is missing; without it nobody can tell who sent a webhook',
    ]);
    expect(configOf(`${SMALLEST}webhooks: { enabled: true, secret: hush }`).webhooks).toMatchObject({
      enabled: true,
      secret: 'hush',
    });
    expect(configOf(`${SMALLEST}webhooks: { secret: hush }`).webhooks).toMatchObject({ enabled: false });
  });

  test('the embedded ledger refuses replicas', () => {
    expect(problemsOf(`${SMALLEST}replicas: 2`)).toEqual([
      'ledger.directory: the embedded ledger serves one process; use ledger.url with replicas above 1',
    ]);
  });

  test('steps of modifications must rise, or the later ones would never count', () => {
    const steps = '[{ youngerThan: 7d, every: 1h }, { youngerThan: 1d, every: 5m }]';
    expect(problemsOf(`${SMALLEST}collection: { modifications: ${steps} }`)).toEqual([
      'collection.modifications: must go from the youngest to the oldest: youngerThan rises from step to step',
    ]);
  });

  test.each(['0d', '100y', '1000m', '100000d', '7 y', '1w', '-1y', '7'])('period %s', (keep) => {
    expect(problemsOf(`${SMALLEST}retention: { default: { keep: ${keep} } }`)).toHaveLength(1);
  });

  test.each(['5', '5 m', '5w', '-5m', '1.5h', 'm', 'true', '[]'])('duration %s', (drain) => {
    expect(problemsOf(`${SMALLEST}drain: ${drain}`)).toEqual([
      'drain: must be a number and a unit: ms, s, m, h or d, as in 15m',
    ]);
  });

  test('a variable that is not set is the only problem of its place, wherever it stands', () => {
    const text = SMALLEST.replace('clientId: id', `clientId: "\${ID}", apiUrl: "\${API}", plan: "\${PLAN}"`);
    expect(problemsOf(text, { environment: { API: '' } })).toEqual([
      'zoom.clientId: the environment variable ID is not set or empty',
      'zoom.apiUrl: the environment variable API is not set or empty',
      'zoom.plan: the environment variable PLAN is not set or empty',
    ]);
  });

  test('secret files that are missing or empty are named, and their text is never shown', () => {
    const text = `
zoom: { accountId: a, clientId: b, clientSecret: { file: zoom } }
ledger: { url: { file: ledger } }
sink: { s3: { bucket: abc, accessKeyId: { file: id }, secretAccessKey: { file: key } } }
signing: { key: { file: key } }
`;
    const files = {
      '/etc/archiver/zoom': ' \n',
      '/etc/archiver/ledger': 'mysql://user:very-secret@db',
      '/etc/archiver/key': 'very-secret',
    };
    expect(problemsOf(text, { files })).toEqual([
      'zoom.clientSecret: the file zoom is empty',
      'ledger.url: must begin with postgres://',
      "sink.s3.accessKeyId: cannot read the file: ENOENT: no such file or directory, open '/etc/archiver/id'",
    ]);
  });

  test.each(['{}', '{ file: "" }', '{ file: a, mode: b }', '7', '[a]', 'true', ''])('secret %s', (secret) => {
    const text = SMALLEST.replace('clientSecret: shh', `clientSecret: ${secret}`);
    const problems = problemsOf(text, { files: { '/etc/archiver/a': 'text' } });
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(/^zoom\.clientSecret(\.file|\.mode)?: (must|is) /);
  });

  test('an alias bomb is refused, not expanded', () => {
    let text = 'a0: &a0 [x, x]\n';
    for (let level = 1; level < 12; level += 1) {
      text += `a${level}: &a${level} [${Array(10)
        .fill(`*a${level - 1}`)
        .join(', ')}]\n`;
    }
    expect(problemsOf(text)).toEqual(['YAML: Excessive alias count indicates a resource exhaustion attack']);
  });
});

describe('loadConfig', () => {
  test('reads the file, and its secrets beside it', () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'config-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    writeFileSync(path.join(folder, 'secret'), 'from a file\n');
    const file = path.join(folder, 'archiver.yaml');
    writeFileSync(file, SMALLEST.replace('clientSecret: shh', 'clientSecret: { file: secret }'));
    const config = loadConfig(file);
    expect(config.zoom.clientSecret).toBe('from a file');
    expect(config.sink).toEqual({ kind: 'directory', path: path.join(folder, 'archive') });
  });

  test('a file that is not there is config-invalid and named', () => {
    expect(() => loadConfig('/nowhere/archiver.yaml')).toThrow(
      expect.objectContaining({
        code: 'config-invalid',
        message: expect.stringContaining('/nowhere/archiver.yaml'),
      }),
    );
  });
});

describe('the JSON schema', () => {
  /** A validator that knows nothing of zod. */
  async function accepts(document: unknown): Promise<boolean> {
    const { $schema: _dialect, ...schema } = configJsonSchema() as Record<string, unknown>;
    const app = Fastify({ ajv: { customOptions: { removeAdditional: false, coerceTypes: false } } });
    app.post('/', { schema: { body: schema } }, () => 'accepted');
    const { statusCode } = await app.inject({ method: 'POST', url: '/', payload: document as object });
    await app.close();
    return statusCode === 200;
  }

  test.each([
    ['the smallest file', SMALLEST],
    ['every setting', EVERYTHING],
    ['what the parser made of it, written out again', stringify(parse(EVERYTHING))],
  ])('accepts %s', async (_name, text) => {
    expect(await accepts(parse(text))).toBe(true);
  });

  test.each([
    ['an unknown setting', `${SMALLEST}colour: red`],
    ['a bad duration', `${SMALLEST}drain: 5`],
    ['a bad period', `${SMALLEST}retention: { default: { keep: 7w } }`],
    ['a bad enum', `${SMALLEST}log: { level: loud }`],
    ['a missing part', 'zoom: { accountId: a, clientId: b, clientSecret: c }'],
  ])('refuses %s', async (_name, text) => {
    expect(await accepts(parse(text))).toBe(false);
  });

  interface Node {
    readonly description?: string;
    readonly default?: unknown;
    readonly required?: readonly string[];
    readonly properties?: Readonly<Record<string, Node>>;
  }

  /** The settings below `node` by their path; groups only lend their name. */
  function settings(node: Node, path: string, required: boolean): [string, Node, boolean][] {
    if (node.properties === undefined) return [[path, node, required]];
    return Object.entries(node.properties).flatMap(([name, child]) =>
      settings(child, path === '' ? name : `${path}.${name}`, node.required?.includes(name) ?? false),
    );
  }

  test('says of every setting what it is, and what holds where it is left out', () => {
    const all = settings(configJsonSchema() as Node, '', true);
    expect(all.length).toBeGreaterThan(40);
    expect(all.filter(([, node]) => node.description === undefined).map(([path]) => path)).toEqual([]);
    const open = all.filter(([, node, required]) => !required && node.default === undefined);
    expect(open.map(([path]) => path)).toEqual([
      'ledger.url',
      'ledger.directory',
      'sink.s3.endpoint',
      'sink.s3.accessKeyId',
      'sink.s3.secretAccessKey',
      'access.key',
      'access.mode',
      'retention.file',
      'webhooks.secret',
      'portal.publicUrl',
      'portal.users',
      'portal.cache',
    ]);
  });
});

test('the name of a process is different at each start', () => {
  expect(processName()).not.toBe(processName());
});
