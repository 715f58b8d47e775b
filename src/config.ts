/**
 * The configuration: one YAML file. The schema below is its manual; `config.schema.json` is made from it. Only this
 * module reads the environment.
 */
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname, resolve } from 'node:path';
import { parseDocument } from 'yaml';
import { z } from 'zod';
import { ArchiverError } from './errors.ts';

const UNITS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** A text of a notation of ours: says what it must look like also when it is no text at all. */
const notation = (pattern: RegExp, error: string) =>
  z.string({ error: (issue) => (issue.input === undefined ? 'is missing' : error) }).regex(pattern, error);

function milliseconds(text: string): number {
  const [, number, unit] = /^(\d+)(\w+)$/.exec(text) ?? [];
  return Number(number) * (UNITS[unit ?? ''] ?? Number.NaN);
}

/** `90s`, `15m`, `2h`, `7d`: milliseconds. */
const duration = notation(
  /^\d+(ms|s|m|h|d)$/,
  'must be a number and a unit: ms, s, m, h or d, as in 15m',
).transform(milliseconds);

/** A duration that is not nothing: 0 would mean "never" to one reader and "at once" to another. */
const positiveDuration = notation(
  /^0*[1-9]\d*(ms|s|m|h|d)$/,
  'must be a number above 0 and a unit: ms, s, m, h or d, as in 15m',
).transform(milliseconds);

/** `64MB`: bytes; kB, MB, GB are powers of ten, KiB, MiB, GiB of two. */
const bytes = notation(
  /^0*[1-9]\d*(B|kB|MB|GB|KiB|MiB|GiB)$/,
  'must be a number above 0 and a unit: B, kB, MB, GB, KiB, MiB or GiB, as in 64MB',
).transform((text) => {
  const [, number, unit] = /^(\d+)(\w+)$/.exec(text) ?? [];
  const factors: Record<string, number> = {
    B: 1,
    kB: 1e3,
    MB: 1e6,
    GB: 1e9,
    KiB: 2 ** 10,
    MiB: 2 ** 20,
    GiB: 2 ** 30,
  };
  return Number(number) * (factors[unit ?? ''] ?? Number.NaN);
});

/** `90d`, `18m`, `7y`: a retention period; months and years are calendar ones. S3 locks for 100 years at most. */
const period = notation(
  /^([1-9]\d{0,4}d|[1-9]\d{0,2}m|[1-9]\d?y)$/,
  'must be a number and a unit: d (up to 99999), m (months, up to 999) or y (up to 99), as in 7y',
).describe('Retention period: 90d, 18m, 7y.');

const secret = z
  .union([z.string().min(1), z.strictObject({ file: z.string().min(1) })])
  .describe('A secret: $' + '{NAME} from the environment, or { file: PATH }.');

const url = z.url({ protocol: /^https?$/, error: 'must be an http or https URL' });

/** A URL that paths are appended to. */
const baseUrl = url.transform((text) => text.replace(/\/+$/, ''));

const schedule = (cron: string) =>
  z
    .strictObject({
      cron: z.string().default(cron).describe('Five or six cron fields.'),
      timezone: z.string().default('UTC').describe('IANA time zone of the cron fields.'),
      jitter: duration.prefault('10s').describe('Random delay before a run, so that replicas spread.'),
    })
    .prefault({});

const zoom = z.strictObject({
  accountId: z.string().min(1).describe('Zoom account id; the archive belongs to it.'),
  clientId: z.string().min(1).describe('Client id of the server-to-server OAuth app.'),
  clientSecret: secret,
  apiUrl: baseUrl.default('https://api.zoom.us/v2').describe('Base URL of the REST API.'),
  oauthUrl: baseUrl.default('https://zoom.us').describe('Base URL of the token endpoint.'),
  plan: z
    .enum(['free', 'pro', 'business'])
    .default('pro')
    .describe(
      'Plan of the account, for its rate limits; Zoom does not tell it. Business and above: business.',
    ),
  share: z
    .number()
    .gt(0)
    .max(1)
    .default(0.5)
    .describe("Part of the account's rate limits to use; they are shared with all its other apps."),
  rates: z
    .partialRecord(z.enum(['LIGHT', 'MEDIUM', 'HEAVY', 'RESOURCE-INTENSIVE']), z.number().positive())
    .default({})
    .describe('Requests per second by label, instead of plan and share; for accounts with raised limits.'),
  parallel: z.number().int().min(1).max(256).default(16).describe('Sessions collected at the same time.'),
  timeout: positiveDuration
    .prefault('30s')
    .describe('Longest wait for the head, and for each part of the body, of an answer.'),
});

