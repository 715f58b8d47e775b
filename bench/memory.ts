import { startRig } from './rig.ts';
import { markdown, mb, whole } from './table.ts';
import { revisions } from './throughput.ts';

/** (c) Peak RSS of the archiver as the account grows twentyfold. */
export async function memory(): Promise<string> {
  const rows: (string | number)[][] = [];
  for (const messages of [90_000, 450_000, 1_850_000]) {
    const rig = await startRig({
      sessions: 200,
      messages,
      limits: false,
      zoom: 'share: 1\n  rates: { MEDIUM: 100000 }',
    });
    try {
      const collect = await rig.command(['collect', '--json']);
      const seal = await rig.command(['seal', '--all', '--json']);
      rows.push([whole(revisions(collect.result as never)), mb(collect.maxRss), mb(seal.maxRss)]);
    } finally {
      await rig.stop();
    }
  }
  return markdown(['revisions', 'peak RSS of collect', 'peak RSS of seal'], rows);
}
