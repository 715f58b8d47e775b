import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: [
      'test/support/memory.ts',
      'test/support/built.ts',
      'test/support/postgres-server.ts',
      'test/support/pglite-template.ts',
    ],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    pool: 'forks',
    // A test makes much and keeps little: with V8's own small nursery a tenth of all time goes into collecting garbage.
    execArgv: ['--min-semi-space-size=16', '--max-semi-space-size=64'],
    // Left alone, vitest takes one worker on two cores; and of three, one waits for a process, a disk or a lease.
    maxWorkers: Math.max(3, availableParallelism() - 1),
  },
});
