/** Bodies of any size into files of the spool, hashed on the way. */
import { hasCode } from '../errors.ts';
import type { Endpoint, StreamTarget, ZoomClient } from './client.ts';
import { HashedFile } from './spool.ts';

export interface DownloadOptions {
  /** A file to be written, anew with each try. */
  readonly path: string;
  /** Bytes; more ends in `too-large`. */
  readonly largest: number;
  /** A body that broke off in every try is kept as far as it came, instead of failing. */
  readonly keepPart?: boolean;
}

/** What came, as it stands in the file. */
export interface Downloaded {
  readonly outcome: 'whole' | 'part';
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** Lower-case hex. */
  readonly sha256: string;
  /** As the answer says; empty when it does not. */
  readonly contentType: string;
  readonly requestId: string;
  readonly trackingId: string;
}

export type Download = Downloaded | { readonly outcome: 'too-large' };

/**
 * Downloads into a file, in memory that does not grow with it. Whether Zoom can go on in the middle is not documented,
 * so each try begins at the first byte.
 *
 * Fails as {@link ZoomClient.stream} does, and with `spool-full`.
 */
export async function download(
  client: ZoomClient,
  endpoint: Endpoint,
  target: StreamTarget,
  { path, largest, keepPart = false }: DownloadOptions,
  signal: AbortSignal,
): Promise<Download> {
  let part: Downloaded | undefined;
  try {
    return await client.stream(
      endpoint,
      target,
      async ({ contentType, length, body, requestId, trackingId }) => {
        if (length !== undefined && length > largest) return { outcome: 'too-large' };
        const file = await HashedFile.create(path);
        const came = (outcome: Downloaded['outcome']): Downloaded => {
          return { outcome, path, ...file.measured(), contentType, requestId, trackingId };
        };
        try {
          for await (const piece of body) {
            if (file.size + piece.length > largest) return { outcome: 'too-large' };
            await file.write(piece);
          }
          await file.flush();
          return came('whole');
        } catch (error) {
          if (!hasCode(error, 'zoom-unreachable')) throw error;
          await file.flush();
          part = came('part');
          throw error;
        } finally {
          await file.close();
        }
      },
      signal,
    );
  } catch (error) {
    if (!keepPart || part === undefined || !hasCode(error, 'zoom-unreachable')) throw error;
    return part;
  }
}
