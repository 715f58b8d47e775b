/** The program as it is built, as a process of its own, as operators run it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { type Sections, settings } from './archiver.ts';

const ROOT = new URL('../..', import.meta.url).pathname;

export interface Ended {
  /** Exit code; null when a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  /** Without {@link NO_ACCESS_LOG}, which most archives of tests are without. */
  readonly stderr: string;
  /** Whether {@link NO_ACCESS_LOG} was said. */
  readonly unrecorded: boolean;
}

const NO_ACCESS_LOG = 'note: this archive has no access log; nobody writes down what is asked\n';

export interface Running {
  readonly process: ChildProcess;
  readonly ended: Promise<Ended>;
  /** Resolves with the first line on standard error that `fits`, once there is one. Rejects when the process ends. */
  line(fits: (line: string) => boolean): Promise<string>;
  signal(name: NodeJS.Signals): void;
}

/** Starts `zoom-chat-archiver` with these arguments; the test's end kills what still runs. */
export function startArchiver(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Running {
  const { PATH, HOME, XDG_CACHE_HOME } = process.env;
  const child = spawn(process.execPath, [join(ROOT, 'dist/main.js'), ...args], {
    cwd: ROOT,
    // NODE_OPTIONS of the test runner, warnings of the SDK about Node 20: neither is ours.
    env: { PATH, HOME, TMPDIR: tmpdir(), XDG_CACHE_HOME, NODE_NO_WARNINGS: '1', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  const waiting: (() => void)[] = [];
  const wake = (): void => {
    for (const look of waiting.splice(0)) look();
  };
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    stdout += chunk;
  });
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    stderr += chunk;
    wake();
  });
  let over = false;
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      over = true;
      const unrecorded = stderr.includes(NO_ACCESS_LOG);
      resolve({ code, stdout, stderr: stderr.replace(NO_ACCESS_LOG, ''), unrecorded });
      wake();
    });
  });
  try {
    onTestFinished(() => {
      if (!over) child.kill('SIGKILL');
    });
  } catch {
    // Outside a test the caller ends it.
  }
  return {
    process: child,
    ended,
    async line(fits) {
      for (;;) {
        const found = stderr.split('\n').slice(0, -1).find(fits);
        if (found !== undefined) return found;
        if (over) throw new Error(`the process ended without the line:\n${stdout}\n${stderr}`);
        await new Promise<void>((resolve) => waiting.push(resolve));
      }
    },
    signal: (name) => void child.kill(name),
  };
}

/** Runs a command to its end. */
export function runArchiver(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  return startArchiver(args, environment).ended;
}

/** Writes a configuration file for the emulator at `url`; returns its path. JSON is YAML too. */
export async function writeConfig(folder: string, url: string, parts: Sections): Promise<string> {
  const path = join(folder, 'archiver.yaml');
  const sections = { sink: { directory: { path: './archive' } }, seal: { spool: './spool' }, ...parts };
  await writeFile(path, JSON.stringify(settings(url, sections), null, 2));
  return path;
}
