/** What the benchmarks run against: the emulator in a process of its own, a real Postgres, a folder for the archive. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SIGNING_KEY } from '../test/support/log.ts';
import { startPostgres } from '../test/support/postgres-server.ts';

export interface RigOptions {
  readonly sessions: number;
  readonly messages: number;
  /** Visits to channels, two rows of the activity log each; default none but the usual ones. */
  readonly visits?: number;
  /** Milliseconds over which the body of each answer trickles in; default 0. */
  readonly latency?: number;
  /** Whether the emulator enforces its Business limits. */
  readonly limits: boolean;
  /** Further lines of the `zoom` section. */
  readonly zoom: string;
  /** Further sections. */
  readonly more?: string;
  /** Streams beside sessions and messages that are collected; none unless said, or where `more` says. */
  readonly streams?: readonly string[];
}

export interface Usage {
  readonly cpuSeconds: number;
  /** Bytes. */
  readonly maxRss: number;
}

export interface Run extends Usage {
  readonly seconds: number;
  /** What the command printed with --json. */
  readonly result: unknown;
}

export interface Rig {
  readonly folder: string;
  readonly emulatorUrl: string;
  readonly databaseUrl: string;
  /** One command of the archiver as a process. `after` SIGTERMs it after so many seconds. */
  command(args: readonly string[], after?: number): Promise<Run>;
  /** CPU seconds of the emulator and of all Postgres processes so far. */
  othersCpu(): { readonly emulator: number; readonly postgres: number };
  stop(): Promise<void>;
}

/** What is measured are messages, unless said otherwise. */
const ROOT = new URL('..', import.meta.url).pathname;
/** The program as it is shipped, with the flags of its first line. */
const PROGRAM = [
  '--max-semi-space-size=32',
  '--import',
  join(ROOT, 'bench/usage.mjs'),
  join(ROOT, 'dist/main.js'),
];

export async function startRig(options: RigOptions): Promise<Rig> {
  const folder = mkdtempSync(join(tmpdir(), 'zoom-chat-archiver-bench-'));
  const postgres = await startPostgres();
  const emulator = spawn(
    process.execPath,
    [
      '--max-old-space-size=8192',
      '--import',
      'tsx',
      'emulator/main.ts',
      ...['--port', '0', '--seed', '1', '--plan', 'business'],
      ...['--sessions', String(options.sessions), '--messages', String(options.messages)],
      ...['--visits', String(options.visits ?? 0)],
      ...(options.limits ? [] : ['--no-limits']),
    ],
    { cwd: ROOT, stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const url = await firstLine(emulator);
  writeFileSync(
    join(folder, 'archiver.yaml'),
    `zoom:
  accountId: emulated-account
  clientId: emulated-client
  clientSecret: emulated-secret
  apiUrl: ${url}/v2
  oauthUrl: ${url}
  plan: business
  ${options.zoom}
ledger: { url: "${postgres.url}" }
sink: { directory: { path: ./archive } }
signing: { key: "${SIGNING_KEY}" }
${options.more ?? streamsOff(options.streams ?? [])}`,
  );
  if (options.latency !== undefined) {
    const fault = { kind: 'slow-body', ms: options.latency, times: 1_000_000 };
    await fetch(`${url}/_emulator/faults`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(fault),
    });
  }
  const command = async (args: readonly string[], after?: number): Promise<Run> => {
    const usageFile = join(folder, 'usage.json');
    const started = performance.now();
    const child = spawn(process.execPath, [...PROGRAM, '--config', join(folder, 'archiver.yaml'), ...args], {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, BENCH_USAGE: usageFile },
    });
    let out = '';
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      out += text;
    });
    const timer = after === undefined ? undefined : setTimeout(() => child.kill('SIGTERM'), after * 1000);
    const [code] = (await once(child, 'close')) as [number | null];
    clearTimeout(timer);
    // A pass that was asked to stop says so by its exit code.
    if (code !== 0 && !(after !== undefined && code === 130))
      throw new Error(`${args.join(' ')} ended with ${code}: ${out}`);
    const usage = JSON.parse(readFileSync(usageFile, 'utf8')) as Usage;
    return {
      seconds: (performance.now() - started) / 1000,
      result: out.trim() === '' ? null : JSON.parse(out),
      ...usage,
    };
  };
  await command(['init', '--json']);
  const postmaster = postgresPid(postgres.url);
  return {
    folder,
    emulatorUrl: url,
    databaseUrl: postgres.url,
    command,
    othersCpu: () => ({ emulator: cpuOf(emulator.pid ?? 0, false), postgres: cpuOf(postmaster, true) }),
    async stop() {
      emulator.kill('SIGTERM');
      await once(emulator, 'close');
      await postgres.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const STREAMS = ['activities', 'context', 'files', 'forwarded', 'legalHold'];

function streamsOff(wanted: readonly string[]): string {
  const off = STREAMS.filter((name) => !wanted.includes(name));
  return `streams: { ${off.map((name) => `${name}: { enabled: false }`).join(', ')} }\n`;
}

async function firstLine(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error('no standard output');
  const [chunk] = (await once(child.stdout, 'data')) as [Buffer];
  const ready = JSON.parse(chunk.toString('utf8')) as { url: string };
  return ready.url;
}

const TICKS = 100;

/** CPU seconds of a process, ended children included, and with `tree` of its living children too. Linux only. */
function cpuOf(pid: number, tree: boolean): number {
  let ticks = 0;
  const fields = stat(pid);
  if (fields !== undefined) ticks += fields[11] + fields[12] + fields[13] + fields[14];
  if (tree) {
    for (const name of readdirSync('/proc')) {
      if (!/^\d+$/.test(name)) continue;
      const child = stat(Number(name));
      if (child !== undefined && child[1] === pid) ticks += child[11] + child[12];
    }
  }
  return ticks / TICKS;
}

type StatFields = number[] & { 1: number; 11: number; 12: number; 13: number; 14: number };

/** Fields of /proc/PID/stat behind the command: [1] parent, [11] to [14] user and system ticks, own and children's. */
function stat(pid: number): StatFields | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text
      .slice(text.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number) as StatFields;
  } catch {
    return undefined;
  }
}

/** The server process that listens on the URL's port. */
function postgresPid(url: string): number {
  const port = Number(new URL(url).port);
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const words = readFileSync(`/proc/${name}/cmdline`, 'utf8').split('\0');
      if (words[0]?.endsWith('/postgres') && words.includes(`port=${port}`)) return Number(name);
    } catch {
      // The process ended meanwhile.
    }
  }
  return 0;
}
