/** The configuration: one YAML file, as the program uses it. Only this module reads the environment. */
import { readFileSync } from 'node:fs';
import { homedir, hostname, platform } from 'node:os';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import type { z } from 'zod';
import { portalProblems, readSecrets, readYaml, relations, substitute } from './config/document.ts';
import { invalid, messageOf, type Problem, phrase, problemsOf } from './config/problems.ts';
import { configSchema, portalSchema } from './config/schema.ts';
import { ArchiverError } from './errors.ts';
import type { Period } from './retention/period.ts';
import { readSchedule, type Schedule, scheduleSchema } from './retention/schedule.ts';

type Parsed = z.output<typeof configSchema>;

/** The configuration with secrets read, paths made absolute and durations in milliseconds. */
export interface Config
  extends Omit<
    Parsed,
    'zoom' | 'ledger' | 'sink' | 'signing' | 'access' | 'webhooks' | 'retention' | 'portal'
  > {
  readonly zoom: Omit<Parsed['zoom'], 'clientSecret'> & { readonly clientSecret: string };
  readonly ledger: { readonly connections: number; readonly lease: number } & (
    | { readonly url: string }
    | { readonly directory: string }
  );
  readonly signing: { readonly key: string };
  readonly access: Omit<Parsed['access'], 'key'> & { readonly key: string | undefined };
  readonly retention: { readonly schedule: Schedule; readonly longestCompliance: Period };
  /** The secret is empty where webhooks are off. */
  readonly webhooks: Omit<Parsed['webhooks'], 'secret'> & { readonly secret: string };
  readonly portal: PortalConfig;
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
}

type ParsedPortal = Parsed['portal'];
export type PortalConfig = Omit<ParsedPortal, 'oidc'> & {
  readonly oidc:
    | (Omit<NonNullable<ParsedPortal['oidc']>, 'clientSecret'> & { readonly clientSecret: string })
    | undefined;
};

/** Where a configuration's text comes from and what it may refer to. */
export interface ConfigSource {
  readonly text: string;
  /** Relative paths in the file start here. */
  readonly folder: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Reads a file that the text names: a secret, a schedule. */
  readonly readFile: (path: string) => string;
}

/**
 * The configuration, or `config-invalid` with every problem of the file in `detail`, one a line: path and what is
 * wrong. Pure but for `readFile`.
 */
export function parseConfig(source: ConfigSource): Config {
  const problems: Problem[] = [];
  const { value: written, lineOf } = readYaml(source.text);
  const input = substitute(written, [], source.environment, problems);
  const parsed = configSchema.safeParse(input, { error: phrase });
  if (!parsed.success) problems.push(...parsed.error.issues.flatMap(problemsOf));
  problems.push(...relations(input));
  const path = (text: string): string => resolve(source.folder, text);
  const secrets = readSecrets(input, (file) => source.readFile(path(file)), problems);
  if (!parsed.success) throw invalid(problems, lineOf);
  const { file, longestCompliance, ...given } = parsed.data.retention;
  const inPlace = file === undefined ? readSchedule(given, longestCompliance) : undefined;
  problems.push(...(inPlace?.problems ?? []).map((problem) => scheduleProblem(problem, ['retention'])));
  if (problems.length > 0) throw invalid(problems, lineOf);
  const schedule = inPlace?.schedule ?? parseSchedule(source.readFile, path(file ?? ''), longestCompliance);

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
    signing: { key: text('signing.key', value.signing.key) },
    access: {
      ...value.access,
      key: value.access.key === undefined ? undefined : text('access.key', value.access.key),
    },
    retention: { schedule, longestCompliance },
    seal: { ...value.seal, spool: path(value.seal.spool) },
    webhooks: { ...value.webhooks, secret: text('webhooks.secret', value.webhooks.secret) },
    portal: portalOf(value.portal, path, text),
  };
}

