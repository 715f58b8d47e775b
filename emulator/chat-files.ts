/** Chat files: what Zoom tells about them, their bytes, and what may be wrong with each. */
import { z } from 'zod';
import type { FileRef } from './account.ts';
import { type ByteStream, type StreamAnswer, shortened, streamOf } from './byte-stream.ts';
import type { Carried, CarriedFile } from './carried.ts';
import { SIGN_IN_PAGE } from './deliver.ts';
import { DownloadLinks } from './download-links.ts';
import { fileBytes, sha256Of } from './file-bytes.ts';
import { hashText, type Random } from './random.ts';
import { notFound, Refusal } from './refusal.ts';

/**
 * `third-party`: kept elsewhere, so no link. `restricted`: 403 for description and bytes. `gone`: 404 for both.
 * `html`: 200 with a sign-in page. `wrong-digest`: the description names another hash. `truncated`: the connection
 * closes after half of the bytes. `short`: half of the bytes as a complete answer.
 */
export const fileConditionSchema = z.enum([
  'normal',
  'third-party',
  'restricted',
  'gone',
  'html',
  'wrong-digest',
  'truncated',
  'short',
]);
export type FileCondition = z.infer<typeof fileConditionSchema>;

/** Makes the download link of a file; undefined when it has none. */
export type Link = (file: FileRef) => string | undefined;

/** The files of the account. */
export class ChatFiles {
  readonly links = new DownloadLinks();
  readonly #carried: Carried;
  readonly #conditions = new Map<string, FileCondition>();
  readonly #digests = new Map<string, Promise<string>>();

  constructor(carried: Carried) {
    this.#carried = carried;
  }

  /** The file with this id; refuses with 404 when there is none. */
  find(fileId: string): CarriedFile {
    const found = this.#carried.file(fileId);
    if (found === undefined) throw notFound(404, 'Resource not found.');
    return found;
  }

  condition(fileId: string): FileCondition {
    return this.#conditions.get(fileId) ?? naturalCondition(fileId);
  }

  /** From now on the file is in this condition. Throws on an unknown file. */
  setCondition(fileId: string, condition: FileCondition): void {
    if (this.#carried.file(fileId) === undefined) throw new Error(`no file ${fileId}`);
    this.#conditions.set(fileId, condition);
  }

  /** SHA-256 of the file's bytes in hex, computed once. */
  digest({ fileId, fileSize }: FileRef): Promise<string> {
    let digest = this.#digests.get(fileId);
    if (digest === undefined) {
      digest = sha256Of(fileBytes(fileId, fileSize));
      this.#digests.set(fileId, digest);
    }
    return digest;
  }
}

/**
 * Links of one response. Files kept elsewhere have an empty one or none.
 * @param origin the host of the links, as `http://host:port`.
 * @param nonce different for every response, so that its links are too.
 * @param now emulated time in milliseconds.
 */
export function linksOf(files: ChatFiles, origin: string, nonce: string, now: number): Link {
  return ({ fileId, fileName }) => {
    if (files.condition(fileId) === 'third-party') return fileId.charCodeAt(0) % 2 === 0 ? '' : undefined;
    const query = `filename=${encodeURIComponent(fileName)}&jwt=${files.links.issue(fileId, nonce, now)}`;
    return `${origin}/file/download/${fileId}?${query}`;
  };
}

/**
 * GET /v2/chat/files/{fileId}: the response body, JSON in UTF-8.
 * @param digest SHA-256 of the file's bytes in hex.
 */
export function fileInfo(
  { file, message }: CarriedFile,
  condition: FileCondition,
  digest: string,
  link: string | undefined,
): Buffer {
  refuseUnavailable(condition);
  const { fileId, fileName, fileSize } = file;
  const body = {
    file_id: fileId,
    file_name: fileName,
    OS_file_type: fileType(fileName),
    length: fileSize,
    digest: condition === 'wrong-digest' ? digest.split('').reverse().join('') : digest,
    created_time: message.sentAt,
    modified_time: message.sentAt,
    download_url: link ?? '',
  };
  return Buffer.from(JSON.stringify(body));
}

/** GET /file/download/{id}, once the link was found good. */
export function fileDownload({ file }: CarriedFile, condition: FileCondition): StreamAnswer {
  refuseUnavailable(condition);
  if (condition === 'third-party') throw notFound(404, 'Resource not found.');
  const { fileId, fileName, fileSize } = file;
  if (condition === 'html') {
    const headers = { 'content-type': 'text/html;charset=utf-8' };
    return { status: 200, headers, stream: streamOf(Buffer.from(SIGN_IN_PAGE)) };
  }
  const headers = {
    'content-type': 'application/octet-stream',
    'content-disposition': `attachment; filename*=UTF-8''${encodeURIComponent(fileName)}`,
  };
  const whole: ByteStream = { length: fileSize, pieces: () => fileBytes(fileId, fileSize) };
  const half = Math.floor(fileSize / 2);
  if (condition === 'short') return { status: 200, headers, stream: shortened(whole, half) };
  const cutAt = condition === 'truncated' ? half : undefined;
  return { status: 200, headers, stream: { ...whole, cutAt } };
}

/** The ending of a file's name, as `OS_file_type` has it. */
export function fileType(fileName: string): string {
  return /\.(\w+)$/.exec(fileName)?.[1] ?? '';
}

/** The id of a new file that has nothing wrong with it. */
export function normalFileId(random: Random): string {
  for (;;) {
    const fileId = random.hex(22);
    if (naturalCondition(fileId) === 'normal') return fileId;
  }
}

function refuseUnavailable(condition: FileCondition): void {
  if (condition === 'restricted') throw new Refusal(403, { code: 403, message: 'Operation not permitted.' });
  if (condition === 'gone') throw notFound(404, 'Resource not found.');
}

/** One file in ten cannot be had, as its own id decides. */
function naturalCondition(fileId: string): FileCondition {
  switch (hashText(fileId) % 30) {
    case 0:
      return 'third-party';
    case 1:
      return 'restricted';
    case 2:
      return 'gone';
    default:
      return 'normal';
  }
}
