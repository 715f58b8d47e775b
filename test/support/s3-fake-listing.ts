/** Listings of the emulated bucket, page by page, as XML. */
import type { FakeStore, FakeVersion } from './s3-fake-store.ts';
import type { Xml } from './s3-fake-wire.ts';

/** ListObjectVersions. */
export function listVersions(store: FakeStore, query: URLSearchParams, pageSize: number): Xml {
  const prefix = query.get('prefix') ?? '';
  const keyMarker = query.get('key-marker') ?? '';
  const versionMarker = query.get('version-id-marker') ?? '';
  const limit = Math.min(Number(query.get('max-keys') ?? 1000), pageSize);
  const page: { readonly one: FakeVersion; readonly isLatest: boolean }[] = [];
  let truncated = false;
  let before: string | undefined;
  let isPast = false;
  for (const one of store.listed(prefix, keyMarker)) {
    const isLatest = one.key !== before;
    before = one.key;
    if (one.key === keyMarker && !isPast) {
      isPast = one.version === versionMarker;
      continue;
    }
    truncated = page.length === limit;
    if (truncated) break;
    page.push({ one, isLatest });
  }
  const last = page.at(-1)?.one;
  const entries: Xml = page.map(({ one, isLatest }) => [
    one.bytes === null ? 'DeleteMarker' : 'Version',
    [
      ['Key', one.key],
      ['VersionId', one.version],
      ['IsLatest', isLatest],
      ['ETag', one.etag],
      ['Size', one.bytes?.length ?? 0],
      ['LastModified', one.modified.toISOString()],
    ],
  ]);
  const next: Xml =
    truncated && last !== undefined
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
  const page: FakeVersion[] = [];
  let truncated = false;
  let before: string | undefined;
  for (const one of store.listed(prefix, after)) {
    const isLatest = one.key !== before;
    before = one.key;
    if (!isLatest || one.bytes === null || one.key === after) continue;
    truncated = page.length === limit;
    if (truncated) break;
    page.push(one);
  }
  const last = page.at(-1);
  const entries: Xml = page.map((one) => [
    'Contents',
    [
      ['Key', one.key],
      ['ETag', one.etag],
      ['Size', one.bytes?.length ?? 0],
      ['LastModified', one.modified.toISOString()],
    ],
  ]);
  const next: Xml = truncated && last !== undefined ? [['NextContinuationToken', last.key]] : [];
  return [['ListBucketResult', [['KeyCount', page.length], ['IsTruncated', truncated], ...next, ...entries]]];
}
