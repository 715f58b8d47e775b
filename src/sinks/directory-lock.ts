import { constants } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { stricter } from './lock.ts';
import type { ObjectLock } from './sink.ts';

/** What a directory sink knows of an object from its notes. */
export interface Note {
  /** Lower-case hex, of the object's bytes. */
  readonly sha256: string;
  readonly lock: ObjectLock | null;
  /** Under a legal hold. */
  readonly held: boolean;
}

/** One line of notes: a lock, none, or a hold that begins or ends. */
export type Line =
  | { readonly sha256: string; readonly lock: ObjectLock | null }
  | { readonly sha256: string; readonly hold: 'on' | 'off' };

/**
 * Appends one line to the notes of an object and makes it durable; the folder must exist. Notes only grow. The strictest
 * lock of all lines holds, so writers cannot lower each other's; of lines about holds the last one counts, so the file
 * decides between two writers.
 */
export async function appendNote(path: string, line: Line): Promise<void> {
  const file = await open(path, constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT, 0o644);
  try {
    // The line break in front ends a line that a crash cut short.
    await file.write(`\n${JSON.stringify(fieldsOf(line))}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Makes durable what other writers appended, which a crash may have kept from doing so; none are durable as none. */
export async function syncNotes(path: string): Promise<void> {
  const file = await open(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return null;
    throw error;
  });
  await file?.sync().finally(() => file.close());
}

function fieldsOf(line: Line): Record<string, string> {
  if ('hold' in line) return line;
  const { sha256, lock } = line;
  if (lock === null) return { sha256 };
  return { sha256, mode: lock.mode, retainUntil: lock.retainUntil.toISOString() };
}

/**
 * The notes of an object taken together, `null` when there are none. Unfinished lines count for nothing, nor do those
 * before a line about other bytes: their object was destroyed.
 */
export async function readNotes(path: string): Promise<Note | null> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return '';
    throw error;
  });
  let sum: Note | null = null;
  for (const row of text.split('\n')) {
    const line = parseLine(row);
    if (line === null) continue;
    const { sha256 } = line;
    const before: Note = sum?.sha256 === sha256 ? sum : { sha256, lock: null, held: false };
    sum =
      'hold' in line
        ? { ...before, held: line.hold === 'on' }
        : { ...before, lock: stricter(before.lock, line.lock) };
  }
  return sum;
}

function parseLine(text: string): Line | null {
  const fields = parseFields(text);
  const { sha256, hold, mode, retainUntil: until } = fields;
  if (typeof sha256 !== 'string') return null;
  if (hold === 'on' || hold === 'off') return { sha256, hold };
  const retainUntil = new Date(String(until));
  const locked = (mode === 'governance' || mode === 'compliance') && !Number.isNaN(retainUntil.getTime());
  return { sha256, lock: locked ? { mode, retainUntil } : null };
}

function parseFields(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}
