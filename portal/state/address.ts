/** Addresses of the screens: whatever is shown can be linked to, and nothing else holds what is shown. */
import type { SearchInput } from '../../src/query/search.ts';

type Values = Readonly<Record<string, string | number | boolean | null | undefined>>;

/** A path with a query of what is not empty. */
export function address(path: string, values: Values = {}): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(values))
    if (value !== undefined && value !== null && value !== '' && value !== false)
      query.set(name, String(value));
  const text = query.toString();
  return text === '' ? path : `${path}?${text}`;
}

/** @param place `around` a message, or `from`, `to`, `zone` and `after` of the page */
export function conversationAddress(session: string, place: Values = {}): string {
  return address('/conversation', { session, ...place });
}

export function messageAddress(session: string, message: string): string {
  return address('/message', { session, message });
}

const TEXTS = [
  'text',
  'person',
  'participant',
  'session',
  'channel',
  'from',
  'to',
  'matter',
  'custodian',
] as const;
const FLAGS = ['hasFiles', 'external', 'edited', 'deleted'] as const;
const MATCHES = ['words', 'phrase', 'substring', 'regex'] as const;
const KINDS = ['sent', 'edited', 'deleted'] as const;

/** A question to search, as the address says it; what it says wrongly counts for nothing. */
export function questionOf(query: string, zone: string): SearchInput {
  const values = new URLSearchParams(query);
  const question: SearchInput = { zone: values.get('zone') ?? zone };
  for (const name of TEXTS) {
    const value = values.get(name)?.trim();
    if (value) question[name] = value;
  }
  for (const name of FLAGS) {
    const value = values.get(name);
    if (value === 'true' || value === 'false') question[name] = value === 'true';
  }
  const match = MATCHES.find((each) => each === values.get('match'));
  if (match !== undefined && match !== 'words') question.match = match;
  const kind = KINDS.find((each) => each === values.get('kind'));
  if (kind !== undefined) question.kind = kind;
  if (values.get('order') === 'newest') question.order = 'newest';
  const after = values.get('after');
  if (after) question.after = after;
  return question;
}

/** The same question as an address of the screen `path`. */
export function questionAddress(path: string, { limit: _, ...question }: SearchInput): string {
  const flags = Object.fromEntries(
    FLAGS.map((name) => [name, question[name] === undefined ? undefined : String(question[name])]),
  );
  return address(path, { ...question, ...flags });
}

/** Whether anything is asked for: an empty question finds the whole archive, which nobody means. */
export function isAsked({
  zone: _zone,
  order: _order,
  after: _after,
  match: _match,
  ...rest
}: SearchInput): boolean {
  return Object.keys(rest).length > 0;
}
