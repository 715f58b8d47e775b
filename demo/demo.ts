/**
 * `npm run demo`: collects six months of a generated account (or of real chat logs) while people write in it, seals
 * the archive and compares it with what really happened. Everything runs on this machine.
 */
import { createReadStream, existsSync, readdirSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { createGunzip } from 'node:zlib';
import { Command } from 'commander';
import { renderTable } from '../src/commands/table.ts';
import { type Comparison, compare, isExact } from './compare.ts';
import { areExact, compareStreams, type StreamTally } from './compare-streams.ts';
import {
  type EmulatorAddress,
  letPeopleWrite,
  readSessions,
  readStats,
  readStreamTruth,
  readTruth,
  requestsOf,
} from './emulator.ts';
import { Processes } from './processes.ts';
import { reviewArchive, servePortal } from './review.ts';

const ROOT = resolve(import.meta.dirname, '..');
const FOLDER = join(ROOT, 'demo-archive');
const CONFIG = join(FOLDER, 'archiver.yaml');
const SIGNING_KEY = join(FOLDER, 'signing.key');
const ACCESS_KEY = join(FOLDER, 'access.key');
const SESSIONS = 40;
const MESSAGES = 8_000;
const DEEDS_PER_SECOND = 50;
/** A day less than the activity logs are asked for by default. */
const LOOK_BACK_MS = 179 * 86_400_000;
const REPORT_EVERY_MS = 5_000;

interface Flags {
  readonly corpus?: string;
  readonly keepRunning?: boolean;
  readonly serve?: boolean;
}

const flags = new Command('demo')
  .description(
    'Collects an emulated Zoom account, seals it and checks the archive against what really happened.',
  )
  .option('--corpus <file>', 'chat logs (gzipped NDJSON) as the account, instead of a generated one')
  .option('--serve', 'serve the portal over the archive at the end, until Ctrl-C')
  .option('--keep-running', 'leave the emulator running at the end, for trying commands')
  .addHelpText(
    'after',
    `
The archive is made in ./demo-archive, which is deleted at the start and stays at the end.

Each line of a corpus is one JSON object: channel, n (its line in the channel), at (ISO time), type (only "message"
counts), nick, text and, for answers, reply_to (the n of the line answered).

Examples:
  npm run demo
  npm run demo -- --serve
  npm run demo -- --corpus logs.ndjson.gz`,
  )
  .parse()
  .opts<Flags>();

const processes = new Processes(ROOT);
let interrupted = false;
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    interrupted = true;
    say(`\n${signal}: stopping what the demo started`);
    void processes.stop();
  });
}
try {
  process.exitCode = (await demo(flags)) ? 0 : 1;
} catch (error) {
  if (!interrupted) {
    process.stderr.write(`demo failed: ${error instanceof Error ? error.message : String(error)}\n`);
  }
  process.exitCode = 1;
} finally {
  await processes.stop();
  if (interrupted) process.exitCode = 130;
}

