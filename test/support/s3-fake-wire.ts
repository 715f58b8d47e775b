import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { type FakeLock, type FakeVersion, Refused, type StoreRules } from './s3-fake-store.ts';

/** A tree of XML elements, written in order. */
export type Xml = readonly (readonly [name: string, content: string | number | boolean | Xml])[];

export function renderXml(tree: Xml): string {
  return tree
    .map(([name, content]) => {
      const inner = typeof content === 'object' ? renderXml(content) : escapeXml(String(content));
      return `<${name}>${inner}</${name}>`;
    })
    .join('');
}

function escapeXml(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}

/** The whole body, unpacked when the SDK sent it in signed chunks. */
export async function receiveBody(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  const raw = Buffer.concat(parts);
  const chunked = header(request, 'x-amz-content-sha256')?.startsWith('STREAMING-') ?? false;
  return chunked ? unpackChunks(raw) : raw;
}

/** aws-chunked: `<hex length>[;signature]` CRLF, the bytes, CRLF; a zero length ends it, trailers follow. */
function unpackChunks(raw: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; ; ) {
    const lineEnd = raw.indexOf('\r\n', at);
    const length = lineEnd < 0 ? Number.NaN : Number.parseInt(raw.toString('latin1', at, lineEnd), 16);
    if (Number.isNaN(length)) throw new Refused(400, 'IncompleteBody');
    if (length === 0) return Buffer.concat(parts);
    parts.push(raw.subarray(lineEnd + 2, lineEnd + 2 + length));
    at = lineEnd + 2 + length + 2;
  }
}

/** The checksum headers of the request that its body does not match, by name. */
export function wrongChecksums(request: IncomingMessage, body: Buffer): string[] {
  const sha256 = createHash('sha256').update(body);
  const hex = sha256.copy().digest('hex');
  const actual: Record<string, string> = {
    'x-amz-content-sha256': hex,
    'x-amz-checksum-sha256': Buffer.from(hex, 'hex').toString('base64'),
    'content-md5': createHash('md5').update(body).digest('base64'),
  };
  return Object.keys(actual).filter((name) => {
    const stated = header(request, name);
    const unsigned = stated === 'UNSIGNED-PAYLOAD' || stated?.startsWith('STREAMING-');
    return stated !== undefined && !unsigned && stated !== actual[name];
  });
}

export function header(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

/** The lock asked for by the headers of a PUT. */
export function lockFromHeaders(request: IncomingMessage): FakeLock | null {
  const mode = header(request, 'x-amz-object-lock-mode');
  const until = header(request, 'x-amz-object-lock-retain-until-date');
  return mode === undefined && until === undefined ? null : parseLock(mode, until);
}

/** The lock in the body of a PutObjectRetention. */
export function lockFromXml(body: Buffer): FakeLock {
  const text = body.toString();
  return parseLock(
    /<Mode>(.*?)<\/Mode>/.exec(text)?.[1],
    /<RetainUntilDate>(.*?)<\/RetainUntilDate>/.exec(text)?.[1],
  );
}

function parseLock(mode: string | undefined, until: string | undefined): FakeLock {
  const retainUntil = new Date(until ?? '');
  if ((mode !== 'GOVERNANCE' && mode !== 'COMPLIANCE') || Number.isNaN(retainUntil.getTime())) {
    throw new Refused(400, 'MalformedXML');
  }
  return { mode, retainUntil };
}

/** The flag in the body of a PutObjectLegalHold. */
export function holdFromXml(body: Buffer): 'ON' | 'OFF' {
  const status = /<Status>(.*?)<\/Status>/.exec(body.toString())?.[1];
  if (status !== 'ON' && status !== 'OFF') throw new Refused(400, 'MalformedXML');
  return status;
}

/** S3 takes a change of a lock or hold only with a digest of its body. */
export function requireDigest(request: IncomingMessage): void {
  const names = Object.keys(request.headers);
  const stated = names.some((name) => name === 'content-md5' || name.startsWith('x-amz-checksum-'));
  if (!stated) throw new Refused(400, 'InvalidRequest');
}

/** What is asked, from a path-style URL. */
export interface Target {
  readonly bucket: string;
  /** '' for a request on the bucket. */
  readonly key: string;
  readonly query: URLSearchParams;
}

export function parseTarget(request: IncomingMessage): Target {
  const [path = '', search = ''] = (request.url ?? '').split('?', 2);
  const [, bucket = '', ...rest] = path.split('/');
  return { bucket, key: decodeURIComponent(rest.join('/')), query: new URLSearchParams(search) };
}

/** The answer to GetObjectLockConfiguration. */
export function lockConfigurationXml(defaultLock: StoreRules['defaultLock']): Xml {
  const retention: Xml =
    defaultLock === undefined
      ? []
      : [
          ['Mode', defaultLock.mode],
          ['Days', defaultLock.days],
        ];
  const rule: Xml = defaultLock === undefined ? [] : [['Rule', [['DefaultRetention', retention]]]];
  return [['ObjectLockConfiguration', [['ObjectLockEnabled', 'Enabled'], ...rule]]];
}

/** What HEAD and GET tell of a version. */
export function headersOf(found: FakeVersion, versioned: boolean): Record<string, string> {
  return {
    etag: found.etag,
    'content-type': found.contentType,
    'last-modified': found.modified.toUTCString(),
    ...found.metadata,
    ...(versioned ? { 'x-amz-version-id': found.version } : {}),
    ...(found.lock === null
      ? {}
      : {
          'x-amz-object-lock-mode': found.lock.mode,
          'x-amz-object-lock-retain-until-date': found.lock.retainUntil.toISOString(),
        }),
    ...(found.hold === undefined ? {} : { 'x-amz-object-lock-legal-hold': found.hold }),
  };
}
