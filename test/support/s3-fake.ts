import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { listObjects, listVersions } from './s3-fake-listing.ts';
import { FakeUploads } from './s3-fake-multipart.ts';
import {
  type FakeLock,
  FakeStore,
  type FakeVersion,
  Refused,
  type StoreRules,
  type Violation,
} from './s3-fake-store.ts';
import {
  header,
  headersOf,
  holdFromXml,
  lockConfigurationXml,
  lockFromHeaders,
  lockFromXml,
  parseTarget,
  receiveBody,
  renderXml,
  requireDigest,
  type Target,
  wrongChecksums,
  type Xml,
} from './s3-fake-wire.ts';

export interface S3FakeOptions extends StoreRules {
  /** Default `archive`. The only bucket there is. */
  readonly bucket?: string;
  /** Every request is answered 403 AccessDenied. */
  readonly denied?: boolean;
  /** Default true. False imitates Ceph RGW 16, which does not look at x-amz-checksum-sha256. */
  readonly verifyChecksums?: boolean;
  /** Default true. False: the hash that the client signed is not compared with the body either. */
  readonly verifySignedHash?: boolean;
  /** What the credentials have no right to, as `DELETE object` or `PUT object?retention`. */
  readonly forbidden?: readonly string[];
  /** What the store does not know, named as in `forbidden`. */
  readonly unimplemented?: readonly string[];
  /** Entries in a page of a listing, default 1,000. */
  readonly pageSize?: number;
}

/** A failure to come: of the next request that fits. */
export interface Fault {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE';
  /** The sub-resource, as `?retention`, '' for the object itself. Default: any. */
  readonly action?: string;
  /** On the wire, archive prefix included. A listing fits by the prefix it asks for. */
  readonly keyPrefix?: string;
  /** So many requests that fit pass first; default 0. */
  readonly after?: number;
  /** `lost`: the request changes nothing. `applied`: it takes effect, and only the answer is lost. */
  readonly effect: 'lost' | 'applied';
  /** What the client sees; `hang` never answers. */
  readonly how: 'reset' | 'hang' | '400' | '500' | '503' | '507';
  /** Called when the request is in and, for `applied`, has taken effect. */
  readonly onReached?: () => void;
}

export interface S3FakeObject {
  readonly key: string;
  readonly version: string;
  readonly bytes: Buffer;
  readonly lock: FakeLock | null;
  readonly held: boolean;
}

export interface S3Fake {
  readonly url: string;
  readonly bucket: string;
  readonly region: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  /** Every version that has bytes, by key, newest first within a key. */
  objects(): readonly S3FakeObject[];
  /** Empty at the end of every test that does not break a rule on purpose. */
  readonly violations: readonly Violation[];
  /** What was asked, in order: `PUT key`, `GET ?versions`. */
  readonly requests: readonly string[];
  failNext(fault: Fault): void;
  /** Drops the faults that no request has met. */
  forgetFaults(): void;
  /** From now on these rules hold instead of those it was started with. */
  breakRules(rules: StoreRules): void;
  /** Changes bytes behind the client's back, as a bad disk or a bad operator would. */
  tamper(key: string, bytes: Buffer): void;
  close(): Promise<void>;
}

const CREDENTIALS = { accessKeyId: 'fake-access-key', secretAccessKey: 'fake-secret-key' };

/**
 * An S3 on loopback with one bucket, that keeps versions and Object Lock and writes down every rule of the
 * archive that a client breaks. It checks the access key, not the signature.
 */
