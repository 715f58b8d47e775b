import { S3Client } from '@aws-sdk/client-s3';

const CONNECT_TIMEOUT_MS = 5_000;
const IDLE_TIMEOUT_MS = 60_000;

/** How a store is reached, and as whom. */
export interface S3Store {
  readonly region: string;
  /** URL of a store that is not AWS. */
  readonly endpoint?: string | undefined;
  /** `true` where the bucket is a part of the path, as most stores other than AWS need it. */
  readonly forcePathStyle?: boolean | undefined;
  /** Without it the AWS default chain: environment, shared files, web identity, instance role. */
  readonly credentials?:
    | {
        readonly accessKeyId: string;
        readonly secretAccessKey: string;
        readonly sessionToken?: string;
      }
    | undefined;
}

/** A client that tries each call once and logs nothing. The caller destroys it. */
export function createClient(store: S3Store): S3Client {
  return new S3Client({
    region: store.region,
    ...(store.endpoint === undefined ? {} : { endpoint: store.endpoint }),
    ...(store.credentials === undefined ? {} : { credentials: store.credentials }),
    forcePathStyle: store.forcePathStyle ?? false,
    // A PUT with an unknown outcome must not be sent again unseen: only the sink repeats, and it looks first.
    maxAttempts: 1,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: { connectionTimeout: CONNECT_TIMEOUT_MS, socketTimeout: IDLE_TIMEOUT_MS },
    logger: { trace() {}, debug() {}, info() {}, warn() {}, error() {} },
  });
}
