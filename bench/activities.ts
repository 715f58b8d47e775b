import { type RigOptions, startRig } from './rig.ts';
import { markdown, whole } from './table.ts';

interface Stats {
  readonly requests: Record<string, number>;
  readonly busiestSecond: Record<string, number>;
  readonly firstRequestAt: number;
  readonly lastRequestAt: number;
}

/** 36,000 rows, 15 a page: half a minute of the whole LIGHT budget. */
const VISITS = 18_000;
const SECONDS = 40;
const LIGHT = 80;
const MEDIUM = 60;

const HEAD = [
  ...['streams', 'share', 'latency', 'label', 'granted requests/s', 'answered requests/s'],
  ...['of the budget', '429s', 'busiest second'],
];

/**
 * (f) Requests of the activity logs against the LIGHT budget they were given, with the emulator's Business limits on:
 * alone until all is collected, and for some seconds beside a backfill of messages that has the MEDIUM budget to use.
 */
export async function activities(): Promise<string> {
  const rows: (string | number)[][] = [];
  for (const share of [0.5, 1]) rows.push(...(await measure('activities', share, 0)));
  for (const latency of [0, 200]) rows.push(...(await measure('activities and messages', 1, latency)));
  return markdown(HEAD, rows);
}

async function measure(what: string, share: number, latency: number): Promise<(string | number)[][]> {
  const alone = what === 'activities';
  const options: RigOptions = {
    sessions: 200,
    messages: alone ? 0 : 400_000,
    // Beside the messages there must be enough for the whole time.
    visits: alone ? VISITS : 2 * VISITS,
    limits: true,
    zoom: `share: ${share}`,
    streams: ['activities'],
    ...(latency === 0 ? {} : { latency }),
  };
  const rig = await startRig(options);
  try {
    await rig.command(['collect', '--json'], alone ? undefined : SECONDS);
    const stats = (await (await fetch(`${rig.emulatorUrl}/_emulator/stats`)).json()) as Stats;
    const row = (label: string, endpoints: readonly string[], rate: number): (string | number)[] => {
      const counted = Object.entries(stats.requests).filter(([name]) =>
        endpoints.some((endpoint) => name.startsWith(`${endpoint} `)),
      );
      const sum = (entries: readonly [string, number][]): number =>
        entries.reduce((total, [, count]) => total + count, 0);
      const refused = sum(counted.filter(([name]) => name.endsWith(' 429')));
      const seconds = (stats.lastRequestAt - stats.firstRequestAt) / 1000;
      const answered = (sum(counted) - refused) / seconds;
      return [
        ...[what, share, `${latency} ms`, label, (rate * share).toFixed(0), answered.toFixed(1)],
        ...[`${((100 * answered) / (rate * share)).toFixed(1)}%`, whole(refused)],
        stats.busiestSecond[label] ?? 0,
      ];
    };
    return [
      row('LIGHT', ['channel-activities'], LIGHT),
      ...(alone ? [] : [row('MEDIUM', ['messages', 'sessions'], MEDIUM)]),
    ];
  } finally {
    await rig.stop();
  }
}
