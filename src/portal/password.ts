/**
 * Passwords of a users file as scrypt hashes, in the notation of passlib and others (PHC string format):
 * `$scrypt$ln=17,r=8,p=1$<salt>$<hash>`, both base64 without padding.
 */
import { randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto';

export interface PasswordHash {
  /** Base-2 logarithm of scrypt's N. */
  readonly ln: number;
  readonly r: number;
  readonly p: number;
  readonly salt: Buffer;
  readonly hash: Buffer;
}

/** OWASP's first choice for scrypt: 128 MiB, about half a second. */
const COST = { ln: 17, r: 8, p: 1 };
const SALT_BYTES = 16;
const HASH_BYTES = 32;
export const SHORTEST_PASSWORD = 12;

/** OWASP's smallest choice costs as much as N = 2^14, r = 8, p = 5; above 2^20 the server could not serve. */
const LEAST_LN = 14;
const LEAST_WORK = 2 ** 14 * 8 * 5;
const MOST_WORK = 2 ** 20 * 8;

const PHC = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]{2,})\$([A-Za-z0-9+/]{2,})$/;

/** A hash of a password, with a salt of its own. */
export async function hashPassword(password: string, cost: typeof COST = COST): Promise<string> {
  const salt = randomBytes(SALT_BYTES);
  const hash = await derive(password, { ...cost, salt, hash: Buffer.alloc(HASH_BYTES) });
  return `$scrypt$ln=${cost.ln},r=${cost.r},p=${cost.p}$${unpadded(salt)}$${unpadded(hash)}`;
}

/** @returns what is wrong with it, where it is no hash or a weak one */
export function parsePasswordHash(text: string): PasswordHash | string {
  const [, ln, r, p, salt = '', hash = ''] = PHC.exec(text) ?? [];
  if (ln === undefined) return 'is no scrypt hash; make one with `serve hash-password`';
  const parsed: PasswordHash = {
    ln: Number(ln),
    r: Number(r),
    p: Number(p),
    salt: Buffer.from(salt, 'base64'),
    hash: Buffer.from(hash, 'base64'),
  };
  const work = 2 ** parsed.ln * parsed.r * parsed.p;
  const short = parsed.salt.length < SALT_BYTES || parsed.hash.length < HASH_BYTES;
  if (parsed.ln < LEAST_LN || parsed.r < 8 || work < LEAST_WORK || short)
    return 'is too weak; make another with `serve hash-password`';
  if (work > MOST_WORK) return 'takes too long to check; make another with `serve hash-password`';
  return parsed;
}

/** Takes as long for a wrong password as for the right one. */
export async function isPassword(password: string, stored: PasswordHash): Promise<boolean> {
  return timingSafeEqual(await derive(password, stored), stored.hash);
}

/** Checked for names that do not exist, so that they answer no sooner than `like`. Nobody knows its password. */
export function nobodysHash(like: PasswordHash): PasswordHash {
  return { ...like, salt: randomBytes(like.salt.length), hash: randomBytes(like.hash.length) };
}

/** The same text whatever keyboard wrote it (NFKC, as RFC 8265 has it for spaces and widths). */
function derive(password: string, { ln, r, p, salt, hash }: PasswordHash): Promise<Buffer> {
  const N = 2 ** ln;
  const options: ScryptOptions = { N, r, p, maxmem: 256 * N * r };
  return new Promise((resolve, reject) => {
    scrypt(password.normalize('NFKC'), salt, hash.length, options, (error, key) =>
      error === null ? resolve(key) : reject(error),
    );
  });
}

function unpadded(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '');
}
