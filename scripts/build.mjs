// `npm run build`: the program as plain JavaScript in dist, with the files it reads beside it.
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, readdirSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { buildPages } from '../portal/build.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = `${root}dist`;

rmSync(dist, { recursive: true, force: true });
const tsc = fileURLToPath(new URL('../node_modules/typescript/bin/tsc', import.meta.url));
const { status } = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], {
  cwd: root,
  stdio: 'inherit',
});
if (status !== 0) process.exit(status ?? 1);

const migrations = 'ledger/migrations';
cpSync(`${root}src/${migrations}`, `${dist}/${migrations}`, { recursive: true });
if (!readdirSync(`${dist}/${migrations}`).some((name) => name.endsWith('.sql'))) {
  throw new Error('dist holds no migrations');
}
await buildPages(`${dist}/portal/pages`);
// The first line of main.ts names node, so the file can be run as it is.
chmodSync(`${dist}/main.js`, 0o755);
