/** What a process log may hold of an error: where and of which kind, never its text, which may quote a message or a question. */
import { ArchiverError } from '../errors.ts';

export interface Fault {
  readonly name: string;
  readonly code?: string;
  /** Constant at its place of origin. */
  readonly phrase?: string;
  readonly frames: readonly string[];
  readonly cause?: Fault;
}

const DEEPEST = 4;

export function faultOf(thrown: unknown, depth = 0): Fault {
  if (!(thrown instanceof Error)) return { name: typeof thrown, frames: [] };
  const frames = (thrown.stack ?? '').split('\n').flatMap((line) => /^ {4}at .*/.exec(line) ?? []);
  const own = thrown instanceof ArchiverError ? { code: thrown.code, phrase: phraseOf(thrown) } : {};
  const cause =
    thrown.cause !== undefined && depth < DEEPEST ? { cause: faultOf(thrown.cause, depth + 1) } : {};
  return { name: thrown.name, ...own, frames, ...cause };
}

/** Of what is unknown the phrase is made from the error's own text. */
function phraseOf({ code, phrase }: ArchiverError): string {
  return code === 'internal' ? 'unexpected error' : phrase;
}
