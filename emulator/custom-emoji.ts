/** The account's own emoji, and their pictures. */
import { hash } from 'node:crypto';
import type { Account, Person } from './account.ts';
import { type Link, normalFileId } from './chat-files.ts';
import { DAY } from './dates.ts';
import { EMOJI } from './decorate.ts';
import { hashText, Random } from './random.ts';

export interface CustomEmoji {
  readonly fileId: string;
  readonly name: string;
  readonly addedBy: Person;
  /** Milliseconds. */
  readonly addedAt: number;
}

export interface EmojiFile {
  readonly bytes: Buffer;
  readonly contentType: string;
  readonly fileName: string;
}

/** A GIF of one pixel; its two colours stand at byte 13. */
const PIXEL = Buffer.from(
  '4749463839610100010080000000000000000021f90400000000002c00000000010001000002024401003b',
  'hex',
);
const MORE_NAMES = 14;

/** Adds the emoji that messages are reacted to with, and some more. `now` in milliseconds. */
export function addCustomEmoji(account: Account, now: number): void {
  const people = account.people.filter((person) => !person.external);
  if (people.length === 0) return;
  const known = EMOJI.flatMap((emoji) => (emoji.kind === 'custom' ? [emoji] : []));
  const random = new Random(hashText(people[0]?.memberId ?? ''));
  const more = Array.from({ length: MORE_NAMES }, (_, index) => ({
    name: `${random.pick(['party', 'Team', 'ok'])}_${index}`,
    fileId: normalFileId(random),
  }));
  for (const { name, fileId } of [...known, ...more]) {
    const addedAt = now - Math.floor(random.fraction() * 300 * DAY);
    account.customEmoji.push({ fileId, name, addedBy: random.pick(people), addedAt });
  }
}

/** The picture of an emoji of the account; undefined when no emoji has this file. */
export function emojiFile(account: Account, fileId: string): EmojiFile | undefined {
  const emoji = account.customEmoji.find((other) => other.fileId === fileId);
  if (emoji === undefined) return undefined;
  const bytes = Buffer.from(PIXEL);
  bytes.writeUIntBE(hashText(fileId) % 0x1000000, 13, 3);
  return { bytes, contentType: 'image/gif', fileName: `${emoji.name}.gif` };
}

/** What Zoom tells about an emoji's picture, as about any file: the response body, JSON in UTF-8. */
export function emojiInfo(fileId: string, { bytes, fileName }: EmojiFile, link: Link): Buffer {
  const body = {
    file_id: fileId,
    file_name: fileName,
    OS_file_type: 'gif',
    length: bytes.length,
    digest: hash('sha256', bytes, 'hex'),
    download_url: link({ fileId, fileName, fileSize: bytes.length }) ?? '',
  };
  return Buffer.from(JSON.stringify(body));
}
