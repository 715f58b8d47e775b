/** Who is signed in, for every screen. */
import { signal } from '@preact/signals';
import type { Action } from '../../src/query/reader.ts';
import { ApiError, csrf, get, post, signedOut } from '../api/client.ts';
import type { Me } from '../api/contract.ts';

/** Null where nobody is signed in, undefined while that is not known. */
export const me = signal<Me | null | undefined>(undefined);

/** What keeps the page from starting at all. */
export const startProblem = signal<unknown>(undefined);

/** Asks the server who is signed in. */
export async function readMe(): Promise<void> {
  startProblem.value = undefined;
  try {
    welcome(await get<Me>('/api/me'));
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) me.value = null;
    else startProblem.value = error;
  }
}

/** Takes what the server says of who signed in. */
export function welcome(reader: Me): void {
  csrf.value = reader.csrf;
  signedOut.value = false;
  me.value = reader;
}

/** Ends the sign-in at the server, then here; nothing of what was read stays in the page. */
export async function signOut(): Promise<void> {
  await post('/api/sign-out');
  window.location.assign('/sign-in');
}

export function may(action: Action): boolean {
  return me.value?.can.includes(action) ?? false;
}
