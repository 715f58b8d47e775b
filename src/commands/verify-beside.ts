/** `verify` as a process of its own: it reads the whole archive, and whoever serves answers meanwhile. */
import { spawn } from 'node:child_process';
import { ArchiverError } from '../errors.ts';
import type { ReadingFlags } from './reading.ts';

/** Everything holds, holes in the coverage, something was altered: what `verify` calls a verdict. */
const VERDICTS: ReadonlySet<number | null> = new Set([0, 18, 19]);
const MOST_OUTPUT = 64e6;

/** What `verify --json` printed of the same archive. Fails with `incomplete` where it came to no verdict. */
export async function verifyBeside(flags: ReadingFlags, signal: AbortSignal): Promise<string> {
  const [, program = ''] = process.argv;
  const args = [...process.execArgv, program, 'verify', '--json', ...readingArgs(flags)];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'], signal });
  const chunks: Buffer[] = [];
  let length = 0;
  child.stdout.on('data', (chunk: Buffer) => {
    length += chunk.length;
    if (length <= MOST_OUTPUT) chunks.push(chunk);
    else child.kill();
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (!VERDICTS.has(code))
    throw new ArchiverError('incomplete', 'the verification came to no verdict', {
      detail: `exit code ${code ?? 'of a signal'}`,
    });
  return Buffer.concat(chunks).toString();
}

/** The flags that say which archive. */
export function readingArgs({ config, archive, region, endpoint, key }: ReadingFlags): readonly string[] {
  const given = { archive, region: archive === undefined ? undefined : region, endpoint, key };
  const place = archive === undefined ? ['--config', config] : [];
  return [
    ...place,
    ...Object.entries(given).flatMap(([name, value]) => (value === undefined ? [] : [`--${name}`, value])),
  ];
}
