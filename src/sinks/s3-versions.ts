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
export async function* oldestVersions(folder: Folder, fetchPage: FetchPage): AsyncGenerator<Version> {
  let oldest: Version | null = null;
  for await (const page of pages(folder, fetchPage)) {
    // Within one key the newest comes first, so the last one before the next key is the oldest.
    for (const version of versionsIn(page, folder)) {
      if (oldest !== null && oldest.key !== version.key) yield oldest;
      oldest = version;
    }
  }
  if (oldest !== null) yield oldest;
}

/** All that a bucket has of one key. */
export interface Standing {
  /** Newest first. */
  readonly versions: readonly Version[];
  /** Version ids of its delete markers. */
  readonly markers: readonly string[];
}

/** Every version and delete marker of exactly the key that `folder` names as its prefix. */
export async function standingAt(folder: Folder, fetchPage: FetchPage): Promise<Standing> {
  const versions: Version[] = [];
  const markers: string[] = [];
  const wire = folder.above + folder.prefix;
  for await (const page of pages(folder, fetchPage)) {
    versions.push(...versionsIn(page, folder).filter(({ key }) => key === folder.prefix));
    for (const { Key, VersionId } of page.DeleteMarkers ?? []) {
      if (Key === wire) markers.push(VersionId ?? UNVERSIONED);
    }
    // A key sorts before every longer key that starts with it, so its own versions come first.
    if (page.NextKeyMarker !== wire) break;
  }
  return { versions, markers };
}

async function* pages(
  { bucket: Bucket, above, prefix }: Folder,
  fetchPage: FetchPage,
): AsyncGenerator<ListObjectVersionsCommandOutput> {
  let input: ListObjectVersionsCommandInput | null = { Bucket, Prefix: above + prefix };
  while (input !== null) {
    const page: ListObjectVersionsCommandOutput = await fetchPage(input);
    yield page;
    const { NextKeyMarker: KeyMarker, NextVersionIdMarker: VersionIdMarker } = page;
    input =
      page.IsTruncated && KeyMarker !== undefined
        ? { ...input, KeyMarker, ...(VersionIdMarker === undefined ? {} : { VersionIdMarker }) }
        : null;
  }
}

function versionsIn(page: ListObjectVersionsCommandOutput, { above }: Folder): Version[] {
  return (page.Versions ?? []).map(({ Key, VersionId, Size, IsLatest, LastModified }) => ({
    key: (Key ?? '').slice(above.length),
    version: VersionId ?? UNVERSIONED,
    size: Size ?? 0,
    storedAt: LastModified ?? new Date(0),
    hidden: IsLatest === false,
  }));
}
