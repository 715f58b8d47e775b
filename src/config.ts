/** The configuration: one YAML file, as the program uses it. Only this module reads the environment. */
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname, resolve } from 'node:path';
import type { z } from 'zod';
import { readSecrets, readYaml, relations, substitute } from './config/document.ts';
import { invalid, messageOf, type Problem, phrase, problemsOf } from './config/problems.ts';
import { configSchema } from './config/schema.ts';
import { ArchiverError } from './errors.ts';

type Parsed = z.output<typeof configSchema>;

/** The configuration with secrets read, paths made absolute and durations in milliseconds. */
export interface Config extends Omit<Parsed, 'zoom' | 'ledger' | 'sink' | 'signing' | 'webhooks'> {
  readonly zoom: Omit<Parsed['zoom'], 'clientSecret'> & { readonly clientSecret: string };
  readonly ledger: { readonly connections: number; readonly lease: number } & (
    | { readonly url: string }
    | { readonly directory: string }
  );
  readonly signing: { readonly key: string };
  /** The secret is empty where webhooks are off. */
  readonly webhooks: Omit<Parsed['webhooks'], 'secret'> & { readonly secret: string };
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
  if (!parsed.success) problems.push(...parsed.error.issues.flatMap(problemsOf));
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
    signing: { key: text('signing.key', value.signing.key) },
    seal: { ...value.seal, spool: path(value.seal.spool) },
    webhooks: { ...value.webhooks, secret: text('webhooks.secret', value.webhooks.secret) },
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
      detail: `${path}: ${messageOf(cause)}`,
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