const collection = z
  .strictObject({
    settle: duration
      .prefault('2m')
      .describe('A report may lack what happened in the last moments; that much is asked for again.'),
    sweep: positiveDuration
      .prefault('7d')
      .describe('Every known session is asked for messages at least so often.'),
    relist: positiveDuration.prefault('1d').describe('All six months of sessions are listed again so often.'),
    modifications: z
      .array(
        z.strictObject({
          youngerThan: positiveDuration.describe('For sessions whose last activity is younger than this.'),
          every: positiveDuration.describe('How often they are asked for edits and deletes.'),
        }),
      )
      .min(1)
      .refine(
        (steps) => steps.every((step, place) => step.youngerThan > (steps[place - 1]?.youngerThan ?? 0)),
        'must go from the youngest to the oldest: youngerThan rises from step to step',
      )
      .prefault([
        { youngerThan: '1d', every: '15m' },
        { youngerThan: '7d', every: '6h' },
        { youngerThan: '30d', every: '1d' },
        { youngerThan: '200d', every: '7d' },
      ])
      .describe(
        'How often sessions are asked for edits and deletes, by their age; the last step holds for all older.',
      ),
  })
  .prefault({});

const ledger = z.strictObject({
  url: secret.optional().describe('Postgres 14 or later: postgres://user:password@host/database.'),
  directory: z.string().min(1).optional().describe('Directory of the embedded ledger, for evaluation.'),
  connections: z.number().int().min(2).max(200).default(12).describe('Connections to Postgres.'),
  lease: positiveDuration.prefault('30s').describe('A replica that falls silent loses its lease after this.'),
});

const sink = z.strictObject({
  directory: z.strictObject({ path: z.string().min(1).describe('Folder of the archive.') }).optional(),
  s3: z
    .strictObject({
      bucket: z.string().min(3),
      prefix: z.string().default('').describe('Folder of the archive in the bucket; empty for its top.'),
      region: z.string().min(1).default('us-east-1'),
      endpoint: url.optional().describe('For stores other than AWS.'),
      forcePathStyle: z
        .boolean()
        .default(false)
        .describe('Bucket in the path, as most stores other than AWS want it.'),
      accessKeyId: secret
        .optional()
        .describe("Left out, the SDK's usual chain finds credentials (IRSA, instance…)."),
      secretAccessKey: secret.optional(),
    })
    .optional(),
});

const retention = z
  .strictObject({
    class: z
      .string()
      .regex(/^[a-z0-9_-]{1,32}$/, 'must be 1 to 32 of a-z, 0-9, _ and -')
      .default('default')
      .describe('Retention class of every record.'),
    keep: period.default('7y').describe('How long records are locked, from the end of their day.'),
    mode: z
      .enum(['governance', 'compliance', 'none'])
      .default('governance')
      .describe('Object Lock mode. compliance: nobody, not even the root user, can delete before the date.'),
  })
  .prefault({});

const seal = z
  .strictObject({
    records: z
      .number()
      .int()
      .min(1)
      .max(1_000_000)
      .default(50_000)
      .describe('A segment is full at so many records'),
    bytes: bytes.prefault('64MB').describe('or at so many bytes of JSON.'),
    maxAge: duration
      .prefault('1h')
      .describe('A segment is sealed, however small, when its oldest record waited so long.'),
    spool: z
      .string()
      .min(1)
      .default('./spool')
      .describe('Folder for segments on their way; needs a few segments of space.'),
  })
  .prefault({});

