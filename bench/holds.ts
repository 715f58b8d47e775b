import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { PutObjectCommand, PutObjectLegalHoldCommand } from '@aws-sdk/client-s3';
import { createClient } from '../src/sinks/s3-client.ts';
import type { S3Fake } from '../test/support/s3-fake.ts';
import { s3SinkOn } from '../test/support/s3-sink.ts';
import { markdown, whole } from './table.ts';

interface Version {
  readonly key: string;
  readonly version: string;
}

const OBJECTS = 500;
const ROUNDS = 3;
const AT_ONCE = 16;

/** How many legal holds a second the store takes as plain requests, and how many the sink places; best of some rounds. */
export async function holds(): Promise<string> {
  const store = spawn(process.execPath, ['--import', 'tsx', 'bench/s3-store.ts'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const [line] = (await once(createInterface({ input: store.stdout }), 'line')) as [string];
  const fake = JSON.parse(line) as S3Fake;
  const { url: endpoint, region, credentials, bucket: Bucket } = fake;
  const sink = s3SinkOn(fake, { prefix: '' });
  const client = createClient({ endpoint, region, forcePathStyle: true, credentials });
  const objects: Version[] = [];
  await forEach(OBJECTS, async (at) => {
    const Key = `segments/${at}`;
    const { VersionId = '' } = await client.send(new PutObjectCommand({ Bucket, Key, Body: Key }));
    objects[at] = { key: Key, version: VersionId };
  });
  const plain = (Status: 'ON' | 'OFF') =>
    rate(objects, ({ key: Key, version: VersionId }) =>
      client.send(new PutObjectLegalHoldCommand({ Bucket, Key, VersionId, LegalHold: { Status } })),
    );
  const best = { plain: 0, sink: 0 };
  for (let round = 0; round < ROUNDS; round += 1) {
    best.plain = Math.max(best.plain, await plain('ON'));
    await plain('OFF');
    best.sink = Math.max(best.sink, await rate(objects, ({ key, version }) => sink.placeHold(key, version)));
    await rate(objects, ({ key, version }) => sink.liftHold(key, version));
  }
  await sink.close();
  client.destroy();
  store.stdin.end();
  await once(store, 'close');
  return markdown(
    [`${AT_ONCE} at once`, 'holds/s'],
    [
      ['PutObjectLegalHold alone', whole(best.plain)],
      ['placeHold, read back', whole(best.sink)],
    ],
  );
}

/** Calls a second. */
async function rate(
  objects: readonly Version[],
  call: (object: Version) => Promise<unknown>,
): Promise<number> {
  const begun = performance.now();
  await forEach(objects.length, async (at) => {
    const object = objects[at];
    if (object !== undefined) await call(object);
  });
  return (objects.length * 1000) / (performance.now() - begun);
}

async function forEach(count: number, work: (at: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) {
      next += 1;
      await work(next - 1);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}
