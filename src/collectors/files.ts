/** Fetches the files of messages, of forwarded messages and of custom emoji. */
import { rm } from 'node:fs/promises';
import { z } from 'zod';
import { ArchiverError, hasCode } from '../errors.ts';
import type { LinkKind, OpenLink } from '../ledger/links.ts';
import { aboutSender, type SessionId, sessionId } from '../record.ts';
import { type Download, type Downloaded, download } from '../zoom/download.ts';
import { FILE_DOWNLOAD, type FileInfo, readFileInfo } from '../zoom/files.ts';
import type { Spool } from '../zoom/spool.ts';
import { emojiLinkDetail } from './emoji-links.ts';
import { type FileRecord, fileCandidate } from './link-records.ts';
import type { FetchedLink, LinkCollector, LinkResult } from './links.ts';
import type { PassTools } from './pass.ts';
import { type RefusedReason, refusedReason } from './patience.ts';
import { fileLinkDetail, type LinkedSession } from './row-links.ts';
import { isPage, type PartOf, type StoreFile, storedObject } from './stored.ts';
import type { Origin } from './unit.ts';

/** Why there are no bytes. Documented in docs/format.md. */
type MissingReason = RefusedReason | 'no-link' | 'too-large';

export interface FilesOptions {
  readonly kinds: readonly LinkKind[];
  /** Downloads at the same time. */
  readonly parallel: number;
  readonly patienceMs: number;
  /** Bytes. */
  readonly largest: number;
  readonly spool: Spool;
  readonly store: StoreFile;
}

/** What a link asks for, whatever pointed to it. */
interface WantedFile {
  readonly fileId: string;
  readonly name: string;
  readonly size: number | undefined;
  /** Empty where there is none. */
  readonly url: string;
  /** Milliseconds. */
  readonly time: number;
  readonly session: LinkedSession | undefined;
  /** What the record says of its origin. */
  readonly from: Pick<
    FileRecord,
    'origin' | 'message_id' | 'session_id' | 'forward_id' | 'place' | 'sender' | 'sender_member_id'
  >;
}

/** What Zoom says of a file: its answer, or why there is none. */
type Description =
  | { readonly outcome: 'told'; readonly info: FileInfo; readonly origin: Origin }
  | { readonly outcome: 'refused'; readonly reason: RefusedReason }
  /** The app may not ask, or there is no id to ask by. */
  | { readonly outcome: 'unknown'; readonly error: ArchiverError | undefined };

/** One download, judged. */
type Try =
  | { readonly outcome: 'good'; readonly file: Downloaded }
  | {
      readonly outcome: 'doubtful';
      readonly file: Downloaded;
      readonly reason: 'digest-differs' | 'size-differs';
    }
  | { readonly outcome: 'none'; readonly reason: MissingReason };