/** The whole file. */
export const configSchema = z.strictObject({
  zoom,
  collection,
  ledger,
  sink,
  retention,
  seal,
  schedule: z
    .strictObject({
      collect: schedule('*/5 * * * *'),
      seal: schedule('* * * * *'),
      maintain: schedule('17 3 * * *'),
    })
    .prefault({}),
  metrics: z
    .strictObject({
      host: z.string().default('127.0.0.1').describe('Address to listen on; 0.0.0.0 in a container.'),
      port: z.number().int().min(0).max(65535).default(9464),
    })
    .prefault({}),
  log: z
    .strictObject({ level: z.enum(['trace', 'debug', 'info', 'warn', 'error']).default('info') })
    .prefault({}),
  replicas: z.number().int().min(1).default(1).describe('How many run; more than one needs Postgres.'),
  drain: duration.prefault('25s').describe('After a stop signal, how long work in hand may take to finish.'),
});

type Parsed = z.output<typeof configSchema>;

/** The configuration with secrets read, paths made absolute and durations in milliseconds. */
export interface Config extends Omit<Parsed, 'zoom' | 'ledger' | 'sink' | 'seal'> {
  readonly zoom: Omit<Parsed['zoom'], 'clientSecret'> & { readonly clientSecret: string };
  readonly ledger: { readonly connections: number; readonly lease: number } & (
    | { readonly url: string }
    | { readonly directory: string }
  );
  readonly sink:
    | { readonly kind: 'directory'; readonly path: string }
    | {
        readonly kind: 's3';
        readonly bucket: string;
        readonly prefix: string;
        readonly region: string;
        readonly endpoint: string | undefined;
        readonly forcePathStyle: boolean;
        readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string } | undefined;
      };
  readonly seal: Parsed['seal'];
}

/** Where a configuration's text comes from and what it may refer to. */
export interface ConfigSource {
  readonly text: string;
  /** Relative paths in the file start here. */
  readonly folder: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly readSecret: (path: string) => string;
}

/**
 * The configuration, or `config-invalid` with every problem of the file in `detail`, one a line: path and what is
 * wrong. Pure but for `readSecret`.
 */
export function parseConfig(source: ConfigSource): Config {
  const problems: Problem[] = [];
  const input = substitute(readYaml(source.text), [], source.environment, problems);
  const parsed = configSchema.safeParse(input, { error: phrase });
  if (!parsed.success) problems.push(...parsed.error.issues.flatMap(describe));
  problems.push(...relations(input));
  const path = (text: string): string => resolve(source.folder, text);
  const secrets = readSecrets(input, (file) => source.readSecret(path(file)), problems);
  if (!parsed.success || problems.length > 0) throw invalid(problems);

  const value = parsed.data;
  const text = (where: string, from: string | { file: string } | undefined): string =>
    typeof from === 'string' ? from : (secrets.get(where) ?? '');
  const { url: server, directory, ...ledgerRest } = value.ledger;
  return {
    ...value,
    zoom: { ...value.zoom, clientSecret: text('zoom.clientSecret', value.zoom.clientSecret) },
    ledger:
      directory === undefined
        ? { ...ledgerRest, url: text('ledger.url', server) }
        : { ...ledgerRest, directory: path(directory) },
    sink: sinkOf(value.sink, path, text),
    seal: { ...value.seal, spool: path(value.seal.spool) },
  };
}

function sinkOf(
  value: Parsed['sink'],
  path: (text: string) => string,
  text: (where: string, from: string | { file: string } | undefined) => string,
): Config['sink'] {
  if (value.s3 === undefined) return { kind: 'directory', path: path(value.directory?.path ?? '') };
  const { accessKeyId, secretAccessKey, ...rest } = value.s3;
  return {
    kind: 's3',
    ...rest,
    endpoint: rest.endpoint,
    credentials:
      accessKeyId === undefined
        ? undefined
        : {
            accessKeyId: text('sink.s3.accessKeyId', accessKeyId),
            secretAccessKey: text('sink.s3.secretAccessKey', secretAccessKey),
          },
  };
}

