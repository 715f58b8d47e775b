/** The demo's child processes: the emulator, and one command of the archiver at a time. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';

/** Asked politely, then told again (the archiver stops at once on a second signal), then killed. */
const SECOND_SIGNAL_MS = 700;
const KILL_MS = 5_000;

/** Starts processes and ends exactly those, by their pid, whatever happens to the demo. */
export class Processes {
  readonly #cwd: string;
  readonly #alive = new Set<ChildProcess>();
  #stopping: Promise<void> | undefined;

  /** @param cwd folder in which every process runs */
  constructor(cwd: string) {
    this.#cwd = cwd;
  }

  /** Starts a TypeScript program that says on its first line, in JSON, that it is ready; returns that line. */
  async startServer(args: readonly string[]): Promise<string> {
    const child = this.#spawn(args, ['ignore', 'pipe', 'inherit']);
    const lines = createInterface({ input: child.stdout ?? process.stdin });
    const ended = once(child, 'exit').then(([code]) => {
      throw new Error(`${args[0]} ended before it was ready, with exit code ${String(code)}`);
    });
    const [line] = await Promise.race([once(lines, 'line'), ended]);
    ended.catch(() => undefined);
    return String(line);
  }

  /** Runs a TypeScript program to its end; returns its standard output. Fails unless its exit code is 0. */
  async run(args: readonly string[]): Promise<string> {
    const child = this.#spawn(args, ['ignore', 'pipe', 'inherit']);
    const [output, code] = await Promise.all([
      child.stdout === null ? '' : text(child.stdout),
      once(child, 'exit').then(([status, signal]) => status ?? signal),
    ]);
    if (this.#stopping !== undefined) throw new Error('the demo is stopping');
    if (code !== 0) throw new Error(`the command ended with ${String(code)}\n${output}`);
    return output;
  }

  /** Ends what still runs and waits for it. After this nothing more starts. */
  stop(): Promise<void> {
    this.#stopping ??= Promise.all([...this.#alive].map(end)).then(() => undefined);
    return this.#stopping;
  }

  #spawn(args: readonly string[], stdio: ('ignore' | 'pipe' | 'inherit')[]): ChildProcess {
    if (this.#stopping !== undefined) throw new Error('the demo is stopping');
    const child = spawn(process.execPath, [...args], { cwd: this.#cwd, stdio });
    this.#alive.add(child);
    child.once('exit', () => this.#alive.delete(child));
    return child;
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  const timers = new AbortController();
  const after = async (ms: number, signal: NodeJS.Signals): Promise<void> => {
    await sleep(ms, undefined, { signal: timers.signal });
    child.kill(signal);
  };
  child.kill('SIGTERM');
  const later = [after(SECOND_SIGNAL_MS, 'SIGTERM'), after(KILL_MS, 'SIGKILL')];
  await gone;
  timers.abort();
  await Promise.allSettled(later);
}
