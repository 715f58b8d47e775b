import { execFileSync } from 'node:child_process';

/** vitest's global set-up: the program as it is shipped, for the tests that start it as a process. */
export default function setup(): void {
  execFileSync(process.execPath, ['scripts/build.mjs'], {
    cwd: new URL('../..', import.meta.url).pathname,
    stdio: 'inherit',
  });
}
