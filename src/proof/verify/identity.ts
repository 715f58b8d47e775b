/** Whose archive it is: `archive.json` against entry 0 of the log. */
import { text } from 'node:stream/consumers';
import { hasCode } from '../../errors.ts';
import { ARCHIVE_KEY } from '../../segments/layout.ts';
import type { SinkReader } from '../../sinks/sink.ts';
import type { LogEntry } from '../entry.ts';
import { inclusionPath, inclusionRoot } from '../inclusion.ts';
import { formatVerifierKey, type NoteKey } from '../key.ts';
import { type PlacedEntry, type PublishedLog, readEntries } from '../published.ts';
import { entryHash } from '../tree.ts';
import type { Report } from './finding.ts';

/** @returns the account of entry 0 */
export async function checkIdentity(
  sink: SinkReader,
  first: LogEntry,
  key: NoteKey,
  report: Report,
): Promise<string> {
  if (first.type !== 'archive') {
    report({ check: 'identity', what: 'entry 0 does not say whose archive it is', key: 'log' });
    return '';
  }
  const { type: _type, at: _at, ...identity } = first;
  const told = { check: 'identity', key: ARCHIVE_KEY } as const;
  if ((await sink.head(ARCHIVE_KEY)) === null) {
    report({ ...told, what: 'archive.json is missing' });
    return identity.account;
  }
  let stated: unknown;
  try {
    stated = JSON.parse(await text(await sink.read(ARCHIVE_KEY)));
  } catch {
    stated = {};
  }
  for (const [name, expected] of Object.entries(identity)) {
    const found = String((stated as Record<string, unknown>)[name]);
    if (found === String(expected)) continue;
    report({
      ...told,
      what: `archive.json says another ${name} than entry 0`,
      expected: String(expected),
      found,
    });
  }
  const expected = formatVerifierKey(key);
  if (identity.key !== expected) {
    report({ ...told, what: 'entry 0 is of another log', expected, found: identity.key });
  }
  return identity.account;
}

/** Entry 0, where it was read before the head saved earlier: shown to be in the tree; a finding says where it is not. */
export async function provenFirst(
  sink: SinkReader,
  { checkpoint: { size, root }, readSubtree }: PublishedLog,
  report: Report,
): Promise<PlacedEntry | undefined> {
  try {
    const { value } = await readEntries(sink, 0, size).next();
    if (value === undefined) return undefined;
    const path = await inclusionPath(readSubtree, 0, size);
    if (Buffer.compare(inclusionRoot(entryHash(value.bytes), 0, size, path), root) === 0) return value;
    report({ check: 'log', what: 'entry 0 is not in the log', key: 'log' });
  } catch (error) {
    if (!hasCode(error, 'proof-invalid')) throw error;
    report({ check: 'log', what: error.phrase, key: error.detail ?? 'log' });
  }
  return undefined;
}
