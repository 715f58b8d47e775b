/**
 * Notices what Zoom sends beyond what its reference names. A hundred rows come two hundred times a second, so a list
 * of fields is judged once and recognised from then on: 0.1 µs a row, 1% of what reading a page takes.
 */
import { KNOWN_SHAPES, type Shape } from './known-shapes.ts';

/** A field, or a word in a field, that the reference does not name. Never a value that may hold what people wrote. */
export interface UnknownShape {
  /** Name of the endpoint, as in its metrics. */
  readonly endpoint: string;
  /** `messages[].topic` for a field, `sessions[].type=Channel` for a word. */
  readonly name: string;
  /** Type of an example: string, number, boolean, null, list or object. */
  readonly type: string;
}

/** Names kept in all; further ones go by {@link OVERFLOW}. */
const MOST_NAMES = 200;
const OVERFLOW = '(others)';
/** Lists of fields remembered for each kind of object and length. */
const MOST_LISTS = 64;

const FIELD_NAME = /^[\w$.-]{1,64}$/;
const WORD = /^[\w:+-]{1,32}$/;

interface FieldList {
  readonly names: readonly string[];
  /** Full names of the fields that the reference does not name, with their places in `names`. */
  readonly unknown: readonly { readonly name: string; readonly field: string }[];
  readonly inner: readonly { readonly field: string; readonly node: Node }[];
}

/** A shape at its place in the answers of one endpoint. */
type Node =
  | {
      readonly kind: 'object';
      readonly path: string;
      readonly fields: ReadonlyMap<string, Node | undefined>;
      /** By how many fields they have; those met often come to the front. */
      readonly lists: FieldList[][];
    }
  | { readonly kind: 'list'; readonly items: Node }
  | { readonly kind: 'words'; readonly path: string; readonly words: ReadonlySet<unknown> };

type ObjectNode = Extract<Node, { readonly kind: 'object' }>;

type Found = Map<string, { readonly type: string; count: number }>;

export class ShapeWatch {
  readonly #onUnknown: (unknown: UnknownShape, count: number) => void;
  readonly #roots = new Map<string, Node | undefined>();
  readonly #seen = new Map<string, UnknownShape>();

  /** @param onUnknown told for each answer and unknown name in it, with how often it occurs there */
  constructor(onUnknown: (unknown: UnknownShape, count: number) => void) {
    this.#onUnknown = onUnknown;
  }

  /**
   * Looks at an answer.
   * @param endpoint its metric name; all its paths differ in ids only
   * @param path below the API's URL, without the query
   */
  look(endpoint: string, path: string, body: unknown): void {
    let root = this.#roots.get(endpoint);
    if (root === undefined) {
      if (this.#roots.has(endpoint)) return;
      const shape = shapeOf(path);
      root = shape === undefined ? undefined : nodeOf(shape, '');
      this.#roots.set(endpoint, root);
      if (root === undefined) return;
    }
    const found: Found = new Map();
    visit(root, body, found);
    for (const [name, { type, count }] of found) this.#count(endpoint, name, type, count);
  }

  /** Every unknown name met so far, each once. */
  seen(): readonly UnknownShape[] {
    return [...this.#seen.values()];
  }

  #count(endpoint: string, name: string, type: string, count: number): void {
    const key = `${endpoint} ${name}`;
    let unknown = this.#seen.get(key);
    if (unknown === undefined) {
      if (this.#seen.size >= MOST_NAMES && name !== OVERFLOW) {
        this.#count(endpoint, OVERFLOW, type, count);
        return;
      }
      unknown = { endpoint, name, type };
      this.#seen.set(key, unknown);
    }
    this.#onUnknown(unknown, count);
  }
}

/** The known shape of the answers at `path`; undefined where nobody watches. */
export function shapeOf(path: string): Shape | undefined {
  const exact = KNOWN_SHAPES[path];
  if (exact !== undefined) return exact;
  const parts = path.split('/');
  const found = Object.keys(KNOWN_SHAPES).find((template) => {
    const wanted = template.split('/');
    return wanted.length === parts.length && wanted.every((part, at) => part === '{}' || part === parts[at]);
  });
  return found === undefined ? undefined : KNOWN_SHAPES[found];
}

function nodeOf(shape: Shape, path: string): Node {
  switch (shape.kind) {
    case 'object': {
      const fields = new Map<string, Node | undefined>();
      for (const [name, inner] of shape.fields)
        fields.set(name, inner === undefined ? undefined : nodeOf(inner, join(path, name)));
      return { kind: 'object', path, fields, lists: [] };
    }
    case 'list':
      return { kind: 'list', items: nodeOf(shape.items, `${path}[]`) };
    case 'words':
      return { kind: 'words', path, words: shape.words };
    default:
      return shape satisfies never;
  }
}

function visit(node: Node, value: unknown, found: Found): void {
  switch (node.kind) {
    case 'object':
      if (isObject(value)) visitObject(node, value, found);
      return;
    case 'list':
      if (!Array.isArray(value)) return;
      for (const item of value) visit(node.items, item, found);
      return;
    case 'words':
      if (value === null || node.words.has(value)) return;
      add(found, `${node.path}=${wordOf(value)}`, value);
      return;
    default:
      node satisfies never;
  }
}

function visitObject(node: ObjectNode, value: Readonly<Record<string, unknown>>, found: Found): void {
  const { unknown, inner } = fieldList(node, Object.keys(value));
  for (const { field, node: below } of inner) visit(below, value[field], found);
  for (const { name, field } of unknown) add(found, name, value[field]);
}

/** What was found out about a list of fields; the same list in the same order comes again and again. */
function fieldList(node: ObjectNode, names: readonly string[]): FieldList {
  let lists = node.lists[names.length];
  if (lists === undefined) {
    lists = [];
    node.lists[names.length] = lists;
  }
  for (let at = 0; at < lists.length; at += 1) {
    const list = lists[at];
    if (list === undefined || !isSame(list.names, names)) continue;
    const before = at > 0 ? lists[at - 1] : undefined;
    if (before !== undefined) {
      lists[at - 1] = list;
      lists[at] = before;
    }
    return list;
  }
  const judged = judge(node, names);
  if (lists.length < MOST_LISTS) lists.push(judged);
  return judged;
}

function judge(node: ObjectNode, names: readonly string[]): FieldList {
  const inner: { field: string; node: Node }[] = [];
  const unknown: { name: string; field: string }[] = [];
  for (const field of names) {
    const below = node.fields.get(field);
    if (below !== undefined) inner.push({ field, node: below });
    else if (!node.fields.has(field)) {
      unknown.push({ field, name: join(node.path, FIELD_NAME.test(field) ? field : '(no plain name)') });
    }
  }
  return { names, unknown, inner };
}

function isSame(one: readonly string[], other: readonly string[]): boolean {
  if (one.length !== other.length) return false;
  for (let at = 0; at < one.length; at += 1) if (one[at] !== other[at]) return false;
  return true;
}

function add(found: Found, name: string, example: unknown): void {
  const entry = found.get(name);
  if (entry === undefined) found.set(name, { type: typeOf(example), count: 1 });
  else entry.count += 1;
}

function join(path: string, field: string): string {
  return path === '' ? field : `${path}.${field}`;
}

/** Fields that hold words hold no text of people; yet only what looks like a word is repeated. */
function wordOf(value: unknown): string {
  const text = typeof value === 'string' || typeof value === 'number' ? String(value) : '';
  return WORD.test(text) ? text : '(no word)';
}

function typeOf(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'list' : typeof value;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}