/** Reads and parses the file at `path` with this process's environment. */
export function loadConfig(path: string): Config {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new ArchiverError('config-invalid', 'the configuration cannot be read', {
      cause,
      detail: `${path}: ${cause instanceof Error ? cause.message : String(cause)}`,
    });
  }
  return parseConfig({
    text,
    folder: dirname(resolve(path)),
    environment: process.env,
    readSecret: (file) => readFileSync(file, 'utf8'),
  });
}

/** Name of this process for the lease: unique per start, readable for people. */
export function processName(): string {
  return `${hostname()}/${process.pid}/${Math.random().toString(36).slice(2, 8)}`;
}

/** The JSON Schema of the file, for editors; published as `config.schema.json`. */
export function configJsonSchema(): unknown {
  return z.toJSONSchema(configSchema, { io: 'input', unrepresentable: 'any' });
}

/** Where in the file, as in `zoom.plan`, and what is wrong there. */
interface Problem {
  readonly where: string;
  readonly what: string;
  /** For a variable that is not set: nothing else is worth saying about this place. */
  readonly unset?: true;
}

function invalid(problems: readonly Problem[]): ArchiverError {
  const unset = new Set(problems.filter((problem) => problem.unset).map(({ where }) => where));
  const lines = problems
    .filter((problem) => problem.unset || !unset.has(problem.where))
    .map(({ where, what }) => `  ${where}: ${what}`);
  return new ArchiverError('config-invalid', 'the configuration has problems', {
    detail: `\n${lines.join('\n')}`,
  });
}

function readYaml(text: string): unknown {
  const document = parseDocument(text, { prettyErrors: true });
  const problem = (error: unknown): Problem => ({
    where: 'YAML',
    what: (messageOf(error).split('\n')[0] ?? '').replace(/:$/, ''),
  });
  if (document.errors.length > 0) throw invalid(document.errors.map(problem));
  try {
    return document.toJS() ?? {};
  } catch (error) {
    throw invalid([problem(error)]);
  }
}

/** What the settings must keep among each other; looked at as written, so that no other problem hides it. */
function relations(input: unknown): readonly Problem[] {
  const problems: Problem[] = [];
  const given = (...path: readonly string[]): boolean => at(input, path) !== undefined;
  const either = (where: string, one: string, other: string): void => {
    if (!given(where) || given(where, one) !== given(where, other)) return;
    const both = given(where, one);
    problems.push({
      where,
      what: both ? `has both ${one} and ${other}, needs one of them` : `needs either ${one} or ${other}`,
    });
  };
  either('ledger', 'url', 'directory');
  either('sink', 'directory', 's3');
  const [id, key] = ['accessKeyId', 'secretAccessKey'];
  if (given('sink', 's3', id) !== given('sink', 's3', key)) {
    problems.push({
      where: `sink.s3.${given('sink', 's3', id) ? key : id}`,
      what: 'is missing; accessKeyId and secretAccessKey go together',
    });
  }
  if (Number(at(input, ['replicas'])) > 1 && given('ledger', 'directory')) {
    problems.push({
      where: 'ledger.directory',
      what: 'the embedded ledger serves one process; use ledger.url with replicas above 1',
    });
  }
  return problems;
}

const SECRETS = ['zoom.clientSecret', 'ledger.url', 'sink.s3.accessKeyId', 'sink.s3.secretAccessKey'];

