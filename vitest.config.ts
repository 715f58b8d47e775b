import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/memory.ts', 'test/support/built.ts', 'test/support/postgres-server.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    pool: 'forks',
    // Left alone, vitest takes one worker on two cores, and the tests wait for disks and processes half of the time.
    maxWorkers: Math.max(2, availableParallelism() - 1),
  },
});