/** As {@link parseConfig}, of a file that holds the settings of the portal alone. */
export function parsePortalConfig(source: ConfigSource): PortalConfig {
  const problems: Problem[] = [];
  const { value: written, lineOf } = readYaml(source.text);
  const input = substitute(written, [], source.environment, problems);
  const parsed = portalSchema.safeParse(input, { error: phrase });
  if (!parsed.success) problems.push(...parsed.error.issues.flatMap(problemsOf));
  problems.push(...portalProblems(input));
  const path = (text: string): string => resolve(source.folder, text);
  const secrets = readSecrets(input, (file) => source.readFile(path(file)), problems);
  if (!parsed.success || problems.length > 0) throw invalid(problems, lineOf);
  return portalOf(parsed.data.portal, path, (where, from) =>
    typeof from === 'string' ? from : (secrets.get(where) ?? ''),
  );
}

function portalOf(
  { oidc, users, cache, ...rest }: ParsedPortal,
  path: (text: string) => string,
  text: (where: string, from: string | { file: string } | undefined) => string,
): PortalConfig {
  return {
    ...rest,
    folder: path(rest.folder),
    users: users === undefined ? undefined : path(users),
    cache: cache === undefined ? undefined : path(cache),
    oidc:
      oidc === undefined
        ? undefined
        : { ...oidc, clientSecret: text('portal.oidc.clientSecret', oidc.clientSecret) },
  };
}

function scheduleProblem(
  { path, what }: { readonly path: readonly (string | number)[]; readonly what: string },
  below: readonly string[],
): Problem {
  return { where: [...below, ...path].join('.'), what };
}

/**
 * The schedule in a file of its own, in which `${NAME}` means nothing. Fails with `config-invalid`, naming every problem
 * with its line.
 * @param longestCompliance see {@link readSchedule}
 */
export function parseSchedule(
  readFile: (path: string) => string,
  path: string,
  longestCompliance: Period,
): Schedule {
  const { value, lineOf } = readYaml(readText(path, readFile));
  const parsed = scheduleSchema.safeParse(value, { error: phrase });
  if (!parsed.success) throw invalid(parsed.error.issues.flatMap(problemsOf), lineOf, path);
  const { schedule, problems } = readSchedule(parsed.data, longestCompliance);
  if (problems.length === 0) return schedule;
  throw invalid(
    problems.map((problem) => scheduleProblem(problem, [])),
    lineOf,
    path,
  );
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
  return parseConfig({
    text: readText(path, readUtf8),
    folder: dirname(resolve(path)),
    environment: process.env,
    readFile: readUtf8,
  });
}

/** {@link parsePortalConfig} of a file on disk; without one, the defaults from the working folder on. */
export function loadPortalConfig(path: string | undefined): PortalConfig {
  return parsePortalConfig({
    text: path === undefined ? 'portal: {}' : readText(path, readUtf8),
    folder: path === undefined ? resolve() : dirname(resolve(path)),
    environment: process.env,
    readFile: readUtf8,
  });
}

/** {@link parseSchedule} of a file on disk. */
export function loadSchedule(path: string, longestCompliance: Period): Schedule {
  return parseSchedule(readUtf8, path, longestCompliance);
}

function readText(path: string, readFile: (path: string) => string): string {
  try {
    return readFile(path);
  } catch (cause) {
    throw new ArchiverError('config-invalid', 'the configuration cannot be read', {
      cause,
      detail: `${path}: ${messageOf(cause)}`,
    });
  }
}

function readUtf8(path: string): string {
  return readFileSync(path, 'utf8');
}

/** Where this system keeps what a program can make again, for the user who runs it. */
export function cacheFolder(): string {
  const { XDG_CACHE_HOME: xdg = '', LOCALAPPDATA: local } = process.env;
  const below = (folder: string): string => join(folder, 'zoom-chat-archiver');
  // What is relative must be ignored, says the XDG specification.
  if (isAbsolute(xdg)) return below(xdg);
  if (platform() === 'win32') return below(local ?? join(homedir(), 'AppData', 'Local'));
  return below(join(homedir(), platform() === 'darwin' ? 'Library/Caches' : '.cache'));
}

/** Name of this process for the lease: unique per start, readable for people. */
export function processName(): string {
  return `${hostname()}/${process.pid}/${Math.random().toString(36).slice(2, 8)}`;
}
