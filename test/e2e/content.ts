/** What the archive holds of files, forwards and legal holds against what the emulator knows of them. */
import type { Emulator } from '../../emulator/server.ts';
import { bareId } from '../support/archive.ts';
import { readObjects, readStream, type StreamRow } from '../support/stream-rows.ts';

/** What is missing, there twice or invented; at most thirty lines. */
export async function compareContent(emulator: Emulator, root: string): Promise<string[]> {
  const objects = await readObjects(root);
  const problems = [
    ...[...objects]
      .filter(([key, sha256]) => !key.endsWith(`/${sha256}`))
      .map(([key]) => `other bytes: ${key}`),
    ...(await compareFiles(emulator, root, objects)),
    ...(await compareForwarded(emulator, root)),
    ...(await compareHolds(emulator, root, objects)),
  ];
  if (emulator.stats().writes > 0) problems.push('something was written to Zoom');
  return problems.slice(0, 30);
}

type Objects = ReadonlyMap<string, string>;

async function compareFiles(emulator: Emulator, root: string, objects: Objects): Promise<string[]> {
  const problems: string[] = [];
  const rows = uniqueBy(await readStream(root, 'files'), 'file_id', problems);
  for await (const file of emulator.files()) {
    const row = rows.get(file.fileId);
    rows.delete(file.fileId);
    const say = (what: string): void => void problems.push(`${what}: file ${file.fileId}, ${file.condition}`);
    if (row === undefined) {
      say('missing');
      continue;
    }
    if (row.columns.session_id !== file.sessionId) say(`in session ${row.columns.session_id}`);
    const reason = REASONS[file.condition];
    if ((row.record.reason ?? 'none') !== reason) say(`reason ${row.record.reason}`);
    if (reason === 'none' && row.columns.sha256 !== file.sha256) say('other bytes');
    problems.push(...objectProblems(row, objects));
  }
  for (const row of rows.values()) {
    if (row.record.origin !== 'emoji') problems.push(`invented: file ${row.record.file_id}`);
  }
  return problems;
}

const REASONS: Readonly<Record<string, string>> = {
  normal: 'none',
  'third-party': 'no-link',
  restricted: 'restricted',
  gone: 'not-found',
  html: 'html-page',
  'wrong-digest': 'digest-differs',
  short: 'digest-differs',
};

async function compareForwarded(emulator: Emulator, root: string): Promise<string[]> {
  const problems: string[] = [];
  const rows = uniqueBy(await readStream(root, 'forwarded'), 'forward_id', problems);
  for (const forward of emulator.forwarded()) {
    const row = rows.get(forward.forwardId);
    rows.delete(forward.forwardId);
    const say = (what: string): void => void problems.push(`${what}: forward ${forward.forwardId}`);
    if (row === undefined) {
      say('missing');
      continue;
    }
    if (row.columns.session_id !== forward.sessionId) say('other session');
    if (row.columns.message_id !== bareId(forward.messageId)) say('other message');
    if ((row.kind === 'resolved') !== forward.resolvable) say(row.kind);
    if (forward.resolvable && row.record.message.message !== forward.message?.message) say('other text');
    if (!forward.resolvable && row.record.reason !== 'not-found') say(`reason ${row.record.reason}`);
  }
  for (const id of rows.keys()) problems.push(`invented: forward ${id}`);
  return problems;
}

/** The same for legal holds alone. @param objects from `readObjects` */
export async function compareHolds(emulator: Emulator, root: string, objects: Objects): Promise<string[]> {
  const problems: string[] = [];
  const matters = await readStream(root, 'matters');
  for (const matter of emulator.matters()) {
    const found = matters.some(
      ({ record, kind }) =>
        kind === 'matter' &&
        record.matter_id === matter.matterId &&
        record.matter_name === matter.name &&
        record.matter_users.length === matter.custodians.length,
    );
    if (!found) problems.push(`missing: matter ${matter.name}`);
  }
  const rows = [...(await readStream(root, 'hold_files'))];
  for await (const zip of emulator.holdFiles()) {
    const own = rows.filter(
      ({ record }) =>
        record.matter_id === zip.matterId &&
        record.custodian.email === zip.custodianEmail &&
        record.file.file_key === zip.fileKey,
    );
    const say = (what: string): void => void problems.push(`${what}: zip of ${zip.matterId} ${zip.fileKey}`);
    const [row] = own;
    if (zip.condition.kind === 'never-ready') {
      if (row !== undefined) say('invented');
      continue;
    }
    if (row === undefined || own.length > 1) {
      say(`${own.length} times`);
      continue;
    }
    rows.splice(rows.indexOf(row), 1);
    const expected = ZIP_PROBLEMS[zip.condition.kind] ?? [];
    const problemsFound: readonly string[] = row.record.problems;
    if (
      expected.some((problem) => !problemsFound.includes(problem)) ||
      (expected.length === 0) !== (problemsFound.length === 0)
    )
      say(`problems ${problemsFound.join()}`);
    if (row.kind !== (expected.length > 0 ? 'broken' : 'stored')) say(row.kind);
    if (expected.length === 0) {
      if (row.columns.sha256 !== zip.sha256) say('other bytes');
      if (Number(row.columns.size) !== zip.size) say('other size');
      if (row.record.zip.entry_count !== zip.entries) say(`${row.record.zip.entry_count} entries`);
    }
    problems.push(...objectProblems(row, objects));
  }
  for (const { record } of rows)
    problems.push(`invented: zip of ${record.matter_id} ${record.file.file_key}`);
  return problems;
}

const ZIP_PROBLEMS: Readonly<Record<string, readonly string[]>> = {
  empty: ['empty'],
  truncated: ['cut-off', 'size-differs'],
  short: ['no-directory'],
  'wrong-size': ['size-differs'],
  'not-a-zip': ['html-page', 'no-directory'],
};

function objectProblems({ kind, columns, record }: StreamRow, objects: Objects): string[] {
  const mustHave = kind !== 'unavailable';
  if (mustHave !== (record.object !== null)) return [`${kind} with object ${record.object?.key}`];
  if (!mustHave) return [];
  return objects.get(String(columns.object_key)) === columns.sha256
    ? []
    : [`no object ${columns.object_key} as its record says`];
}

function uniqueBy(rows: readonly StreamRow[], name: string, problems: string[]): Map<string, StreamRow> {
  const unique = new Map<string, StreamRow>();
  for (const row of rows) {
    if (unique.has(row.record[name])) problems.push(`twice: ${row.record[name]} as ${row.kind}`);
    if (row.drift) problems.push(`drift: ${row.record[name]}`);
    unique.set(row.record[name], row);
  }
  return unique;
}
