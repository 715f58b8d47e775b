/** An archive of a log alone, by the definitions: enough for a server whose verbs are the test's own. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';
import { formatCheckpoint } from '../../src/proof/checkpoint.ts';
import { intactInPlace } from '../../src/proof/local-files.ts';
import { formatNote, signText } from '../../src/proof/note.ts';
import { openPublished, type PublishedLog } from '../../src/proof/published.ts';
import { OpenArchive } from '../../src/query/archive.ts';
import { canonicalJson } from '../../src/record.ts';
import { createDirectorySink } from '../../src/sinks/directory.ts';
import { naiveRoot, sha256 } from '../proof/naive-tree.ts';
import { KEY, SIGNER } from '../proof/proving.ts';
import { PUBLIC_KEY } from '../support/log.ts';

export interface SmallArchive {
  readonly root: string;
  /** Publishes a head of so many entries. @param fork other entries than before where it differs */
  publish(size: number, fork?: string): Promise<void>;
  open(): Promise<OpenArchive>;
  published(): Promise<PublishedLog>;
}

/** A folder that the test's end removes. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'portal-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

export async function smallArchive(size = 3): Promise<SmallArchive> {
  const root = await temporaryFolder();
  const sink = createDirectorySink({ root });
  const files = intactInPlace(root, sink);
  const archive: SmallArchive = {
    root,
    async publish(count, fork = '') {
      const entries = Array.from({ length: count }, (_, index) => entryOf(index, fork));
      const text = formatCheckpoint({
        origin: SIGNER.name,
        size: count,
        root: naiveRoot(entries),
        extensions: [],
      });
      const lengths = entries.map((bytes) => Buffer.of(bytes.length >> 8, bytes.length & 255));
      await put(
        `log/tile/entries/000.p/${count}`,
        Buffer.concat(entries.flatMap((e, i) => [lengths[i] ?? e, e])),
      );
      const leaves = entries.map((bytes) => sha256(Buffer.of(0), bytes));
      await put(`log/tile/0/000.p/${count}`, Buffer.concat(leaves));
      await put('log/checkpoint', formatNote({ text, signatures: [signText(text, SIGNER)] }));
    },
    open: () => OpenArchive.open(sink, KEY, files),
    published: () => openPublished(sink, KEY),
  };
  const put = async (key: string, bytes: Buffer | string): Promise<void> => {
    await mkdir(dirname(join(root, key)), { recursive: true });
    await writeFile(join(root, key), bytes);
  };
  await archive.publish(size);
  return archive;
}

function entryOf(index: number, fork: string): Buffer {
  const at = '2026-11-20T00:00:00.000Z';
  const key = PUBLIC_KEY;
  const first = { type: 'archive', at, format: 1, account: 'acct', origin: SIGNER.name, key, created_at: at };
  const later = { type: 'config', at, sha256: '6'.repeat(64), what: `setting ${index}${fork}` };
  return Buffer.from(canonicalJson(index === 0 ? first : later));
}
