/** `npm run emulator`: the emulator as a process of its own. One JSON line on standard output says it is ready. */
import { Command, InvalidArgumentError, Option } from 'commander';
import type { Plan } from './limits.ts';
import { startEmulator } from './server.ts';
import { type SwitchChanges, switchesSchema } from './switches.ts';

interface Flags {
  readonly port: number;
  readonly plan: Plan;
  readonly limits: boolean;
  readonly seed: number;
  readonly sessions: number;
  readonly messages: number;
  readonly visits: number;
  readonly corpus?: string;
  readonly act?: number;
  readonly actOnly?: 'live';
  readonly now?: number;
  readonly frozen?: boolean;
  readonly switch: SwitchChanges;
}

const program = new Command('emulator')
  .description('A Zoom account over HTTP, generated from a seed or read from real chat logs.')
  .option('--port <port>', 'port to listen on; 0 takes a free one', readNumber, 0)
  .addOption(
    new Option('--plan <plan>', 'rate limits of this plan')
      .choices(['free', 'pro', 'business'])
      .default('business'),
  )
  .option('--no-limits', 'do not enforce rate limits')
  .option('--seed <number>', 'seed of the generated account', readNumber, 1)
  .option('--sessions <count>', 'sessions to generate', readNumber, 200)
  .option('--messages <count>', 'messages to generate', readNumber, 100_000)
  .option('--visits <count>', 'further people who come into channels and leave again', readNumber, 0)
  .option('--corpus <file>', 'gzipped NDJSON chat logs to serve instead of a generated account')
  .option('--act <per second>', 'let people write, edit, delete and react at this rate', readNumber)
  .addOption(new Option('--act-only <sessions>', 'live: act only in sessions made for it').choices(['live']))
  .option('--now <time>', 'ISO time at which the emulated clock starts; default the real time', readTime)
  .option('--frozen', 'the clock moves by control only')
  .option(
    '--switch <name=value>',
    'behaviour Zoom does not document; may be given several times',
    readSwitch,
    {},
  )
  .addHelpText(
    'after',
    `
Switches: ${Object.keys(switchesSchema.shape).join(', ')}

Example:
  npm run emulator -- --seed 7 --sessions 50 --messages 20000 --no-limits --switch sentText=original`,
  );
const flags = program.parse().opts<Flags>();

const credentials = {
  accountId: 'emulated-account',
  clientId: 'emulated-client',
  clientSecret: 'emulated-secret',
};
const emulator = await startEmulator({
  ...credentials,
  port: flags.port,
  plan: flags.plan,
  limits: flags.limits,
  now: flags.now,
  frozen: flags.frozen,
  switches: flags.switch,
  source:
    flags.corpus === undefined
      ? {
          kind: 'generated',
          seed: flags.seed,
          sessions: flags.sessions,
          messages: flags.messages,
          visits: flags.visits,
        }
      : { kind: 'corpus', file: flags.corpus },
});
if (flags.act !== undefined) emulator.startActing(flags.act, { only: flags.actOnly });
process.stdout.write(
  `${JSON.stringify({ url: emulator.url, secondUrl: emulator.secondUrl, ...credentials })}\n`,
);

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.once(signal, () => {
    emulator.close().then(() => process.exit(0));
  });
}

function readNumber(text: string): number {
  const number = Number(text);
  if (text === '' || !(number >= 0)) throw new InvalidArgumentError('Not a number of 0 or more.');
  return number;
}

function readTime(text: string): number {
  const time = Date.parse(text);
  if (Number.isNaN(time)) throw new InvalidArgumentError('Not an ISO time.');
  return time;
}

function readSwitch(text: string, before: SwitchChanges): SwitchChanges {
  const [name = '', value = ''] = text.split('=');
  const literal = /^(true|false|-?\d+(\.\d+)?)$/.test(value) ? JSON.parse(value) : value;
  const parsed = switchesSchema.partial().safeParse({ [name]: literal });
  if (!parsed.success)
    throw new InvalidArgumentError(parsed.error.issues.map((issue) => issue.message).join('; '));
  return { ...before, ...parsed.data };
}
