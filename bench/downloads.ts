import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { silentLog } from '../src/log.ts';
import { ZoomClient } from '../src/zoom/client.ts';
import { download } from '../src/zoom/download.ts';
import { FILE_DOWNLOAD } from '../src/zoom/files.ts';
import { type Rig, startRig } from './rig.ts';
import { markdown, mb } from './table.ts';

interface Zip {
  readonly matterId: string;
  readonly custodianEmail: string;
  readonly fileKey: string;
}

const GIGABYTE = 1_000_000_000;
const ROUNDS = 5;

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

/** Runs on a disk that has written everything; what was downloaded goes again. */
async function settled(folder: string, work: () => Promise<number>): Promise<number> {
  execFileSync('sync');
  const seconds = await work();
  for (const name of readdirSync(folder)) if (/^(curl|spooled)-/.test(name)) rmSync(join(folder, name));
  return seconds;
}

/** Seconds that `curl` takes for the URLs, `parallel` at a time, each into a file. */
async function curl(
  folder: string,
  token: string,
  urls: readonly string[],
  parallel: number,
): Promise<number> {
  const args = urls.flatMap((url, index) => [
    ...(index === 0 ? [] : ['--next']),
    '-sSf',
    '-H',
    `Authorization: Bearer ${token}`,
    '-o',
    `${folder}/curl-${index}`,
    url,
  ]);
  const started = performance.now();
  const child = spawn(
    'curl',
    [
      '--no-progress-meter',
      '--parallel',
      '--parallel-max',
      String(parallel),
      '--parallel-immediate',
      ...args,
    ],
    { stdio: 'inherit' },
  );
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`curl ended with ${code}`);
  return (performance.now() - started) / 1000;
}

/** Seconds that our own download takes for the same: hashed on the way, into files of the spool. */
async function spool(
  { folder, emulatorUrl: url }: Rig,
  urls: readonly string[],
  parallel: number,
): Promise<number> {
  const client = new ZoomClient({
    credentials: {
      accountId: 'emulated-account',
      clientId: 'emulated-client',
      clientSecret: 'emulated-secret',
    },
    apiUrl: `${url}/v2`,
    oauthUrl: url,
    plan: 'business',
    share: 1,
    rates: { LIGHT: 100_000 },
    timeoutMs: 30_000,
    log: silentLog(),
  });
  const { signal } = new AbortController();
  const waiting = urls.map((link, index) => ({ link, path: `${folder}/spooled-${index}` }));
  const started = performance.now();
  const worker = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const { link, path } = next;
      const { pathname, searchParams } = new URL(link);
      const target = pathname.startsWith('/v2/')
        ? { path: pathname.slice(3), query: Object.fromEntries(searchParams) }
        : { url: link };
      const options = { path, largest: Number.POSITIVE_INFINITY };
      await download(client, FILE_DOWNLOAD, target, options, signal);
    }
  };
  await Promise.all(Array.from({ length: parallel }, worker));
  await client.close();
  return (performance.now() - started) / 1000;
}

