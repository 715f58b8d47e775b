import { readFileSync } from 'node:fs';
import { ArchiverError } from '../errors.ts';

/** Version and commit of this build. */
export function buildInfo(): { readonly version: string; readonly commit: string } {
  const file = new URL('../../package.json', import.meta.url);
  const json: unknown = JSON.parse(readFileSync(file, 'utf8'));
  if (json === null || typeof json !== 'object' || !('version' in json) || typeof json.version !== 'string') {
    throw new ArchiverError('internal', 'package.json has no version');
  }
  const commit = 'commit' in json && typeof json.commit === 'string' ? json.commit : 'unknown';
  return { version: json.version, commit };
}
