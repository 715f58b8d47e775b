/**
 * `npm run vectors`: makes test/vectors anew: an archive that holds, and what can be done to it, each with the verdict a
 * verifier has to give. Somebody else's verifier can be tried on them too; test/vectors/README.md says how to read them.
 */
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { SegmentEntry } from '../src/proof/entry.ts';
import { PUBLIC_KEY } from '../test/support/log.ts';
import { makeArchive } from '../test/vectors/archive.ts';
import { INVALID, VALID } from '../test/vectors/disposals.ts';
import { type Blame, tamperings, targetsOf } from '../test/vectors/tamperings.ts';

const vectors = join(import.meta.dirname, '../test/vectors');
const valid = join(vectors, 'valid');
const invalid = join(vectors, 'invalid');
await rm(valid, { recursive: true, force: true });
await rm(invalid, { recursive: true, force: true });

const archive = join(valid, 'archive');
await mkdir(archive, { recursive: true });
const heads = await makeArchive({
  root: archive,
  files: 7,
  configs: 250,
  covered: [
    [12, 9],
    [9, 6],
    [6, 3],
  ],
});
for (const [index, head] of heads.entries()) await writeFile(join(valid, `checkpoint-${index}`), head);
await writeFile(join(valid, 'public-key'), `${PUBLIC_KEY}\n`);

const list = tamperings(targetsOf(archive, heads));
for (const [index, { name, blames, apply }] of list.entries()) {
  const root = await mkdtemp(join(tmpdir(), 'vector-'));
  await cp(archive, root, { recursive: true });
  await apply(root);
  const folder = join(
    invalid,
    `${String(index + 1).padStart(3, '0')}-${name.replace(/[^a-z0-9]+/gi, '-').slice(0, 60)}`,
  );
  const before = await filesOf(archive);
  const after = await filesOf(root);
  const removed = [...before.keys()].filter((path) => !after.has(path)).sort();
  for (const [path, bytes] of after) {
    if (before.get(path)?.equals(bytes) === true) continue;
    await mkdir(dirname(join(folder, 'files', path)), { recursive: true });
    await writeFile(join(folder, 'files', path), bytes);
  }
  await mkdir(folder, { recursive: true });
  await writeFile(
    join(folder, 'expected.json'),
    `${JSON.stringify({ name, removed, findings: blames }, null, 2)}\n`,
  );
  await rm(root, { recursive: true });
}

const gap = join(invalid, '000-time-that-nobody-looked-at');
await mkdir(join(gap, 'archive'), { recursive: true });
await makeArchive({
  root: join(gap, 'archive'),
  files: 0,
  configs: 0,
  covered: [
    [12, 9],
    [6, 3],
  ],
});
const findings = [{ check: 'coverage', key: 'messages sent session-1' }];
await writeFile(
  join(gap, 'expected.json'),
  `${JSON.stringify({ name: 'time that nobody looked at, in an archive of its own', findings }, null, 2)}\n`,
);

const changes = [VALID, ...INVALID];
for (const [index, { name, apply }] of changes.entries()) {
  const folder =
    index === 0
      ? join(valid, 'disposals')
      : join(invalid, `${500 + index}-${name.replace(/[^a-z0-9]+/gi, '-')}`);
  const root = join(folder, 'archive');
  await mkdir(root, { recursive: true });
  let found: readonly Blame[] = [];
  await makeArchive({
    root,
    files: 0,
    configs: 0,
    covered: [[12, 9]],
    async change(sink, stored) {
      const of = (stream: string): SegmentEntry => {
        const entry = stored.find((each) => each.type === 'segment' && each.stream === stream);
        if (entry?.type !== 'segment') throw new Error(`there is no segment of ${stream}`);
        return entry;
      };
      const { entries, findings } = await apply(sink, of('messages'), of('reactions'));
      found = findings;
      return entries;
    },
  });
  if (index === 0) continue;
  const expected = { name: `${name}, in an archive of its own`, findings: found };
  await writeFile(join(folder, 'expected.json'), `${JSON.stringify(expected, null, 2)}\n`);
}
process.stdout.write(`2 valid archives, ${list.length + changes.length} invalid ones\n`);

async function filesOf(root: string): Promise<ReadonlyMap<string, Buffer>> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return new Map(
    await Promise.all(
      files.map(async ({ parentPath, name }) => {
        const path = join(parentPath, name);
        return [path.slice(root.length + 1), await readFile(path)] as const;
      }),
    ),
  );
}
