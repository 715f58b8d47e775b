import { startRig } from './rig.ts';
import { markdown, mb, whole } from './table.ts';

interface CollectResult {
  readonly admitted: Record<string, number>;
  readonly pages: number;
  readonly stages: Record<string, number>;
}
interface SealResult {
  readonly segments: number;
  readonly records: number;
  readonly bytes: number;
  readonly stages: Record<string, number>;
}

/** Sum of the revisions in a collect's result. */
export function revisions(result: CollectResult): number {
  return Object.entries(result.admitted)
    .filter(([name]) => name.startsWith('messages '))
    .reduce((sum, [, count]) => sum + count, 0);
}

/** (b) From HTTP to sealed Parquet, limits off: a backfill of a million revisions, then sealing all of it. */
export async function throughput(): Promise<string> {
  const messages = Number(process.env.BENCH_MESSAGES ?? 900_000);
  const rig = await startRig({
    sessions: 200,
    messages,
    limits: false,
    zoom: 'share: 1\n  rates: { MEDIUM: 100000 }',
  });
  try {
    const before = rig.othersCpu();
    const collect = await rig.command(['collect', '--json']);
    const middle = rig.othersCpu();
    const seal = await rig.command(['seal', '--all', '--json']);
    const after = rig.othersCpu();
    const collected = collect.result as CollectResult;
    const sealed = seal.result as SealResult;
    const count = revisions(collected);
    const seconds = collect.seconds + seal.seconds;
    const stages = { ...collected.stages, ...sealed.stages };
    const spent = Object.values(stages).reduce((sum, value) => sum + value, 0);
    return [
      markdown(
        ['step', 'seconds', 'revisions/s', 'archiver CPU s', 'Postgres CPU s', 'emulator CPU s', 'peak RSS'],
        [
          [
            'collect',
            collect.seconds.toFixed(1),
            whole(count / collect.seconds),
            collect.cpuSeconds.toFixed(1),
            (middle.postgres - before.postgres).toFixed(1),
            (middle.emulator - before.emulator).toFixed(1),
            mb(collect.maxRss),
          ],
          [
            'seal',
            seal.seconds.toFixed(1),
            whole(count / seal.seconds),
            seal.cpuSeconds.toFixed(1),
            (after.postgres - middle.postgres).toFixed(1),
            (after.emulator - middle.emulator).toFixed(1),
            mb(seal.maxRss),
          ],
          ['both', seconds.toFixed(1), whole(count / seconds), '', '', '', ''],
        ],
      ),
      '',
      `${whole(count)} revisions on ${whole(collected.pages)} pages into ${whole(sealed.segments)} segments of ${mb(sealed.bytes)} in all.`,
      '',
      markdown(
        ['stage', 'seconds, all workers', 'share'],
        Object.entries(stages).map(([name, value]) => [
          name,
          value.toFixed(1),
          `${((100 * value) / spent).toFixed(0)}%`,
        ]),
      ),
    ].join('\n');
  } finally {
    await rig.stop();
  }
}
