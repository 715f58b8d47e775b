import { existsSync, mkdtempSync, readFileSync, rmSync, statfsSync } from 'node:fs';
import { freemem, tmpdir } from 'node:os';
import { join } from 'node:path';

const FOLDER = '/dev/shm';
/** What a whole run leaves there at its fullest, several times over. */
const ROOM = 4 * 1024 ** 3;

/**
 * vitest's global set-up: temporary files of this run in memory, where Linux has room for them, unless `TMPDIR` says
 * otherwise. The tests kill processes and never the machine, so they prove the same there; and on a disk a third of
 * their time is spent making and removing small files. Caches of the commands go with the run.
 */
export default function setup(): () => void {
  const { TMPDIR } = process.env;
  if ((TMPDIR === undefined || TMPDIR === '') && fits()) process.env.TMPDIR = FOLDER;
  const cache = mkdtempSync(join(tmpdir(), 'caches-'));
  process.env.XDG_CACHE_HOME = cache;
  return () => rmSync(cache, { recursive: true, force: true });
}

function fits(): boolean {
  if (process.platform !== 'linux' || !existsSync(FOLDER) || freemem() < ROOM) return false;
  const { bavail, bsize } = statfsSync(FOLDER);
  // Containers often mount it so that nothing in it can be run; Postgres may have to be copied and run there.
  const mount = readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .find((line) => line.split(' ')[1] === FOLDER);
  return bavail * bsize >= ROOM && mount !== undefined && !mount.includes('noexec');
}
