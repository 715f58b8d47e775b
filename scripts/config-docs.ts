/** The configuration's schema as the files that describe it to editors and to people. */
import { configJsonSchema, scheduleJsonSchema } from '../src/config/schema.ts';
import { PRESETS } from '../src/retention/presets.ts';

export const SCHEMA_FILE = 'config.schema.json';
export const MANUAL_FILE = 'docs/configuration.md';
export const SCHEDULE_SCHEMA_FILE = 'retention.schema.json';
export const RETENTION_FILE = 'docs/retention.md';

const BEGIN = '<!-- settings: made by `npm run schema`, do not edit -->';
const END = '<!-- end of settings -->';

/** The part of JSON Schema that the configuration uses. */
interface Node {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly string[];
  readonly anyOf?: readonly Node[];
  readonly properties?: Readonly<Record<string, Node>>;
  readonly required?: readonly string[];
  readonly items?: Node;
  readonly additionalProperties?: boolean | Node;
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
}

/** Text of {@link SCHEMA_FILE}. */
export function schemaText(): string {
  return `${JSON.stringify(configJsonSchema(), null, 2)}\n`;
}

/** Text of {@link SCHEDULE_SCHEMA_FILE}. */
export function scheduleSchemaText(): string {
  return `${JSON.stringify(scheduleJsonSchema(), null, 2)}\n`;
}

/** The manual with its settings made anew, not formatted; what stands outside the two marks is kept. */
export function manualText(manual: string): string {
  return between(manual, BEGIN, END, settings());
}

const PRESETS_BEGIN = '<!-- presets: made by `npm run schema`, do not edit -->';
const PRESETS_END = '<!-- end of presets -->';

/** {@link RETENTION_FILE} with its table of presets made anew, as {@link manualText} does. */
export function retentionText(document: string): string {
  const head = '| preset | period | mode | where it is written | what it says |\n|---|---|---|---|---|';
  const rows = Object.entries(PRESETS).map(
    ([name, { keep, mode, citation, says }]) =>
      `| \`${name}\` | \`${keep}\` | \`${mode}\` | ${citation} | ${says} |`,
  );
  return between(document, PRESETS_BEGIN, PRESETS_END, `${[head, ...rows].join('\n')}\n`);
}

function between(document: string, beginMark: string, endMark: string, made: string): string {
  const begin = document.indexOf(beginMark);
  const end = document.indexOf(endMark);
  if (begin < 0 || end < begin) throw new Error(`a document lacks the mark ${beginMark}`);
  return `${document.slice(0, begin + beginMark.length)}\n\n${made}\n${document.slice(end)}`;
}

function settings(): string {
  const root = configJsonSchema() as Node;
  const sections: string[] = [];
  const single: string[] = [];
  for (const [name, node] of Object.entries(root.properties ?? {})) {
    const rows = rowsOf(node, name, root.required?.includes(name) ?? false);
    if (node.properties === undefined) single.push(...rows);
    else sections.push(table(`\`${name}\``, rows));
  }
  if (single.length > 0) sections.push(table('Top level', single));
  return sections.join('\n');
}

function table(title: string, rows: readonly string[]): string {
  return `### ${title}\n\n| setting | value | default | meaning |\n|---|---|---|---|\n${rows.join('\n')}\n`;
}

/** One row for each setting below `node`; objects only lend their name. */
function rowsOf(node: Node, path: string, required: boolean): string[] {
  if (node.properties !== undefined) {
    return Object.entries(node.properties).flatMap(([name, child]) =>
      rowsOf(child, `${path}.${name}`, node.required?.includes(name) ?? false),
    );
  }
  const cells = [`\`${path}\``, valueText(node), defaultText(node, required), node.description ?? ''];
  return [`| ${cells.map((text) => text.replaceAll('|', '\\|')).join(' | ')} |`];
}

function valueText(node: Node): string {
  if (node.enum !== undefined) return node.enum.map((value) => `\`${value}\``).join(', ');
  if (node.anyOf !== undefined) return 'secret';
  if (node.items !== undefined) {
    const names = Object.keys(node.items.properties ?? {});
    return names.length === 0 ? 'list' : `list of ${names.map((name) => `\`${name}\``).join(', ')}`;
  }
  if (typeof node.additionalProperties === 'object') return 'number for each label';
  if (node.pattern?.includes('ms|s|m|h|d') === true) return 'duration';
  if (node.pattern?.includes('MiB') === true) return 'size';
  if (/y\)\$$/.test(node.pattern ?? '')) return 'period';
  if (node.type === 'integer' || node.type === 'number') return range(node);
  if (node.type === 'boolean') return '`true`, `false`';
  return 'text';
}

function range({ minimum, maximum }: Node): string {
  if (minimum === undefined || maximum === undefined) return 'number';
  return maximum === Number.MAX_SAFE_INTEGER ? `${minimum} or more` : `${minimum} to ${maximum}`;
}

function defaultText(node: Node, required: boolean): string {
  if (node.default !== undefined) {
    const text = typeof node.default === 'string' ? node.default : JSON.stringify(node.default);
    return text === '' ? 'empty' : `\`${text}\``;
  }
  return required ? '**required**' : '';
}
