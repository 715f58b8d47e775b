/**
 * Benchmarks of issue-sized workloads. `npm run bench` runs all; `npm run bench -- throughput memory` some. Prints
 * tables for docs/performance.md; asserts nothing.
 */
import { execFileSync } from 'node:child_process';
import { cpus, totalmem } from 'node:os';
import { activities } from './activities.ts';
import { budget } from './budget.ts';
import { downloads } from './downloads.ts';
import { exporting } from './export.ts';
import { holds } from './holds.ts';
import { memory } from './memory.ts';
import { proof } from './proof.ts';
import { query } from './query.ts';
import { retention } from './retention.ts';
import { seen } from './seen.ts';
import { shapes } from './shapes.ts';
import { steady } from './steady.ts';
import { throughput } from './throughput.ts';

const scenarios: Record<string, () => Promise<string>> = {
  budget,
  activities,
  throughput,
  memory,
  seen,
  shapes,
  downloads,
  steady,
  proof,
  holds,
  retention,
  query,
  export: exporting,
};

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => scenarios[name] === undefined);
if (unknown.length > 0) {
  console.error(`unknown scenario ${unknown.join(', ')}; there are ${Object.keys(scenarios).join(', ')}`);
  process.exitCode = 2;
} else {
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
  const model = cpus()[0]?.model ?? 'unknown CPU';
  console.log(
    `${cpus().length} cores, ${model}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}, commit ${commit}\n`,
  );
  execFileSync('npm', ['run', '--silent', 'build']);
  for (const [name, run] of Object.entries(scenarios)) {
    if (wanted.length > 0 && !wanted.includes(name)) continue;
    console.log(`## ${name}\n`);
    console.log(`${await run()}\n`);
  }
}