/** The whole demo; false when the archive differs from what happened. */
async function demo({ corpus, keepRunning, serve }: Flags): Promise<boolean> {
  const started = performance.now();
  say(`The archive is made anew in ${fromHere(FOLDER)}; what an earlier demo left there is deleted.`);
  await removeEarlier();

  step(corpus === undefined ? 'A Zoom account in a box' : 'A Zoom account in a box, made of real chat logs');
  const emulator = await startEmulator(corpus);
  const before = await readSessions(emulator.url);
  const count = before.reduce((sum, session) => sum + session.messages, 0);
  say(`${number(before.length)} sessions, ${number(count)} messages at ${emulator.url} (rate limits off)`);

  step('Create the archive');
  await writeConfig(emulator);
  const made = await program([
    'keygen',
    '--name',
    'archive.example.com/demo',
    '--out',
    fromRoot(SIGNING_KEY),
    '--json',
  ]);
  await program([
    'keygen',
    '--name',
    'archive.example.com/demo/access',
    '--out',
    fromRoot(ACCESS_KEY),
    '--json',
  ]);
  await archiver(['init', '--json']);

  step('Begin the log of who asks it: from here on nobody gets an answer that is not written down');
  await archiver(['access-log', 'init', '--json']);

  step(`Collect six months while people write, ${DEEDS_PER_SECOND} deeds a second`);
  await letPeopleWrite(emulator.url, DEEDS_PER_SECOND, corpus !== undefined);
  const first = await collect(emulator.url);

  step('The people stop; collect what is new');
  await letPeopleWrite(emulator.url, 0, corpus !== undefined);
  const horizon = sixMonthsBack(Date.now());
  const second = await collect(emulator.url);

  step('Seal everything into Parquet');
  await archiver(['seal', '--all', '--json']);
  const status = JSON.parse(await archiver(['status', '--json'])) as Status;

  step('Two retention classes: what is kept by each, and until when');
  await archiver(['retention', 'plan']);

  step('Place a legal hold; the matters at Zoom became holds by themselves');
  const held = before.find(({ type, name, messages }) => type === 'Group' && name !== '' && messages > 0);
  await archiver([
    'hold',
    'place',
    ...['--matter', 'Example v. Demo', '--session', held?.name ?? ''],
    ...['--by', 'the demo', '--reason', 'to show it'],
  ]);
  await archiver(['hold', 'list']);

  step('Ask the archive');
  await archiver([
    'query',
    'select kind, count(*) as revisions, count(distinct message_id) as messages from messages group by kind order by kind',
  ]);
  await archiver(['query', searchFor(corpus === undefined ? 'invoice' : 'xorg.conf')]);

  step('Compare the archive with what really happened');
  const old = new Set<string>();
  async function* truth() {
    for await (const message of readTruth(emulator.url)) {
      if (message.sentAt < horizon) old.add(`${message.sessionId} ${message.messageId}`);
      yield message;
    }
  }
  const comparison = await compare(join(FOLDER, 'archive'), truth(), horizon);
  sayComparison(comparison);
  const corpusIntact = corpus === undefined || (await compareCorpus(corpus, emulator.url, before));
  const streams = await compareStreams(join(FOLDER, 'archive'), await readStreamTruth(emulator.url), {
    changesSince: Date.now() - LOOK_BACK_MS,
    messages: (session, message) => !old.has(`${session} ${message}`),
  });
  sayStreams(streams);
  const exact = isExact(comparison) && areExact(streams) && corpusIntact && first.complete && second.complete;

  step('Ask for holes: every period that was to be looked at');
  await archiver(['coverage']);

  step('Verify the archive as an auditor does: by its place and the public key alone');
  const { key } = JSON.parse(made) as { key: string };
  await program(['verify', '--archive', fromRoot(join(FOLDER, 'archive')), '--key', key]);

  step(
    'Review as an auditor: search, read a conversation with its history, export with proofs, check the export',
  );
  await reviewArchive(archiver, program, { session: held?.id ?? '', key, folder: fromRoot(FOLDER) });

  step('Result');
  const admitted = (name: string): number => (first.admitted[name] ?? 0) + (second.admitted[name] ?? 0);
  const stream = (name: string): number =>
    [first, second].reduce(
      (sum, { admitted: counts }) =>
        sum +
        Object.entries(counts)
          .filter(([kind]) => kind.startsWith(`${name} `))
          .reduce((total, [, count]) => total + count, 0),
      0,
    );
  const seconds = (performance.now() - started) / 1000;
  say(
    renderTable(
      ['what', 'count'],
      [
        ['sessions', status.sessions],
        ['revisions sent', admitted('messages sent')],
        ['revisions edited', admitted('messages edited')],
        ['revisions deleted', admitted('messages deleted')],
        ['reaction states', admitted('reactions state')],
        ['changes of membership', stream('channel_activities')],
        ['files of messages and emoji', stream('files')],
        ['forwarded messages', stream('forwarded')],
        ['legal-hold matters', stream('matters')],
        ['legal-hold zips', stream('hold_files')],
        ['users, channels, spaces, settings …', stream('context')],
        ['seen again (sightings)', first.sightings + second.sightings],
        ['seen again with other content (drift)', first.drift + second.drift],
        ['coverage: units done', status.units.done],
        ['coverage: units failed', status.units.failed],
        ['coverage: holes', status.holes],
        ['segments', status.segments.committed],
        ['bytes in segments', status.segments.bytes],
        ['requests to Zoom', requestsOf(await readStats(emulator.url))],
        ['seconds, all in all', Math.round(seconds)],
      ],
    ),
  );
  say(
    exact
      ? 'Nothing is missing, nothing is doubled.'
      : 'THE ARCHIVE DIFFERS FROM WHAT HAPPENED; see the comparison above.',
  );
  sayNext(key, held?.name ?? '');
  if (serve === true) await servePortal(processes, FOLDER, fromRoot(CONFIG));
  if (serve === true || keepRunning === true) await waitForSignal(emulator.url);
  return exact;
}

