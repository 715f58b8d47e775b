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

/** `90s`, `15m`, `2h`, `7d`: milliseconds. */
const duration = z
  .string()
  .regex(/^\d+(ms|s|m|h|d)$/, 'must be a number and a unit: ms, s, m, h or d, as in 15m')
  .transform((text) => {
    const [, number, unit] = /^(\d+)(\w+)$/.exec(text) ?? [];
    return Number(number) * (UNITS[unit ?? ''] ?? Number.NaN);
  });

/** `64MB`: bytes; kB, MB, GB are powers of ten, KiB, MiB, GiB of two. */
const bytes = z
  .string()
  .regex(
    /^\d+(B|kB|MB|GB|KiB|MiB|GiB)$/,
    'must be a number and a unit: B, kB, MB, GB, KiB, MiB or GiB, as in 64MB',
  )
  .transform((text) => {
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

/** `90d`, `18m`, `7y`: a retention period; months and years are calendar ones. */
const period = z
  .string()
  .regex(/^[1-9]\d*(d|m|y)$/, 'must be a number and a unit: d, m (months) or y, as in 7y')
  .describe('Retention period: 90d, 18m, 7y.');

const secret = z
  .union([z.string().min(1), z.strictObject({ file: z.string().min(1) })])
  .describe('A secret: $' + '{NAME} from the environment, or { file: PATH }.');

const url = z.url({ protocol: /^https?$/, error: 'must be an http or https URL' });

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
  apiUrl: url.default('https://api.zoom.us/v2').describe('Base URL of the REST API.'),
  oauthUrl: url.default('https://zoom.us').describe('Base URL of the token endpoint.'),
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
  timeout: duration
    .prefault('30s')
    .describe('Longest wait for the head, and for each part of the body, of an answer.'),
});

