import { constants } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { stricter } from './lock.ts';
import type { ObjectLock } from './sink.ts';

/** What a directory sink notes beside an object. */
export interface Note {
  /** Lower-case hex, of the object's bytes. */
  readonly sha256: string;
  readonly lock: ObjectLock | null;
}

/**
 * Appends one line to the notes of an object and makes it durable; the folder must exist. Notes only grow, and
 * the strictest lock of all lines holds, so writers cannot lower each other's and need no lock among them.
 */
export async function appendNote(path: string, note: Note): Promise<void> {
  const file = await open(path, constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT, 0o644);
  try {
    const line = {
      sha256: note.sha256,
      ...(note.lock === null
        ? {}
        : { mode: note.lock.mode, retainUntil: note.lock.retainUntil.toISOString() }),
    };
    // The line break in front ends a line that a crash cut short.
    await file.write(`\n${JSON.stringify(line)}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** The notes of an object taken together, `null` when there are none. Unfinished lines count for nothing. */
export async function readNotes(path: string): Promise<Note | null> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return '';
    throw error;
  });
  let sum: Note | null = null;
  for (const line of text.split('\n')) {
    const note = parseNote(line);
    if (note === null) continue;
    sum = { sha256: note.sha256, lock: sum === null ? note.lock : stricter(sum.lock, note.lock) };
  }
  return sum;
}

function parseNote(line: string): Note | null {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return null;
  }
  if (typeof value !== 'object' || value === null) return null;
  if (!('sha256' in value) || typeof value.sha256 !== 'string') return null;
  const mode = 'mode' in value ? value.mode : undefined;
  if (mode !== 'governance' && mode !== 'compliance') return { sha256: value.sha256, lock: null };
  const retainUntil = new Date('retainUntil' in value ? String(value.retainUntil) : '');
  return { sha256: value.sha256, lock: Number.isNaN(retainUntil.getTime()) ? null : { mode, retainUntil } };
}