async function startEmulator(corpus: string | undefined): Promise<EmulatorAddress> {
  const source =
    corpus === undefined
      ? ['--seed', '7', '--sessions', String(SESSIONS), '--messages', String(MESSAGES)]
      : ['--corpus', resolve(process.env.INIT_CWD ?? process.cwd(), corpus)];
  // Zoom takes its time to make the zips of a legal hold; here they are ready at once.
  const args = [
    '--import',
    'tsx',
    'emulator/main.ts',
    '--no-limits',
    '--switch',
    'holdZipMinutes=0',
    ...source,
  ];
  sayCommand(args);
  return JSON.parse(await processes.startServer(args)) as EmulatorAddress;
}

/** Deletes the folder, but only one that a demo made: it is empty or holds the demo's configuration. */
async function removeEarlier(): Promise<void> {
  if (existsSync(FOLDER) && !existsSync(CONFIG) && readdirSync(FOLDER).length > 0) {
    throw new Error(`${FOLDER} was not made by the demo; move it away first`);
  }
  await rm(FOLDER, { recursive: true, force: true });
  await mkdir(FOLDER);
}

async function writeConfig(emulator: EmulatorAddress): Promise<void> {
  await writeFile(
    CONFIG,
    `# Made by the demo. The secret opens only the emulator.
zoom:
  accountId: ${emulator.accountId}
  clientId: ${emulator.clientId}
  clientSecret: ${emulator.clientSecret}
  apiUrl: ${emulator.url}/v2
  oauthUrl: ${emulator.url}
  # Zoom grants 60 requests a second; the emulator was told not to mind.
  rates: { LIGHT: 5000, MEDIUM: 5000, RESOURCE-INTENSIVE: 5000 }
collection:
  # With Zoom: two minutes, and a quarter of an hour for the youngest sessions.
  settle: 1s
  # With Zoom: a day, for a right may come back. The emulator means its first answer.
  patience: 0s
  modifications: [{ youngerThan: 200d, every: 1s }]
ledger:
  directory: ./ledger
sink:
  directory:
    path: ./archive
signing:
  key:
    file: ./signing.key
access:
  key:
    file: ./access.key
retention:
  # Two classes. A directory keeps the locks, but not against the owner of its files; a bucket does.
  rules:
    - { class: direct, match: { sessionType: "1:1" }, keep: 3y, disposition: review }
  default: { class: general, keep: 1y, disposition: destroy }
seal:
  spool: ./spool
`,
  );
}

interface Collected {
  readonly complete: boolean;
  readonly admitted: Readonly<Record<string, number>>;
  readonly sightings: number;
  readonly drift: number;
}

interface Status {
  readonly sessions: number;
  readonly units: { readonly done: number; readonly failed: number };
  readonly segments: { readonly committed: number; readonly bytes: number };
  readonly holes: number;
}

async function collect(url: string): Promise<Collected> {
  // On a terminal the command shows a bar of its own.
  const timer = setInterval(() => {
    if (process.stderr.isTTY) return;
    readStats(url)
      .then((stats) => say(`  … ${number(requestsOf(stats))} requests answered so far`))
      .catch(() => undefined);
  }, REPORT_EVERY_MS);
  try {
    const result = JSON.parse(await archiver(['collect', '--json'])) as Collected;
    if (!result.complete) say('  this pass was not complete');
    return result;
  } finally {
    clearInterval(timer);
  }
}

/** Runs one command of the archiver as a process of its own, as anybody would, and shows what it prints. */
function archiver(args: readonly string[]): Promise<string> {
  return program(['--config', fromRoot(CONFIG), ...args]);
}

async function program(args: readonly string[]): Promise<string> {
  const line = ['dist/main.js', ...args];
  sayCommand(line);
  const started = performance.now();
  const output = await processes.run(line);
  say(`${output.trimEnd()}\n  (${((performance.now() - started) / 1000).toFixed(1)} s)`);
  return output;
}

