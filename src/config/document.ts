/**
 * The file as it is written, before the schema is asked: YAML, references to the environment, secrets in files, and
 * what settings demand of each other.
 */
import { isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';
import { invalid, messageOf, type Problem } from './problems.ts';

/** A file's settings, and where in it they stand. */
export interface Written {
  readonly value: unknown;
  /** Line of a setting, from 1; of the group it belongs to where it is missing. */
  readonly lineOf: LineOf;
}
export type LineOf = (path: readonly string[]) => number | undefined;

/** The file's YAML; an empty file holds no settings. Fails with `config-invalid`. */
export function readYaml(text: string): Written {
  const lines = new LineCounter();
  const document = parseDocument(text, { prettyErrors: true, lineCounter: lines });
  const problem = (error: unknown): Problem => ({
    where: 'YAML',
    what: (messageOf(error).split('\n')[0] ?? '').replace(/:$/, ''),
  });
  if (document.errors.length > 0) throw invalid(document.errors.map(problem));
  const lineOf: LineOf = (path) => {
    const offset = offsetOf(document.contents, path);
    return offset === undefined ? undefined : lines.linePos(offset).line;
  };
  try {
    return { value: document.toJS() ?? {}, lineOf };
  } catch (error) {
    throw invalid([problem(error)]);
  }
}

/** Where the last part of the path that is there begins. */
function offsetOf(root: Node | null, path: readonly string[]): number | undefined {
  let node: unknown = root;
  let offset: number | undefined;
  for (const name of path) {
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === name);
      if (pair === undefined) return offset;
      if (isScalar(pair.key)) offset = pair.key.range?.[0] ?? offset;
      node = pair.value;
    } else if (isSeq<Node>(node)) {
      const item = node.items[Number(name)];
      if (item === undefined) return offset;
      offset = item.range?.[0] ?? offset;
      node = item;
    } else return offset;
  }
  return offset;
}

const REFERENCE = /\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g;

/** Replaces `${NAME}` in every text of the file; a name that is not set, or empty, is a problem. */
export function substitute(
  value: unknown,
  path: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
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

/** What the settings must keep among each other; looked at as written, so that no other problem hides it. */
export function relations(input: unknown): readonly Problem[] {
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
  for (const name of ['rules', 'default']) {
    if (!given('retention', 'file') || !given('retention', name)) continue;
    problems.push({
      where: `retention.${name}`,
      what: 'stands beside retention.file; the schedule is in one place',
    });
  }
  if (at(input, ['webhooks', 'enabled']) === true && !given('webhooks', 'secret')) {
    problems.push({
      where: 'webhooks.secret',
      what: 'is missing; without it nobody can tell who sent a webhook',
    });
  }
  problems.push(...portalProblems(input));
  return problems;
}

/** What the settings of the portal demand of each other. */
export function portalProblems(input: unknown): readonly Problem[] {
  const problems: Problem[] = [];
  for (const where of ['portal.publicUrl', 'portal.oidc.issuer']) {
    const url = at(input, where.split('.'));
    if (typeof url !== 'string' || !url.startsWith('http:') || isOnThisMachine(url)) continue;
    problems.push({ where, what: 'must be https: what is sent there by http, anybody on the way can read' });
  }
  const publicUrl = at(input, ['portal', 'publicUrl']);
  if (typeof publicUrl === 'string' && URL.canParse(publicUrl) && new URL(publicUrl).pathname !== '/')
    problems.push({
      where: 'portal.publicUrl',
      what: 'must not have a path; give the portal a name of its own',
    });
  return problems;
}

function isOnThisMachine(url: string): boolean {
  return /^http:\/\/(localhost|127\.0\.0\.1|\[::1\])(:\d+)?(\/|$)/.test(url);
}

const SECRETS = [
  'zoom.clientSecret',
  'ledger.url',
  'sink.s3.accessKeyId',
  'sink.s3.secretAccessKey',
  'webhooks.secret',
  'signing.key',
  'portal.oidc.clientSecret',
  'access.key',
];

/** The texts of all secrets that are files, by their place; also says what is wrong with a ledger URL. */
export function readSecrets(
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
