/** Our sink on the emulated S3, as the tests of sinks and of sealing set it up. */
import { silentLog } from '../../src/log.ts';
import { createS3Sink, type S3SinkOptions } from '../../src/sinks/s3.ts';
import type { Sink } from '../../src/sinks/sink.ts';
import type { S3Fake, S3FakeOptions } from './s3-fake.ts';

/** Two folders deep, because a key prefix that is applied twice, or not at all, must show. */
export const PREFIX = 'archive/a1/';

/** How a store is unlike AWS. */
export const CEPH_RGW_16: S3FakeOptions = {
  enforceIfNoneMatch: false,
  verifyChecksums: false,
  dropMultipartLocks: true,
};

/** A sink below {@link PREFIX} that does not pause between two tries. The caller closes it. */
export function s3SinkOn(fake: S3Fake, changes: Partial<S3SinkOptions> = {}): Sink {
  return createS3Sink({
    bucket: fake.bucket,
    prefix: PREFIX,
    region: fake.region,
    endpoint: fake.url,
    forcePathStyle: true,
    credentials: fake.credentials,
    log: silentLog(),
    pause: async () => {},
    ...changes,
  });
}

/** The rules of the archive that a client broke, with the keys. */
export function brokenRules(fake: S3Fake): readonly string[] {
  return fake.violations.map(({ rule, key }) => `${rule} ${key}`);
}