function sayComparison(comparison: Comparison): void {
  const kinds = Object.entries(comparison);
  say(
    renderTable(
      ['revision', 'expected', 'archived', 'earlier', 'missing', 'doubled', 'invented'],
      kinds.map(([kind, { expected, archived, earlier, missing, doubled, invented }]) => [
        kind,
        expected,
        archived,
        earlier,
        missing,
        doubled,
        invented,
      ]),
    ),
  );
  say('expected: every edit, every deletion, and every message that nobody edited or deleted');
  say('earlier: further records of messages that were edited or deleted, as `messages` showed them');
}

function sayStreams(streams: readonly StreamTally[]): void {
  say(
    renderTable(
      ['stream', 'expected', 'archived', 'unavailable', 'missing', 'doubled', 'invented'],
      streams.map(({ stream, expected, archived, unavailable, missing, doubled, invented }) => [
        stream,
        expected,
        archived,
        unavailable,
        missing,
        doubled,
        invented,
      ]),
    ),
  );
  say('unavailable: Zoom does not give it away; the archive holds a record that says so, and why');
}

/** Are the lines of the file archived, each exactly once? Reads file, truth and archive each on its own. */
async function compareCorpus(
  corpus: string,
  url: string,
  before: readonly { readonly id: string }[],
): Promise<boolean> {
  const ids = new Set(before.map((session) => session.id));
  const lines = await countCorpus(resolve(process.env.INIT_CWD ?? process.cwd(), corpus));
  async function* corpusTruth() {
    for await (const message of readTruth(url)) if (ids.has(message.sessionId)) yield message;
  }
  const { sent } = await compare(join(FOLDER, 'archive'), corpusTruth(), 0);
  const once = sent.expected - sent.missing;
  say(`messages in the file ${number(lines)}, of them archived exactly once ${number(once)}`);
  return once === lines && sent.expected === lines && sent.doubled === 0;
}

async function countCorpus(file: string): Promise<number> {
  const input = createReadStream(file).pipe(createGunzip());
  let lines = 0;
  for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
    if (line !== '' && (JSON.parse(line) as { type: string }).type === 'message') lines += 1;
  }
  return lines;
}

function searchFor(word: string): string {
  return `select sent_at, session_name, sender_name, left(text, 60) as text from messages where kind = 'sent' and text ilike '%${word}%' order by sent_at desc limit 5`;
}

/** Zoom's reports reach back six calendar months, to midnight UTC. */
function sixMonthsBack(now: number): number {
  const date = new Date(now);
  const day = date.getUTCDate();
  const month = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() - 6, 1));
  const days = new Date(Date.UTC(month.getUTCFullYear(), month.getUTCMonth() + 1, 0)).getUTCDate();
  return month.setUTCDate(Math.min(day, days));
}

function sayNext(key: string, session: string): void {
  const run = `npm run archiver -- --config ${fromRoot(CONFIG)}`;
  say(`
The public key of the archive's log, which checks all of it:
  ${key}

Try next:
  ${run} query "select sent_at, sender_name, text from messages where text ilike '%release%' limit 10"
  ${run} query "select message_id, count(*) as revisions from messages group by all order by revisions desc limit 5"
  ${run} query "describe messages"
  ${run} status
  ${run} coverage
  ${run} retention explain --session "${session}"
  ${run} hold list
  ${run} search --edited invoice
  ${run} access-log
  npm run demo -- --serve
  ls -R ${fromRoot(join(FOLDER, 'archive'))} | head -40`);
}

async function waitForSignal(url: string): Promise<void> {
  say(`\nThe emulator stays at ${url} until Ctrl-C; collect, seal and run work too.`);
  await new Promise<void>((done) => {
    // A pending promise alone would not keep the process alive.
    const alive = setInterval(() => undefined, 60_000);
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.once(signal, () => {
        clearInterval(alive);
        done();
      });
    }
  });
}

function sayCommand(args: readonly string[]): void {
  const shown = args.map((arg) => (/^[\w./:=-]+$/.test(arg) ? arg : `"${arg}"`)).join(' ');
  say(`$ node ${shown}`);
}

function step(title: string): void {
  say(`\n${title}`);
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

function number(value: number): string {
  return value.toLocaleString('en-US');
}

function fromRoot(path: string): string {
  return relative(ROOT, path);
}

function fromHere(path: string): string {
  return `./${relative(process.cwd(), path)}`;
}
