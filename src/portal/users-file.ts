/** The file that says who has which role and scope: by name, with a password or without, or by what a provider says of him. */
import { readFile, stat } from 'node:fs/promises';
import { parse } from 'yaml';
import { z } from 'zod';
import { ArchiverError } from '../errors.ts';
import type { Reader } from '../query/reader.ts';
import { grantedRole, grantedScope, isPlainName, scopeOf } from './grants.ts';
import { isPassword, nobodysHash, type PasswordHash, parsePasswordHash } from './password.ts';

const passwordHash = z.string().transform((text, context): PasswordHash => {
  const parsed = parsePasswordHash(text);
  if (typeof parsed !== 'string') return parsed;
  context.addIssue({ code: 'custom', message: parsed });
  return z.NEVER;
});

const usersSchema = z
  .strictObject({
    /** Without a password somebody signs in by the provider only. */
    users: z
      .array(
        z.strictObject({
          name: z.string().refine(isPlainName, 'must be a name on one line'),
          role: grantedRole,
          scope: grantedScope,
          password: passwordHash.optional(),
        }),
      )
      .default([])
      .refine(
        (users) => new Set(users.map(({ name }) => folded(name))).size === users.length,
        'must have each name once',
      ),
    /** For whoever the provider says this of, and who is no user above; the first that fits counts. */
    claims: z
      .array(
        z.strictObject({
          claim: z.string().min(1),
          value: z.union([z.string().min(1), z.boolean()]),
          role: grantedRole,
          scope: z.union([grantedScope, z.strictObject({ claim: z.string().min(1) })]),
        }),
      )
      .default([]),
  })
  .refine(({ users, claims }) => users.length + claims.length > 0, 'names nobody');
type Users = z.output<typeof usersSchema>;

/** What a provider of OpenID Connect says of somebody. */
export type Claims = Readonly<Record<string, unknown>>;

/** How somebody showed who he is. What he may is looked up anew with every request. */
export type SignedIn =
  | { readonly method: 'password'; readonly name: string; readonly hash: string }
  | { readonly method: 'oidc'; readonly name: string; readonly claims: Claims };

/** Sign-ins that hash at the same time, 128 MiB each; others wait. */
const AT_ONCE = 2;
const MOST_WAITING = 50;

export class UsersFile {
  readonly #path: string;
  #working = 0;
  readonly #waiting: (() => void)[] = [];
  #read: { readonly stamp: string; readonly users: Users };

  private constructor(path: string, stamp: string, users: Users) {
    this.#path = path;
    this.#read = { stamp, users };
  }

  /** Fails with `config-invalid`, naming everything that is not as it must be. */
  static async open(path: string): Promise<UsersFile> {
    return new UsersFile(path, await stampOf(path), await readUsers(path));
  }

  /** Whether anybody can sign in by password, as the file was when it was read last. */
  get hasPasswords(): boolean {
    return this.#read.users.users.some(({ password }) => password !== undefined);
  }

  /**
   * The user with this name and password, as the file says now; undefined where there is none, which takes as long.
   * @returns `busy` where too many are asked for already
   */
  async find(name: string, password: string): Promise<SignedIn | undefined | 'busy'> {
    const { users } = await this.#now();
    const user = named(users, name);
    const hashes = users.flatMap((one) => one.password ?? []);
    if (hashes.length === 0) return undefined;
    const stored = user?.password ?? nobodysHash(costliest(hashes));
    if (this.#waiting.length >= MOST_WAITING) return 'busy';
    const right = await this.#inTurn(() => isPassword(password, stored));
    return user !== undefined && right
      ? { method: 'password', name: user.name, hash: stored.hash.toString('base64') }
      : undefined;
  }

  /**
   * Role and scope of somebody who signed in, as the file says now. Fails with `access-denied` where it grants him nothing
   * any more, or he has another password now.
   */
  async reader(who: SignedIn): Promise<Reader> {
    if (who.method === 'oidc') return this.#granted(who.name, who.claims);
    const user = named((await this.#now()).users, who.name);
    if (user?.password?.hash.toString('base64') === who.hash) return readerOf(user);
    throw new ArchiverError('access-denied', 'nothing is granted to this person');
  }

  /**
   * By his name, else by the first claim that fits. Fails with `access-denied` where nothing fits, or the scope that a
   * claim should hold is missing or invalid.
   */
  async #granted(name: string, claims: Claims): Promise<Reader> {
    const { users, claims: grants } = await this.#now();
    const user = named(users, name);
    if (user !== undefined) return readerOf(user);
    const grant = grants.find(({ claim, value }) => holds(claims[claim], value));
    if (grant === undefined) throw new ArchiverError('access-denied', 'nothing is granted to this person');
    const { scope } = grant;
    if (scope === 'all' || !('claim' in scope)) return { name, role: grant.role, scope: scopeOf(scope) };
    const parsed = grantedScope.safeParse(claims[scope.claim]);
    if (parsed.success) return { name, role: grant.role, scope: scopeOf(parsed.data) };
    throw new ArchiverError('access-denied', 'the provider gives no valid scope', { detail: scope.claim });
  }

  /** Read anew when it was changed; one that became invalid lets nobody in. */
  async #now(): Promise<Users> {
    const stamp = await stampOf(this.#path);
    if (stamp !== this.#read.stamp) this.#read = { stamp, users: await readUsers(this.#path) };
    return this.#read.users;
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#working >= AT_ONCE) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#working += 1;
    try {
      return await work();
    } finally {
      // Whoever waited takes the place over, so that nobody comes between.
      const next = this.#waiting.shift();
      if (next === undefined) this.#working -= 1;
      else next();
    }
  }
}

function named(users: Users['users'], name: string): Users['users'][number] | undefined {
  return users.find((one) => folded(one.name) === folded(name));
}

function readerOf({ name, role, scope }: Users['users'][number]): Reader {
  return { name, role, scope: scopeOf(scope) };
}

function holds(claim: unknown, value: string | boolean): boolean {
  return claim === value || (Array.isArray(claim) && claim.includes(value));
}

/** Changes whenever the file does; of a mounted secret the link changes, and with it the inode. */
async function stampOf(path: string): Promise<string> {
  try {
    const { ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
    return [ino, size, mtimeNs, ctimeNs].join(' ');
  } catch (cause) {
    throw new ArchiverError('config-invalid', 'the users file cannot be read', { cause, detail: path });
  }
}

async function readUsers(path: string): Promise<Users> {
  let written: unknown;
  try {
    written = parse(await readFile(path, 'utf8'));
  } catch (cause) {
    throw new ArchiverError('config-invalid', 'the users file cannot be read', { cause, detail: path });
  }
  const parsed = usersSchema.safeParse(written);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(
    (issue) => `  ${issue.path.join('.') || 'file'}: ${issue.message}`,
  );
  throw new ArchiverError('config-invalid', 'the users file has problems', {
    detail: `${path}\n${problems.join('\n')}`,
  });
}

function folded(name: string): string {
  return name.normalize('NFKC').toLowerCase();
}

function costliest(hashes: readonly PasswordHash[]): PasswordHash {
  const work = ({ ln, r, p }: PasswordHash): number => 2 ** ln * r * p;
  const [first, ...rest] = hashes;
  if (first === undefined) throw new ArchiverError('internal', 'a users file without users');
  return rest.reduce((most, hash) => (work(hash) > work(most) ? hash : most), first);
}
