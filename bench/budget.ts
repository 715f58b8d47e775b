import { startRig } from './rig.ts';
import { markdown, whole } from './table.ts';

interface Stats {
  readonly requests: Record<string, number>;
  readonly busiestSecond: Record<string, number>;
  readonly firstRequestAt: number;
  readonly lastRequestAt: number;
}

const SECONDS = 40;

/** (a) Requests of a backfill against the MEDIUM budget it was given, with the emulator's Business limits on. */
export async function budget(): Promise<string> {
  const rows: (string | number)[][] = [];
  for (const share of [0.5, 0.9, 1]) {
    const rig = await startRig({ sessions: 200, messages: 400_000, limits: true, zoom: `share: ${share}` });
    try {
      await rig.command(['collect', '--json'], SECONDS);
      const stats = (await (await fetch(`${rig.emulatorUrl}/_emulator/stats`)).json()) as Stats;
      const counted = Object.entries(stats.requests).filter(([name]) => !name.startsWith('token'));
      const made = counted.reduce((sum, [, count]) => sum + count, 0);
      const refused = counted
        .filter(([name]) => name.endsWith(' 429'))
        .reduce((sum, [, count]) => sum + count, 0);
      const seconds = (stats.lastRequestAt - stats.firstRequestAt) / 1000;
      const granted = 60 * share;
      rows.push([
        share,
        granted.toFixed(0),
        ((made - refused) / seconds).toFixed(1),
        `${((100 * (made - refused)) / (seconds * granted)).toFixed(1)}%`,
        whole(refused),
        stats.busiestSecond.MEDIUM ?? 0,
      ]);
    } finally {
      await rig.stop();
    }
  }
  return markdown(
    ['share', 'granted requests/s', 'answered requests/s', 'of the budget', '429s', 'busiest second'],
    rows,
  );
}
