/** The S3 fake in a process of its own: prints how it is reached, and ends with its standard input. */
import { startS3Fake } from '../test/support/s3-fake.ts';

const { url, bucket, region, credentials, close } = await startS3Fake();
process.stdout.write(`${JSON.stringify({ url, bucket, region, credentials })}\n`);
process.stdin.resume().once('end', () => void close());