/** (e) Legal-hold zips and chat files against `curl` of the same URLs, on the same loopback in the same run; medians. */
export async function downloads(): Promise<string> {
  const rows: (string | number)[][] = [];
  for (const what of ['legal-hold zips', 'chat files'] as const) {
    const hold = what === 'legal-hold zips';
    const rig = await startRig({
      sessions: 2,
      messages: 200,
      limits: false,
      zoom: 'share: 1\n  rates: { LIGHT: 100000, MEDIUM: 100000, RESOURCE-INTENSIVE: 100 }',
      more: `streams:
  activities: { enabled: false }
  context: { enabled: false }
  forwarded: { enabled: false }
  files: { enabled: ${!hold} }
  legalHold: { enabled: ${hold} }
`,
    });
    try {
      const control = async (path: string, body: object, method = 'POST'): Promise<unknown> => {
        const headers = { 'content-type': 'application/json' };
        const answer = await fetch(`${rig.emulatorUrl}/_emulator/${path}`, {
          method,
          headers,
          body: JSON.stringify(body),
        });
        return await answer.json();
      };
      const list = async (path: string): Promise<unknown[]> => {
        const text = await (await fetch(`${rig.emulatorUrl}/_emulator/${path}`)).text();
        return text
          .split('\n')
          .filter((line) => line !== '')
          .map((line) => JSON.parse(line) as unknown);
      };
      const api = async (path: string): Promise<Record<string, never>> => {
        const answer = await fetch(`${rig.emulatorUrl}/v2${path}`, {
          headers: { authorization: `Bearer ${token}` },
        });
        return (await answer.json()) as Record<string, never>;
      };
      const token = await accessToken(rig.emulatorUrl);
      await control('switches', { holdZipMinutes: 0 }, 'PUT');
      let bytes = 0;
      const urls: string[] = [];
      if (hold) {
        const zips = (await list('truth/hold-files')) as Zip[];
        for (const [index, zip] of zips.slice(0, 4).entries()) {
          await control('holds', {
            verb: 'set-zip',
            fileKey: zip.fileKey,
            condition: { kind: 'huge', bytes: GIGABYTE / 2 + index },
          });
          await api(
            `/chat/legalhold/matters/${zip.matterId}/files?identifier=${encodeURIComponent(zip.custodianEmail)}&page_size=20`,
          );
          urls.push(
            `${rig.emulatorUrl}/v2/chat/legalhold/matters/${zip.matterId}/files/download?file_key=${encodeURIComponent(zip.fileKey)}`,
          );
          bytes += GIGABYTE / 2;
        }
      } else {
        const sessions = (await (await fetch(`${rig.emulatorUrl}/_emulator/sessions`)).json()) as {
          id: string;
        }[];
        for (let index = 0; index < 200; index += 1) {
          const files = [{ name: `file-${index}.bin`, size: 10_000_000 }];
          await control('act', { verb: 'send', sessionId: sessions[0]?.id, text: 'file', files });
          bytes += 10_000_000;
        }
        const files = ((await list('truth/files')) as { fileId: string; fileSize: number }[]).filter(
          (file) => file.fileSize === 10_000_000,
        );
        for (const { fileId } of files) urls.push(String((await api(`/chat/files/${fileId}`)).download_url));
      }
      const parallel = hold ? 2 : 8;
      const bare: number[] = [];
      const spooled: number[] = [];
      for (let round = 0; round < ROUNDS; round += 1) {
        bare.push(await settled(rig.folder, () => curl(rig.folder, token, urls, parallel)));
        spooled.push(await settled(rig.folder, () => spool(rig, urls, parallel)));
      }
      const run = await rig.command(['collect', '--json']);
      rows.push([
        what,
        urls.length,
        mb(bytes),
        `${mb(bytes / median(bare))}/s`,
        `${mb(bytes / median(spooled))}/s`,
        `${((100 * median(bare)) / median(spooled)).toFixed(0)}%`,
        `${mb(bytes / run.seconds)}/s`,
        mb(run.maxRss),
      ]);
    } finally {
      await rig.stop();
    }
  }
  return markdown(
    [
      'what',
      'number',
      'bytes',
      'curl',
      'download into the spool',
      'of curl',
      'collect, start to stored',
      'peak RSS of collect',
    ],
    rows,
  );
}

async function accessToken(url: string): Promise<string> {
  const answer = await fetch(`${url}/oauth/token`, {
    method: 'POST',
    headers: {
      authorization: `Basic ${Buffer.from('emulated-client:emulated-secret').toString('base64')}`,
      'content-type': 'application/x-www-form-urlencoded',
    },
    body: 'grant_type=account_credentials&account_id=emulated-account',
  });
  return ((await answer.json()) as { access_token: string }).access_token;
}