export async function startS3Fake(options: S3FakeOptions = {}): Promise<S3Fake> {
  const bucket = options.bucket ?? 'archive';
  const store = new FakeStore(options);
  const uploads = new FakeUploads(store);
  const faults: { readonly fault: Fault; after: number }[] = [];
  const requests: string[] = [];

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const target = parseTarget(request);
    const subject = target.key === '' ? (target.query.get('prefix') ?? '') : target.key;
    requests.push(`${request.method} ${target.key}${actionOf(target)}`);
    const body = await receiveBody(request);
    const fault = dueFault(request.method, subject, actionOf(target));
    let answer: Answer = { status: 500, error: 'InternalError' };
    if (fault?.effect !== 'lost') {
      try {
        authorise(request, target);
        answer = respond({ store, uploads, options }, request, target, body);
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        answer = { status: error.status, error: error.code };
      }
    }
    fault?.onReached?.();
    if (fault?.how === 'hang') return;
    if (fault?.how === 'reset') request.socket.destroy();
    else
      send(response, request, fault === undefined ? answer : { status: Number(fault.how), error: 'Fault' });
  }

  function dueFault(method: string | undefined, subject: string, action: string): Fault | undefined {
    const at = faults.findIndex(
      ({ fault }) =>
        fault.method === method &&
        (fault.action ?? action) === action &&
        subject.startsWith(fault.keyPrefix ?? ''),
    );
    const next = faults[at];
    if (next === undefined) return undefined;
    next.after -= 1;
    return next.after < 0 ? faults.splice(at, 1)[0]?.fault : undefined;
  }

  function authorise(request: IncomingMessage, target: Target): void {
    if (options.denied) throw new Refused(403, 'AccessDenied');
    if (!header(request, 'authorization')?.includes(`Credential=${CREDENTIALS.accessKeyId}/`)) {
      throw new Refused(403, 'InvalidAccessKeyId');
    }
    if (target.bucket !== bucket) throw new Refused(404, 'NoSuchBucket');
  }

  const server = createServer((request, response) => {
    serve(request, response).catch(() => request.socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    bucket,
    region: 'us-east-1',
    credentials: CREDENTIALS,
    objects: () =>
      [...store.listed()].flatMap(({ key, version, bytes, lock, hold }) =>
        bytes === null ? [] : [{ key, version, bytes, lock, held: hold === 'ON' }],
      ),
    violations: store.violations,
    requests,
    forgetFaults: () => void faults.splice(0),
    failNext: (fault) => faults.push({ fault, after: fault.after ?? 0 }),
    breakRules(rules) {
      store.rules = { ...store.rules, ...rules };
    },
    tamper(key, bytes) {
      const found: { bytes: Buffer } = store.find(key, undefined);
      found.bytes = bytes;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

interface Answer {
  readonly status: number;
  readonly error?: string;
  readonly headers?: Record<string, string>;
  readonly xml?: Xml;
  readonly bytes?: Buffer;
}

function send(response: ServerResponse, request: IncomingMessage, answer: Answer): void {
  const xml = answer.error === undefined ? answer.xml : errorXml(answer.error);
  const payload =
    xml === undefined
      ? (answer.bytes ?? Buffer.alloc(0))
      : Buffer.from(`<?xml version="1.0" encoding="UTF-8"?>${renderXml(xml)}`);
  response.writeHead(answer.status, {
    ...(xml === undefined ? {} : { 'content-type': 'application/xml' }),
    ...answer.headers,
    'content-length': String(payload.length),
    'x-amz-request-id': 'fake',
  });
  response.end(request.method === 'HEAD' ? undefined : payload);
}

function errorXml(code: string): Xml {
  return [
    [
      'Error',
      [
        ['Code', code],
        ['Message', code],
      ],
    ],
  ];
}

/** The sub-resource that a request is about, '' for the object or bucket itself. */
function actionOf({ query }: Target): string {
  const known = [
    'versions',
    'list-type',
    'versioning',
    'object-lock',
    'retention',
    'legal-hold',
    'uploads',
    'partNumber',
    'uploadId',
  ];
  const found = known.find((name) => query.has(name));
  return found === undefined ? '' : `?${found}`;
}

interface Behind {
  readonly store: FakeStore;
  readonly uploads: FakeUploads;
  readonly options: S3FakeOptions;
}

function respond(
  { store, uploads, options }: Behind,
  request: IncomingMessage,
  target: Target,
  body: Buffer,
): Answer {
  const version = target.query.get('versionId') ?? undefined;
  const bypass = header(request, 'x-amz-bypass-governance-retention') === 'true';
  const call = `${request.method} ${target.key === '' ? 'bucket' : 'object'}${actionOf(target)}`;
  if (options.forbidden?.includes(call)) throw new Refused(403, 'AccessDenied');
  if (options.unimplemented?.includes(call)) throw new Refused(501, 'NotImplemented');
  switch (call) {
    case 'HEAD bucket':
      return { status: 200 };
    case 'GET bucket?versions':
      return { status: 200, xml: listVersions(store, target.query, options.pageSize ?? 1000) };
    case 'GET bucket?list-type':
      return { status: 200, xml: listObjects(store, target.query, options.pageSize ?? 1000) };
    case 'GET bucket?versioning':
      return {
        status: 200,
        xml: [['VersioningConfiguration', store.versioned ? [['Status', 'Enabled']] : '']],
      };
    case 'GET bucket?object-lock':
      if (!store.locking) throw new Refused(404, 'ObjectLockConfigurationNotFoundError');
      return { status: 200, xml: lockConfigurationXml(options.defaultLock) };
    case 'PUT object':
      return putObject(store, options, request, target.key, body);
    case 'HEAD object':
    case 'GET object': {
      const found = store.find(target.key, version);
      const headers = headersOf(visible(found, options), store.versioned);
      // S3 tells the flag only to those who may ask for it by name.
      if (options.forbidden?.includes('GET object?legal-hold'))
        delete headers['x-amz-object-lock-legal-hold'];
      headers['content-length'] = String(found.bytes.length);
      return { status: 200, bytes: found.bytes, headers };
    }
    case 'GET object?retention': {
      const { lock } = store.find(target.key, version);
      if (lock === null) throw new Refused(404, 'NoSuchObjectLockConfiguration');
      const until = lock.retainUntil.toISOString();
      return {
        status: 200,
        xml: [
          [
            'Retention',
            [
              ['Mode', lock.mode],
              ['RetainUntilDate', until],
            ],
          ],
        ],
      };
    }
    case 'PUT object?retention':
      requireDigest(request);
      store.retain(target.key, version, lockFromXml(body), bypass);
      return { status: 200 };
    case 'GET object?legal-hold': {
      if (!store.locking) throw new Refused(400, 'InvalidRequest');
      const { hold } = store.find(target.key, version);
      if (hold === undefined) throw new Refused(404, 'NoSuchObjectLockConfiguration');
      return { status: 200, xml: [['LegalHold', [['Status', hold]]]] };
    }
    case 'PUT object?legal-hold':
      requireDigest(request);
      store.hold(target.key, version, holdFromXml(body));
      return { status: 200 };
    case 'POST object?uploads': {
      const id = uploads.begin(target.key, lockFromHeaders(request));
      return { status: 200, xml: [['InitiateMultipartUploadResult', [['UploadId', id]]]] };
    }
    case 'PUT object?partNumber': {
      const etag = uploads.addPart(target.query.get('uploadId') ?? '', body);
      return { status: 200, headers: { etag } };
    }
    case 'POST object?uploadId': {
      const { etag } = uploads.complete(target.query.get('uploadId') ?? '');
      return { status: 200, xml: [['CompleteMultipartUploadResult', [['ETag', etag]]]] };
    }
    case 'DELETE object?uploadId':
      uploads.abort(target.query.get('uploadId') ?? '');
      return { status: 204 };
    case 'DELETE object':
      store.remove(target.key, version, bypass);
      return { status: 204 };
    default:
      throw new Refused(501, 'NotImplemented');
  }
}

/** Without the right to read retention, HEAD and GET leave the lock out. */
function visible<T extends FakeVersion>(found: T, { forbidden }: S3FakeOptions): T {
  return forbidden?.includes('GET object?retention') ? { ...found, lock: null } : found;
}

function putObject(
  store: FakeStore,
  options: S3FakeOptions,
  request: IncomingMessage,
  key: string,
  body: Buffer,
): Answer {
  for (const name of wrongChecksums(request, body)) {
    store.violate('wrong-checksum', key);
    if (name === 'x-amz-content-sha256' && (options.verifySignedHash ?? true))
      throw new Refused(400, 'XAmzContentSHA256Mismatch');
    const checksum = name === 'x-amz-checksum-sha256' && (options.verifyChecksums ?? true);
    if (name === 'content-md5' || checksum) throw new Refused(400, 'BadDigest');
  }
  const metadata = Object.fromEntries(
    Object.keys(request.headers)
      .filter((name) => name.startsWith('x-amz-meta-'))
      .map((name) => [name, header(request, name) ?? '']),
  );
  const created = store.put({
    key,
    bytes: body,
    contentType: header(request, 'content-type') ?? 'binary/octet-stream',
    metadata,
    lock: lockFromHeaders(request),
    ifNoneMatch: header(request, 'if-none-match') === '*',
    ifMatch: header(request, 'if-match'),
  });
  return {
    status: 200,
    headers: { etag: created.etag, ...(store.versioned ? { 'x-amz-version-id': created.version } : {}) },
  };
}
