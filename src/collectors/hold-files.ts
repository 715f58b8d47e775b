/** Fetches the zips of legal holds. */
import { readFile, rm } from 'node:fs/promises';
import { ArchiverError } from '../errors.ts';
import type { OpenLink } from '../ledger/links.ts';
import type { Json } from '../record.ts';
import { type Downloaded, download } from '../zoom/download.ts';
import { HOLD_DOWNLOAD, holdDownload } from '../zoom/legal-hold.ts';
import type { Spool } from '../zoom/spool.ts';
import { holdLinkDetail } from './hold-links.ts';
import { type HoldFileRecord, holdFileCandidate } from './link-records.ts';
import type { FetchedLink, LinkCollector } from './links.ts';
import type { PassTools } from './pass.ts';
import { type RefusedReason, refusedReason } from './patience.ts';
import { isPage, type PartOf, type StoreFile, storedObject } from './stored.ts';
import { type DirectoryProblem, readZipDirectory, type ZipDirectory } from './zip-directory.ts';

/**
 * What may be wrong with a zip. Documented in docs/format.md. `cut-off`: the connection ended before the body did;
 * `size-differs`: not the size that the list named; `html-page`: a page came in its place.
 */
export type ZipProblem = 'cut-off' | 'size-differs' | 'empty' | 'html-page' | DirectoryProblem;

export interface HoldFilesOptions {
  /** Downloads at the same time. */
  readonly parallel: number;
  readonly patienceMs: number;
  readonly spool: Spool;
  readonly store: StoreFile;
  /** A zip was archived: whole, or as found. */
  readonly archived: (outcome: 'stored' | 'broken') => void;
}

/** Failed attempts at a zip, hours apart in the end, before what comes is archived as found. */
const BROKEN_LIMIT = 3;
/** A longer list of entries becomes an object of its own, so that a record stays small. Bytes. */
const LONGEST_LIST = 256 * 1024;

/** Zips that are ready, into the stream `hold_files`. */
export function holdFilesCollector(tools: PassTools, options: HoldFilesOptions): LinkCollector {
  const { client, lease, now, interrupt, log } = tools;
  const { parallel, patienceMs, spool, store, archived } = options;

  /** The zip, or why Zoom refuses it: it is not made yet, it is gone, its matter was closed, a right is missing. */
  async function obtain(link: OpenLink, path: string): Promise<Downloaded | RefusedReason> {
    const { matterId, file } = holdLinkDetail.parse(link.detail);
    const target = holdDownload(matterId, file.file_key);
    const limits = {
      path,
      largest: Number.POSITIVE_INFINITY,
      keepPart: link.attempts >= BROKEN_LIMIT,
    };
    try {
      const zip = await download(client, HOLD_DOWNLOAD, target, limits, interrupt);
      if (zip.outcome === 'too-large') throw new ArchiverError('internal', 'a zip is larger than any');
      return zip;
    } catch (error) {
      const reason = refusedReason(error);
      if (reason === undefined) throw error;
      return reason;
    }
  }

  async function fetch(link: OpenLink): Promise<FetchedLink> {
    const paths = { zip: await spool.path(), listing: await spool.path() };
    try {
      const zip = await obtain(link, paths.zip);
      if (typeof zip === 'string') {
        const found = { object: null, zip: null, problems: [], reason: zip };
        return { ...fetched(link, undefined, found), outcome: 'refused', reason: zip };
      }
      const directory = await readZipDirectory(paths.zip, paths.listing);
      const problems = problemsOf(link, zip, directory);
      if (problems.length > 0 && link.attempts < BROKEN_LIMIT) {
        throw new ArchiverError('zoom-response', 'a legal-hold zip is broken', {
          detail: `${link.id}: ${problems.join(', ')}`,
        });
      }
      const of = partOf(link);
      const object = await storedObject(store, zip, of);
      const result = fetched(link, zip, { object, zip: await described(directory, of), problems });
      if (problems.length > 0) {
        log.error(
          { link: link.id, problems, size: zip.size },
          'a broken legal-hold zip is archived as found',
        );
      }
      archived(problems.length > 0 ? 'broken' : 'stored');
      return { ...result, outcome: 'had' };
    } finally {
      await rm(paths.zip, { force: true });
      await rm(paths.listing, { force: true });
    }
  }

  async function described(
    { entries, unpackedSize, unsafeNames, listing }: ZipDirectory,
    of: PartOf,
  ): Promise<{ readonly [name: string]: Json }> {
    const facts = { entry_count: entries, unpacked_size: unpackedSize, unsafe_names: unsafeNames };
    if (listing.size > LONGEST_LIST) return { ...facts, listing: await storedObject(store, listing, of) };
    const lines = (await readFile(listing.path, 'utf8')).split('\n').filter((line) => line !== '');
    return { ...facts, entries: lines.map((line) => JSON.parse(line) as Json) };
  }

  function fetched(
    link: OpenLink,
    zip: Downloaded | undefined,
    found: Pick<HoldFileRecord, 'object' | 'reason'> & {
      readonly zip: Json;
      readonly problems: readonly string[];
    },
  ): Pick<FetchedLink, 'origin' | 'page'> {
    const { matterId, matterName, userId, email, file } = holdLinkDetail.parse(link.detail);
    const record: HoldFileRecord = {
      matter_id: matterId,
      matter_name: matterName,
      custodian: { user_id: userId, email },
      file,
      ...found,
      problems: [...found.problems],
    };
    return {
      origin: {
        requestId: zip?.requestId ?? '',
        trackingId: zip?.trackingId ?? '',
        observedAt: now(),
      },
      page: { rows: 1, candidates: [holdFileCandidate(record, lease.account, link.foundAt)] },
    };
  }

  return { kinds: ['hold_file'], stream: 'hold_files', parallel, patienceMs, fetch };
}

function partOf(link: OpenLink): PartOf {
  const { matterId, matterName } = holdLinkDetail.parse(link.detail);
  return { stream: 'hold_files', about: { matter: [matterId, matterName] } };
}

function problemsOf(link: OpenLink, zip: Downloaded, directory: ZipDirectory): readonly ZipProblem[] {
  const { file } = holdLinkDetail.parse(link.detail);
  const problems: ZipProblem[] = [];
  if (zip.outcome === 'part') problems.push('cut-off');
  if (file.total_file_size !== undefined && file.total_file_size !== zip.size) problems.push('size-differs');
  if (zip.size === 0) return [...problems, 'empty'];
  if (isPage(zip.contentType)) problems.push('html-page');
  return [...problems, ...directory.problems];
}