/** Files by their links, into the stream `files`. */
export function filesCollector(tools: PassTools, options: FilesOptions): LinkCollector {
  const { client, lease, interrupt, now, log } = tools;
  const { kinds, parallel, patienceMs, largest, spool, store } = options;
  /** Whoever lacks the scope once lacks it for the whole pass. */
  let mayNotAsk: ArchiverError | undefined;

  async function describe({ fileId }: WantedFile): Promise<Description> {
    if (fileId === '' || mayNotAsk !== undefined) return { outcome: 'unknown', error: mayNotAsk };
    try {
      const reply = await readFileInfo(client, fileId, interrupt);
      return { outcome: 'told', info: reply.body, origin: reply };
    } catch (error) {
      const reason = refusedReason(error);
      if (reason !== undefined) return { outcome: 'refused', reason };
      if (!hasCode(error, 'zoom-scope')) throw error;
      log.warn({ scopes: error.detail }, 'chat files are archived without their descriptions');
      // Of this file only: most links work without the description, and must not wait for the scope.
      mayNotAsk = new ArchiverError('zoom-request', 'a file needs a description that the app may not read', {
        cause: error,
        ...(error.detail === undefined ? {} : { detail: error.detail }),
      });
      return { outcome: 'unknown', error: mayNotAsk };
    }
  }

  async function fromLink(url: string, path: string): Promise<Download | MissingReason> {
    try {
      return await download(client, FILE_DOWNLOAD, { url }, { path, largest }, interrupt);
    } catch (error) {
      const reason = refusedReason(error);
      if (reason === undefined) throw error;
      return reason;
    }
  }

  /**
   * The bytes by a fresh link, where `first` did not have them. Bytes that do not match are asked for twice in all:
   * the answer may have been cut or mixed up on its way.
   */
  async function fromFreshLink(
    url: string,
    first: Try,
    judged: (came: Download | MissingReason) => Try,
    paths: readonly [string, string],
  ): Promise<Try> {
    let best = first;
    for (const path of first.outcome === 'doubtful' ? [paths[1]] : [paths[1], paths[0]]) {
      const came = judged(await fromLink(url, path));
      // Doubtful bytes are better than none.
      if (came.outcome !== 'none' || best.outcome === 'none') best = came;
      if (came.outcome !== 'doubtful') break;
    }
    return best;
  }

  /** The bytes by the link that came with the message, by a fresh one, or neither. */
  async function obtain(
    wanted: WantedFile,
    paths: readonly [string, string],
  ): Promise<{ readonly found: Try; readonly description: Description }> {
    if ((wanted.size ?? 0) > largest) {
      return {
        found: { outcome: 'none', reason: 'too-large' },
        description: { outcome: 'unknown', error: undefined },
      };
    }
    let early: Download | MissingReason = 'no-link';
    let failure: ArchiverError | undefined;
    if (isFresh(wanted.url, now())) {
      try {
        early = await fromLink(wanted.url, paths[0]);
      } catch (error) {
        // A fresh link may lead to another host.
        if (!hasCode(error, 'zoom-unreachable', 'zoom-request')) throw error;
        failure = error;
      }
    }
    const description = await describe(wanted);
    const info = description.outcome === 'told' ? description.info : undefined;
    const judged = (came: Download | MissingReason): Try => judge(came, wanted, info);
    const found = judged(early);
    if (found.outcome === 'good' || (found.outcome === 'none' && found.reason === 'too-large'))
      return { found, description };
    const fresh = info?.download_url || (found.outcome === 'doubtful' ? wanted.url : '');
    if (fresh !== '') return { found: await fromFreshLink(fresh, found, judged, paths), description };
    if (found.outcome === 'doubtful') return { found, description };
    if (description.outcome === 'refused') return { found: judged(description.reason), description };
    // What is not Zoom's to give has no link of Zoom's; an address elsewhere is the better reason.
    if (description.outcome === 'told') {
      return { found: found.reason === 'unsafe-link' ? found : judged('no-link'), description };
    }
    const unsettled = description.error ?? failure;
    if (unsettled !== undefined) throw unsettled;
    return { found, description };
  }

  async function fetch(link: OpenLink): Promise<FetchedLink> {
    const wanted = wantedFile(link);
    const paths = [await spool.path(), await spool.path()] as const;
    try {
      const { found, description } = await obtain(wanted, paths);
      const file = found.outcome === 'none' ? undefined : found.file;
      const { session: seenIn, from: pointer } = wanted;
      const of: PartOf = {
        stream: 'files',
        ...(seenIn === undefined ? {} : { session: seenIn }),
        ...aboutSender(pointer.sender),
      };
      const object = file === undefined ? null : await storedObject(store, file, of);
      const reason = found.outcome === 'good' ? undefined : found.reason;
      const told = description.outcome === 'told' ? description : undefined;
      const { fileId, name, from, session, time } = wanted;
      const record: FileRecord = {
        file_id: fileId,
        file_name: name,
        ...from,
        found_at: new Date(link.foundAt).toISOString(),
        declared_size: wanted.size ?? null,
        content_type: file?.contentType ?? null,
        object,
        info: told?.info ?? null,
        ...(reason === undefined ? {} : { reason }),
      };
      return {
        origin: {
          requestId: file?.requestId ?? told?.origin.requestId ?? '',
          trackingId: file?.trackingId || (told?.origin.trackingId ?? ''),
          observedAt: now(),
        },
        page: {
          rows: 1,
          candidates: [fileCandidate(KINDS[found.outcome], record, lease.account, time)],
          ...(session === undefined ? {} : { session }),
        },
        ...resultOf(found),
      };
    } finally {
      for (const path of paths) await rm(path, { force: true });
    }
  }

  return { kinds, stream: 'files', parallel, patienceMs, fetch };
}