/** The texts of all secrets that are files, by their place; also says what is wrong with a ledger URL. */
function readSecrets(
  input: unknown,
  read: (file: string) => string,
  problems: Problem[],
): ReadonlyMap<string, string> {
  const secrets = new Map<string, string>();
  for (const where of SECRETS) {
    const from = at(input, where.split('.'));
    const file = at(from, ['file']);
    let text = typeof from === 'string' ? from : undefined;
    if (typeof file === 'string' && file !== '') {
      try {
        text = read(file).trim();
        secrets.set(where, text);
        if (text === '') problems.push({ where, what: `the file ${file} is empty` });
      } catch (error) {
        problems.push({ where, what: `cannot read the file: ${messageOf(error)}` });
      }
    }
    if (where === 'ledger.url' && text !== undefined && text !== '' && !/^postgres(ql)?:\/\//.test(text)) {
      problems.push({ where, what: 'must begin with postgres://' });
    }
  }
  return secrets;
}

/** What the file says at `path`; undefined where it says nothing. */
function at(value: unknown, path: readonly string[]): unknown {
  let found = value;
  for (const name of path) {
    if (!isGroup(found) || !Object.hasOwn(found, name)) return undefined;
    found = found[name];
  }
  return found;
}

function isGroup(value: unknown): value is Readonly<Record<string, unknown>> {
  return value !== null && typeof value === 'object';
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function describe(issue: z.core.$ZodIssue): Problem[] {
  const where = issue.path.map(String).join('.');
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      where: where === '' ? key : `${where}.${key}`,
      what: 'is not a known setting',
    }));
  }
  return [{ where: where === '' ? '(top level)' : where, what: issue.message }];
}

const KINDS: Record<string, string> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'a group of settings',
  record: 'a group of settings',
  array: 'a list',
};

/** What is wrong, in words that need no knowledge of the schema language. */
function phrase(issue: z.core.$ZodRawIssue): string | undefined {
  const { input } = issue;
  switch (issue.code) {
    case 'invalid_type':
    case 'invalid_union': {
      if (input === undefined) return 'is missing';
      if (input === null) return 'is empty';
      if (issue.code === 'invalid_union') return 'must be text or { file: PATH }';
      if (issue.expected === 'int' && typeof input === 'number') return 'must be a whole number';
      const kind = Array.isArray(input) ? 'array' : typeof input;
      const hint = issue.expected === 'string' && kind === 'number' ? '; put it in quotes' : '';
      return `must be ${KINDS[issue.expected] ?? issue.expected}, not ${KINDS[kind] ?? kind}${hint}`;
    }
    case 'invalid_value':
      return input === undefined ? 'is missing' : `must be one of ${issue.values.map(String).join(', ')}`;
    case 'too_small':
      if (issue.origin === 'string' && issue.minimum === 1) return 'must not be empty';
      return `must ${measure(issue.origin, issue.inclusive ? 'at least' : 'above', issue.minimum)}`;
    case 'too_big':
      return `must ${measure(issue.origin, issue.inclusive ? 'at most' : 'below', issue.maximum)}`;
    default:
      return undefined;
  }
}

function measure(origin: string, bound: string, limit: number | bigint): string {
  switch (origin) {
    case 'string':
      return `have ${bound} ${limit} characters`;
    case 'array':
      return `have ${bound} ${limit} ${limit === 1 ? 'entry' : 'entries'}`;
    default:
      return `be ${bound} ${limit}`;
  }
}

const REFERENCE = /\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g;

/** Replaces `${NAME}` in every text of the file; a name that is not set, or empty, is a problem. */
function substitute(
  value: unknown,
  path: readonly string[],
  environment: ConfigSource['environment'],
  problems: Problem[],
): unknown {
  if (typeof value === 'string') {
    return value.replace(REFERENCE, (_whole, name: string) => {
      const found = environment[name];
      if (found !== undefined && found !== '') return found;
      const what = `the environment variable ${name} is not set or empty`;
      problems.push({ where: path.join('.'), what, unset: true });
      return `unset-${name}`;
    });
  }
  if (Array.isArray(value))
    return value.map((item, index) => substitute(item, [...path, String(index)], environment, problems));
  if (value !== null && typeof value === 'object') {
    return Object.fromEntries(
      Object.entries(value).map(([name, item]) => [
        name,
        substitute(item, [...path, name], environment, problems),
      ]),
    );
  }
  return value;
}
