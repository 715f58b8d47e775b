import { createHash, createHmac, randomBytes } from 'node:crypto';
import { DAY } from './dates.ts';
import { invalidFileToken } from './refusal.ts';

/** How long a link works, as the tokens in Zoom's examples say. */
const LIFE = DAY;
const HEADER = encode({ alg: 'HS256' });

/** The tokens in download links: they carry the right to one file for a day, whoever has them. */
export class DownloadLinks {
  readonly #secret = randomBytes(32);

  /**
   * A token for one file.
   * @param nonce different for every response, so that links differ from one to the next.
   * @param now emulated time in milliseconds.
   */
  issue(fileId: string, nonce: string, now: number): string {
    const iat = Math.floor(now / 1000);
    const dig = createHash('sha256').update(fileId).digest('hex');
    const claims = encode({ aud: 'file', iss: 'crossfile', dig, iat, exp: iat + LIFE / 1000, jti: nonce });
    return `${HEADER}.${claims}.${this.#sign(claims)}`;
  }

  /** Lets a request for a file pass whose token is one of ours, for this file and not older than a day. */
  check(token: string | undefined, fileId: string, now: number): void {
    const [, claims = '', signature] = (token ?? '').split('.');
    if (signature !== this.#sign(claims)) throw invalidFileToken('unknown');
    const { dig, exp } = JSON.parse(Buffer.from(claims, 'base64url').toString()) as {
      readonly dig: string;
      readonly exp: number;
    };
    if (dig !== createHash('sha256').update(fileId).digest('hex')) throw invalidFileToken('unknown');
    if (exp * 1000 <= now) throw invalidFileToken('expired');
  }

  #sign(claims: string): string {
    return createHmac('sha256', this.#secret).update(`${HEADER}.${claims}`).digest('base64url');
  }
}

function encode(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url');
}