const collection = z
  .strictObject({
    settle: duration
      .prefault('2m')
      .describe('A report may lack what happened in the last moments; that much is asked for again.'),
    sweep: duration.prefault('7d').describe('Every known session is asked for messages at least so often.'),
    relist: duration.prefault('1d').describe('All six months of sessions are listed again so often.'),
    modifications: z
      .array(
        z.strictObject({
          youngerThan: duration.describe('For sessions whose last activity is younger than this.'),
          every: duration.describe('How often they are asked for edits and deletes.'),
        }),
      )
      .min(1)
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

const ledger = z
  .strictObject({
    url: secret.optional().describe('Postgres 14 or later: postgres://user:password@host/database.'),
    directory: z.string().min(1).optional().describe('Directory of the embedded ledger, for evaluation.'),
    connections: z.number().int().min(2).max(200).default(12).describe('Connections to Postgres.'),
    lease: duration.prefault('30s').describe('A replica that falls silent loses its lease after this.'),
  })
  .check((context) => {
    const { url: server, directory } = context.value;
    if ((server === undefined) === (directory === undefined)) {
      context.issues.push({
        code: 'custom',
        message: 'needs either url or directory',
        input: context.value,
        path: [],
      });
    }
  });

const sink = z
  .strictObject({
    directory: z.strictObject({ path: z.string().min(1).describe('Folder of the archive.') }).optional(),
    s3: z
      .strictObject({
        bucket: z.string().min(3),
        prefix: z.string().default('').describe('Put before each key; ends with / if it is to be a folder.'),
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
  })
  .check((context) => {
    if ((context.value.directory === undefined) === (context.value.s3 === undefined)) {
      context.issues.push({
        code: 'custom',
        message: 'needs either directory or s3',
        input: context.value,
        path: [],
      });
    }
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
    memory: bytes.prefault('192MB').describe('Memory for building segments.'),
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
  const document = parseDocument(source.text, { prettyErrors: true });
  if (document.errors.length > 0) {
    throw invalid(document.errors.map((error) => `YAML: ${error.message.split('\n')[0] ?? ''}`));
  }
  const problems: string[] = [];
  const input = substitute(document.toJS() ?? {}, [], source.environment, problems);
  const parsed = configSchema.safeParse(input);
  if (!parsed.success) {
    for (const issue of parsed.error.issues) problems.push(...describe(issue));
    throw invalid(problems);
  }
  const value = parsed.data;
  const path = (text: string): string => resolve(source.folder, text);
  const secretText = (from: string | { file: string }, where: string): string => {
    if (typeof from === 'string') return from;
    try {
      const text = source.readSecret(path(from.file)).trim();
      if (text === '') problems.push(`${where}: the file ${from.file} is empty`);
      return text;
    } catch (error) {
      problems.push(
        `${where}: cannot read ${from.file} (${error instanceof Error ? error.message : String(error)})`,
      );
      return '';
    }
  };
  if (value.replicas > 1 && value.ledger.directory !== undefined) {
    problems.push(
      'ledger.directory: the embedded ledger serves one process; use ledger.url with replicas above 1',
    );
  }
  const { url: server, directory, ...ledgerRest } = value.ledger;
  const config: Config = {
    ...value,
    zoom: { ...value.zoom, clientSecret: secretText(value.zoom.clientSecret, 'zoom.clientSecret') },
    ledger:
      server === undefined
        ? { ...ledgerRest, directory: path(directory ?? '') }
        : { ...ledgerRest, url: secretText(server, 'ledger.url') },
    sink: sinkOf(value.sink, path, secretText, problems),
    seal: { ...value.seal, spool: path(value.seal.spool) },
  };
  if (problems.length > 0) throw invalid(problems);
  return config;
}

function sinkOf(
  value: Parsed['sink'],
  path: (text: string) => string,
  secretText: (from: string | { file: string }, where: string) => string,
  problems: string[],
): Config['sink'] {
  if (value.s3 === undefined) return { kind: 'directory', path: path(value.directory?.path ?? '') };
  const { accessKeyId, secretAccessKey, ...rest } = value.s3;
  if ((accessKeyId === undefined) !== (secretAccessKey === undefined)) {
    problems.push('sink.s3: accessKeyId and secretAccessKey go together');
  }
  return {
    kind: 's3',
    ...rest,
    endpoint: rest.endpoint,
    credentials:
      accessKeyId === undefined || secretAccessKey === undefined
        ? undefined
        : {
            accessKeyId: secretText(accessKeyId, 'sink.s3.accessKeyId'),
            secretAccessKey: secretText(secretAccessKey, 'sink.s3.secretAccessKey'),
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

function invalid(problems: readonly string[]): ArchiverError {
  return new ArchiverError('config-invalid', 'the configuration has problems', {
    detail: `\n${problems.map((problem) => `  ${problem}`).join('\n')}`,
  });
}

type Issue = z.core.$ZodIssue;

function describe(issue: Issue, base: readonly PropertyKey[] = []): string[] {
  const where = [...base, ...issue.path].map(String).join('.') || '(top level)';
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map(
        (key) => `${where === '(top level)' ? key : `${where}.${key}`}: is not a known setting`,
      );
    case 'invalid_type':
      return [`${where}: ${issue.input === undefined ? 'is missing' : `must be a ${issue.expected}`}`];
    case 'invalid_value':
      return [`${where}: must be one of ${issue.values.map(String).join(', ')}`];
    default:
      return [`${where}: ${issue.message}`];
  }
}

const REFERENCE = /\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g;

/** Replaces `${NAME}` in every text of the file; a name that is not set, or empty, is a problem. */
function substitute(
  value: unknown,
  path: readonly string[],
  environment: ConfigSource['environment'],
  problems: string[],
): unknown {
  if (typeof value === 'string') {
    return value.replace(REFERENCE, (_whole, name: string) => {
      const found = environment[name];
      if (found === undefined || found === '') {
        problems.push(`${path.join('.')}: the environment variable ${name} is not set`);
        return `unset-${name}`;
      }
      return found;
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