function resultOf(found: Try): LinkResult {
  if (found.outcome !== 'none') return { outcome: 'had' };
  const { reason } = found;
  // Neither the size of a file changes nor who keeps it.
  if (reason === 'no-link' || reason === 'too-large') return { outcome: 'unavailable', reason };
  return { outcome: 'refused', reason };
}

const KINDS = { good: 'stored', doubtful: 'doubtful', none: 'unavailable' } as const;

function wantedFile(link: OpenLink): WantedFile {
  if (link.kind === 'emoji') {
    const { fileId, name, downloadUrl = '' } = emojiLinkDetail.parse(link.detail);
    const from = { origin: 'emoji', message_id: null, session_id: null } as const;
    return { fileId, name, size: undefined, url: downloadUrl, time: link.foundAt, session: undefined, from };
  }
  const detail = fileLinkDetail.parse(link.detail);
  const { fileId, name, size, downloadUrl, sentAt, messageId, session, forwardId, place } = detail;
  const { sender, senderMemberId } = detail;
  const id: SessionId = sessionId(session.id);
  return {
    fileId,
    name,
    size,
    url: downloadUrl,
    time: sentAt,
    session: { ...session, id },
    from: {
      origin: forwardId === undefined ? 'message' : 'forwarded',
      message_id: messageId,
      session_id: id,
      place,
      ...(forwardId === undefined ? {} : { forward_id: forwardId }),
      ...(sender === undefined ? {} : { sender }),
      ...(senderMemberId === undefined ? {} : { sender_member_id: senderMemberId }),
    },
  };
}

/** Whether what came is the file, as far as its digest or its length says so. */
function judge(came: Download | MissingReason, wanted: WantedFile, info: FileInfo | undefined): Try {
  if (typeof came === 'string') return { outcome: 'none', reason: came };
  if (came.outcome === 'too-large') return { outcome: 'none', reason: 'too-large' };
  const digest = /^[0-9a-f]{64}$/i.exec(info?.digest ?? '')?.[0].toLowerCase();
  if (digest === came.sha256) return { outcome: 'good', file: came };
  if (isPage(came.contentType) && !isPageName(wanted, info)) return { outcome: 'none', reason: 'html-page' };
  if (digest !== undefined) return { outcome: 'doubtful', file: came, reason: 'digest-differs' };
  const size = info?.length ?? wanted.size;
  if (size !== undefined && size !== came.size) {
    return { outcome: 'doubtful', file: came, reason: 'size-differs' };
  }
  return { outcome: 'good', file: came };
}

function isPageName({ name }: WantedFile, info: FileInfo | undefined): boolean {
  return [name, info?.file_name ?? '', `.${info?.OS_file_type ?? ''}`].some((text) =>
    /\.(html?|xhtml)$/i.test(text),
  );
}

const EXPIRES = z.object({ exp: z.number() });

/** False for no link, and for one whose token says that it has lapsed. @param now milliseconds */
function isFresh(link: string, now: number): boolean {
  if (!URL.canParse(link)) return false;
  const [, claims = ''] = (new URL(link).searchParams.get('jwt') ?? '').split('.');
  try {
    const token = EXPIRES.safeParse(JSON.parse(Buffer.from(claims, 'base64url').toString()));
    return !token.success || token.data.exp * 1000 > now;
  } catch {
    // Not a token as we know them: the host decides.
    return true;
  }
}
