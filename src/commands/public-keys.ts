/** Public keys on the command line: the key itself, or a file that holds it. */
import { readFile } from 'node:fs/promises';
import { ArchiverError, hasCode } from '../errors.ts';
import { type NoteKey, parseNoteKey, parseWitnessKey, type WitnessKey } from '../proof/key.ts';

/** The key of a log. Fails with `bad-key`. */
export function readNoteKey(given: string): Promise<NoteKey> {
  return readKey(given, parseNoteKey);
}

/** The key of a witness. Fails with `bad-key`. */
export function readWitnessKey(given: string): Promise<WitnessKey> {
  return readKey(given, parseWitnessKey);
}

/** For an option that names a witness and may be repeated. Fails with `bad-key`. */
export function witnessKeys(given: string, earlier: readonly WitnessKey[] = []): readonly WitnessKey[] {
  return [...earlier, parseWitnessKey(given)];
}

async function readKey<Key>(given: string, parse: (text: string) => Key): Promise<Key> {
  try {
    return parse(given.trim());
  } catch (error) {
    if (!hasCode(error, 'bad-key')) throw error;
    const text = await readFile(given, 'utf8').catch(() => undefined);
    // What is neither is shown: it is meant to be public. What a file holds may be a secret key.
    if (text === undefined)
      throw new ArchiverError('bad-key', `${error.phrase}, nor is it a file`, { detail: given });
    return parse(text.trim());
  }
}
