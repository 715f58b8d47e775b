/** What versions a bucket has of its keys. */
import type { ListObjectVersionsCommandInput, ListObjectVersionsCommandOutput } from '@aws-sdk/client-s3';

export interface Version {
  /** A later version or a delete marker stands before it. */
  readonly hidden: boolean;
  readonly key: string;
  readonly version: string;
  readonly storedAt: Date;
  /** Bytes. */
  readonly size: number;
}

/** Where to look: keys that begin with `prefix`, below what stands `above` every key on the wire. */
export interface Folder {
  readonly bucket: string;
  readonly above: string;
  readonly prefix: string;
}

type FetchPage = (input: ListObjectVersionsCommandInput) => Promise<ListObjectVersionsCommandOutput>;

/** What stores call the only version of an object in a bucket without versions. */
export const UNVERSIONED = 'null';

/** The oldest version of each key, in key order. Delete markers only hide: what they hide is still here. */
export async function* oldestVersions(
  { bucket: Bucket, above, prefix }: Folder,
  fetchPage: FetchPage,
): AsyncGenerator<Version> {
  let oldest: Version | null = null;
  let input: ListObjectVersionsCommandInput | null = { Bucket, Prefix: above + prefix };
  while (input !== null) {
    const page: ListObjectVersionsCommandOutput = await fetchPage(input);
    // Within one key the newest comes first, so the last one before the next key is the oldest.
    for (const { Key, VersionId, Size, IsLatest, LastModified } of page.Versions ?? []) {
      const key = (Key ?? '').slice(above.length);
      if (oldest !== null && oldest.key !== key) yield oldest;
      oldest = {
        key,
        version: VersionId ?? UNVERSIONED,
        size: Size ?? 0,
        storedAt: LastModified ?? new Date(0),
        hidden: IsLatest === false,
      };
    }
    const { NextKeyMarker: KeyMarker, NextVersionIdMarker: VersionIdMarker } = page;
    input =
      page.IsTruncated && KeyMarker !== undefined
        ? { ...input, KeyMarker, ...(VersionIdMarker === undefined ? {} : { VersionIdMarker }) }
        : null;
  }
  if (oldest !== null) yield oldest;
}
