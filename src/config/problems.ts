/** What can be wrong with a configuration file, in words that need no knowledge of YAML parsers or schemas. */
import type { z } from 'zod';
import { ArchiverError } from '../errors.ts';

/** Where in the file, as in `zoom.plan`, and what is wrong there. */
export interface Problem {
  readonly where: string;
  readonly what: string;
  /** For a variable that is not set: nothing else is worth saying about this place. */
  readonly unset?: true;
}

/**
 * `config-invalid` with a line for each problem.
 * @param lineOf where in the file a setting stands, if that is known
 * @param file named where it is not the configuration itself
 */
export function invalid(
  problems: readonly Problem[],
  lineOf: (path: readonly string[]) => number | undefined = () => undefined,
  file?: string,
): ArchiverError {
  const unset = new Set(problems.filter((problem) => problem.unset).map(({ where }) => where));
  const lines = problems
    .filter((problem) => problem.unset || !unset.has(problem.where))
    .map(({ where, what }) => {
      const line = lineOf(where.split('.'));
      const place = line === undefined ? where : `${where} (line ${line})`;
      return `  ${file === undefined ? '' : `${file}, `}${place}: ${what}`;
    });
  return new ArchiverError('config-invalid', 'the configuration has problems', {
    detail: `\n${lines.join('\n')}`,
  });
}

/** What an error says, whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The problems that an issue of the schema stands for: one, or one for each unknown setting or value of a list. */
export function problemsOf(issue: z.core.$ZodIssue): Problem[] {
  const where = issue.path.map(String).join('.');
  if (issue.code === 'invalid_union') {
    const chosen = branchOf(issue.errors);
    if (chosen !== undefined)
      return chosen.flatMap((inner) => problemsOf({ ...inner, path: [...issue.path, ...inner.path] }));
  }
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      where: where === '' ? key : `${where}.${key}`,
      what: 'is not a known setting',
    }));
  }
  return [{ where: where === '' ? '(top level)' : where, what: issue.message }];
}

/** Of a value or a list of such values, what is wrong with the one that was given; undefined for other unions. */
function branchOf(branches: readonly z.core.$ZodIssue[][]): readonly z.core.$ZodIssue[] | undefined {
  const [value, list] = branches;
  const [first] = list ?? [];
  if (first === undefined) return undefined;
  if (typeof first.path[0] === 'number' || first.code === 'too_small') return list;
  return first.code === 'invalid_type' && first.expected === 'array' ? value : undefined;
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
export function phrase(issue: z.core.$ZodRawIssue): string | undefined {
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
