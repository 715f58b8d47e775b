/** Questions to the portal's API. Every answer is the server's own type; what it refuses is an {@link ApiError}. */
import { signal } from '@preact/signals';
import type { ApiProblem } from './contract.ts';

/** An error of the API, or `unreachable` where no answer came. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly code: string;
  /** HTTP status; 0 where there was no answer. */
  readonly status: number;
  readonly hint: string;
  readonly detail: string | undefined;

  constructor(status: number, { code, message, hint, detail }: ApiProblem) {
    super(message);
    this.status = status;
    this.code = code;
    this.hint = hint;
    this.detail = detail;
  }
}

/** The token that every POST carries; from `/api/me` or `/api/sign-in`. */
export const csrf = signal('');

/** Called when the server does not know the reader any more. */
export const signedOut = signal(false);

export function get<T>(path: string, abort?: AbortSignal): Promise<T> {
  return ask<T>('GET', path, undefined, abort);
}

export function post<T>(path: string, body: unknown = {}, abort?: AbortSignal): Promise<T> {
  return ask<T>('POST', path, body, abort);
}

export function remove<T>(path: string): Promise<T> {
  return ask<T>('DELETE', path, undefined);
}

async function ask<T>(method: string, path: string, body: unknown, abort?: AbortSignal): Promise<T> {
  const headers: Record<string, string> = { accept: 'application/json' };
  if (body !== undefined) headers['content-type'] = 'application/json';
  if (method !== 'GET') headers['x-csrf-token'] = csrf.value;
  const response = await fetch(path, {
    method,
    headers,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    ...(abort === undefined ? {} : { signal: abort }),
    credentials: 'same-origin',
    cache: 'no-store',
    redirect: 'error',
  }).catch((error: unknown) => {
    if (abort?.aborted) throw error;
    throw new ApiError(0, {
      code: 'unreachable',
      message: 'The portal does not answer.',
      hint: 'Check the network connection, then try again. Nothing that you entered is lost.',
    });
  });
  if (response.ok) return response.status === 204 ? (undefined as T) : ((await response.json()) as T);
  const error = new ApiError(response.status, await problemOf(response));
  if (response.status === 401 && path !== '/api/sign-in') signedOut.value = true;
  throw error;
}

/** What the server says is wrong; a proxy in between may have answered with something else. */
async function problemOf(response: Response): Promise<ApiProblem> {
  const unknown: ApiProblem = {
    code: `http-${response.status}`,
    message: 'The portal gave no answer that this page understands.',
    hint: 'Try again; if it stays so, tell whoever runs the portal.',
  };
  const body: unknown = await response.json().catch(() => undefined);
  if (typeof body !== 'object' || body === null || !('error' in body)) return unknown;
  const { error } = body;
  if (typeof error !== 'object' || error === null) return unknown;
  const text = (name: string): string | undefined => {
    const value: unknown = Reflect.get(error, name);
    return typeof value === 'string' ? value : undefined;
  };
  return {
    code: text('code') ?? unknown.code,
    message: text('message') ?? unknown.message,
    hint: text('hint') ?? '',
    detail: text('detail'),
  };
}
