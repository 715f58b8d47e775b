import { randomBytes } from 'node:crypto';
import { MINUTE } from './dates.ts';
import { hashText, Random } from './random.ts';
import { invalidPageToken } from './refusal.ts';

const LIFE = 15 * MINUTE;
/** Issue time (6 bytes), cursor (6), two hashes of the query (8), check word (4). */
const LENGTH = 24;

/**
 * Page tokens that only this process can make. They carry the cursor themselves, so serving millions of pages keeps
 * nothing in memory; they are masked so that no client can read one, and in plain base64, whose `+`, `/` and `=`
 * have to be encoded in a query.
 */
export class PageTokens {
  readonly #key = randomBytes(4).readUInt32BE();

  /**
   * A token that continues at `cursor` (a whole number below 2^48).
   * @param query everything the token is bound to: the endpoint and all parameters except the token.
   * @param now emulated time in milliseconds.
   */
  issue(query: string, cursor: number, now: number): string {
    const bytes = Buffer.alloc(LENGTH);
    bytes.writeUIntBE(now, 0, 6);
    bytes.writeUIntBE(cursor, 6, 6);
    bytes.writeUInt32BE(hashText(query), 12);
    bytes.writeUInt32BE(hashText(query, this.#key), 16);
    const check = this.#check(bytes);
    bytes.writeUInt32BE(check, 20);
    this.#mask(bytes, check);
    return bytes.toString('base64');
  }

  /** The cursor of a token; refuses one that is malformed, older than 15 minutes or of another query. */
  open(token: string, query: string, now: number): number {
    const bytes = Buffer.from(token, 'base64');
    if (bytes.length !== LENGTH) throw invalidPageToken();
    const check = bytes.readUInt32BE(20);
    this.#mask(bytes, check);
    if (this.#check(bytes) !== check) throw invalidPageToken();
    if (bytes.readUInt32BE(12) !== hashText(query)) throw invalidPageToken();
    if (now - bytes.readUIntBE(0, 6) > LIFE) throw invalidPageToken();
    return bytes.readUIntBE(6, 6);
  }

  #check(bytes: Buffer): number {
    return hashText(bytes.toString('latin1', 0, 20), this.#key);
  }

  #mask(bytes: Buffer, check: number): void {
    const stream = new Random(check ^ this.#key);
    for (let at = 0; at < 20; at += 4)
      bytes.writeUInt32BE((bytes.readUInt32BE(at) ^ stream.next()) >>> 0, at);
  }
}
