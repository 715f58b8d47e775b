/** Listings of the emulated bucket, page by page, as XML. */
import type { FakeStore } from './s3-fake-store.ts';
import type { Xml } from './s3-fake-wire.ts';

/** ListObjectVersions. */
export function listVersions(store: FakeStore, query: URLSearchParams, pageSize: number): Xml {
  const prefix = query.get('prefix') ?? '';
  const keyMarker = query.get('key-marker') ?? '';
  const versionMarker = query.get('version-id-marker') ?? '';
  const limit = Math.min(Number(query.get('max-keys') ?? 1000), pageSize);
  const all = store.listed();
  const marked = all.findIndex(({ key, version }) => key === keyMarker && version === versionMarker);
  const rest = all
    .filter(({ key }, at) => (marked >= 0 ? at > marked : isAfter(key, keyMarker)))
    .filter(({ key }) => key.startsWith(prefix));
  const page = rest.slice(0, limit);
  const last = page.at(-1);
  const truncated = rest.length > page.length && last !== undefined;
  const entries: Xml = page.map((one) => [
    one.bytes === null ? 'DeleteMarker' : 'Version',
    [
      ['Key', one.key],
      ['VersionId', one.version],
      ['IsLatest', all[all.indexOf(one) - 1]?.key !== one.key],
      ['ETag', one.etag],
      ['Size', one.bytes?.length ?? 0],
      ['LastModified', one.modified.toISOString()],
    ],
  ]);
  const next: Xml = truncated
    ? [
        ['NextKeyMarker', last.key],
        ['NextVersionIdMarker', last.version],
      ]
    : [];
  return [['ListVersionsResult', [['IsTruncated', truncated], ...next, ...entries]]];
}

/** ListObjectsV2. */
export function listObjects(store: FakeStore, query: URLSearchParams, pageSize: number): Xml {
  const prefix = query.get('prefix') ?? '';
  const after = query.get('continuation-token') ?? query.get('start-after') ?? '';
  const limit = Math.min(Number(query.get('max-keys') ?? 1000), pageSize);
  const newest = store.listed().filter((one, at, all) => all[at - 1]?.key !== one.key && one.bytes !== null);
  const rest = newest.filter(({ key }) => key.startsWith(prefix) && isAfter(key, after));
  const page = rest.slice(0, limit);
  const last = page.at(-1);
  const truncated = rest.length > page.length && last !== undefined;
  const entries: Xml = page.map((one) => [
    'Contents',
    [
      ['Key', one.key],
      ['ETag', one.etag],
      ['Size', one.bytes?.length ?? 0],
      ['LastModified', one.modified.toISOString()],
    ],
  ]);
  const next: Xml = truncated ? [['NextContinuationToken', last.key]] : [];
  return [['ListBucketResult', [['KeyCount', page.length], ['IsTruncated', truncated], ...next, ...entries]]];
}

function isAfter(key: string, marker: string): boolean {
  return marker === '' || Buffer.compare(Buffer.from(key), Buffer.from(marker)) > 0;
}
