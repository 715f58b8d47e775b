/** What there is of files, forwards and legal holds, for tests to compare an archive with. */
import type { Account } from './account.ts';
import type { FileCondition } from './chat-files.ts';
import type { Content } from './content.ts';
import { sha256Of } from './file-bytes.ts';
import { forwardedMessage, type WireForwarded } from './forwarded.ts';
import { type ZipCondition, zipEntries } from './hold-files.ts';
import { idInMessages } from './row-core.ts';
import { zipPieces, zipSize } from './zip.ts';

/** One file of a message. */
export interface TruthFile {
  readonly fileId: string;
  readonly fileName: string;
  /** Bytes. */
  readonly fileSize: number;
  /** Of all its bytes, in hex, also where its condition keeps them from being had. */
  readonly sha256: string;
  readonly condition: FileCondition;
  readonly sessionId: string;
  /** As `messages` writes it. */
  readonly messageId: string;
}

/** One forward. */
export interface TruthForwarded {
  readonly forwardId: string;
  readonly sessionId: string;
  /** Of the message that forwards, as `messages` writes it. */
  readonly messageId: string;
  readonly resolvable: boolean;
  /** What Zoom answers, without download links; undefined when it leads nowhere. */
  readonly message: WireForwarded | undefined;
}

/** One matter that was not closed. */
export interface TruthMatter {
  readonly matterId: string;
  readonly name: string;
  /** Milliseconds. */
  readonly createdAt: number;
  /** `yyyy-MM-dd`, as the list has them. */
  readonly startDay: string | undefined;
  readonly endDay: string | undefined;
  readonly custodians: readonly { readonly userId: string; readonly email: string }[];
}

/** One zip of a legal hold, whether it was asked for or not. */
export interface TruthHoldFile {
  readonly matterId: string;
  readonly custodianEmail: string;
  readonly fileKey: string;
  readonly condition: ZipCondition;
  readonly ready: boolean;
  /** Of the zip when it comes whole, in hex, also where its condition keeps it from that. */
  readonly sha256: string;
  /** Bytes of the whole zip. */
  readonly size: number;
  readonly entries: number;
}

/** Every file that was ever sent. Hashes each on the way: gigabytes take seconds. */
export async function* truthFiles({ carried, files }: Content): AsyncGenerator<TruthFile> {
  for (const { file, session, message } of carried.files()) {
    yield {
      ...file,
      sha256: await files.digest(file),
      condition: files.condition(file.fileId),
      sessionId: session.id,
      messageId: idInMessages(message.id),
    };
  }
}

/** Every forward that was ever sent. */
export function* truthForwarded({ carried, forwards }: Content): Generator<TruthForwarded> {
  for (const forward of carried.forwards()) {
    const resolvable = forwards.isResolvable(forward);
    yield {
      forwardId: forward.forwardId,
      sessionId: forward.session.id,
      messageId: idInMessages(forward.message.id),
      resolvable,
      message: resolvable ? forwardedMessage(forward, () => undefined) : undefined,
    };
  }
}

export function truthMatters({ holds }: Content): TruthMatter[] {
  return holds.matters().map(({ id, name, createdAt, startDay, endDay, custodians }) => ({
    matterId: id,
    name,
    createdAt,
    startDay,
    endDay,
    custodians: custodians.map(({ userId, email }) => ({ userId, email })),
  }));
}

/** Every zip of every matter. Makes each on the way. */
export async function* truthHoldFiles(
  account: Account,
  { holds }: Content,
  zipMinutes: number,
): AsyncGenerator<TruthHoldFile> {
  for (const file of holds.files()) {
    const condition = holds.condition(file);
    const entries = zipEntries(account, file, condition);
    yield {
      matterId: file.matter.id,
      custodianEmail: file.custodian.email,
      fileKey: file.key,
      condition,
      ready: holds.isReady(file, zipMinutes),
      sha256: await sha256Of(zipPieces(entries)),
      size: zipSize(entries),
      entries: entries.length,
    };
  }
}
