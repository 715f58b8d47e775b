/** A process that asks: `node --import tsx asking-process.ts <folder> <name> <how many>`. */
import { createDirectorySink } from '../../src/sinks/directory.ts';
import { asking, open, READER } from './opening.ts';

const [root = '', name = '', count = '0'] = process.argv.slice(2);
const log = await open(createDirectorySink({ root }));
process.stdout.write('open\n');
// Begins when all are open.
await new Promise((resolve) => process.stdin.once('data', resolve));
process.stdin.unref();
for (let turn = 0; turn < Number(count); turn += 1) await log.record(READER, asking(`${name} ${turn}`), null);
