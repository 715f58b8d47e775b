// Loaded with --import into a measured process: writes what it used to $BENCH_USAGE when it ends.
import { writeFileSync } from 'node:fs';

const file = process.env.BENCH_USAGE;
if (file !== undefined && process.env.BENCH_USAGE_PID === undefined) {
  // Children of the measured process inherit the environment and must not write over its figures.
  process.env.BENCH_USAGE_PID = String(process.pid);
  process.on('exit', () => {
    const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
    writeFileSync(
      file,
      JSON.stringify({ cpuSeconds: (userCPUTime + systemCPUTime) / 1e6, maxRss: maxRSS * 1024 }),
    );
  });
}
