/** Zoom's refusals as errors of ours (fact sheet sections 0 and 7). */
import { ArchiverError, hasCode } from '../errors.ts';
import { apiError } from './schemas.ts';

/** An answer that is no success. */
export interface Refused {
  /** Metric label of what was asked. */
  readonly endpoint: string;
  readonly status: number;
  readonly trackingId: string;
  /** The body, where it was JSON. */
  readonly json: unknown;
}

/** True when the access token was refused. */
export function isExpired(status: number, json: unknown): boolean {
  const error = apiError.safeParse(json);
  return status === 401 || (error.success && error.data.code === 124);
}

/** True when Zoom refused a parameter, and so perhaps the dates: 400 with code 300 (fact sheet sections 2 and 5.3). */
export function refusesParameters(error: unknown): boolean {
  return hasCode(error, 'zoom-request') && error.zoomCode === 300;
}

const OF_THE_FILE: readonly number[] = [100, 106, 300, 401];

/** A refusal by the API. @param paging the request carried a page token */
export function refusal({ endpoint, status, trackingId, json }: Refused, paging: boolean): ArchiverError {
  const parsed = apiError.safeParse(json);
  const code = parsed.success ? parsed.data.code : undefined;
  const message = parsed.success ? (parsed.data.message ?? '') : '';
  const fields = (parsed.success ? (parsed.data.errors ?? []) : [])
    .map((error) => `${error.field ?? ''}: ${error.message ?? ''}`)
    .join('; ');
  const detail = `${endpoint}: status ${status}, code ${code ?? 'none'}, ${message} ${fields} (tracking id ${trackingId})`;
  const zoomCode = code === undefined ? {} : { zoomCode: code };
  if (code === 4711 || code === 4700) {
    return new ArchiverError('zoom-scope', 'the app lacks scopes', {
      detail: /scopes:\s*\[([^\]]*)\]/.exec(message)?.[1] ?? message,
    });
  }
  // Chat files have codes of their own for a 401, which speak of the file (fact sheet section 5.1).
  if (status === 401 && code !== undefined && OF_THE_FILE.includes(code)) {
    return new ArchiverError('zoom-permission', 'Zoom denied the file', { detail, ...zoomCode });
  }
  if (status === 401 || code === 124) {
    return new ArchiverError('zoom-credentials', 'Zoom refused a fresh access token', { detail });
  }
  if (status === 403 || code === 200)
    return new ArchiverError('zoom-permission', 'Zoom denied the report', { detail, ...zoomCode });
  if (paging && status === 400 && code === 300) {
    return new ArchiverError('zoom-page-token', 'page token lapsed', { detail });
  }
  if (status === 404)
    return new ArchiverError('zoom-not-found', 'Zoom does not have it', { detail, ...zoomCode });
  return new ArchiverError('zoom-request', 'Zoom refused the request', { detail, ...zoomCode });
}

/** A refusal by the host of a link, which carries a right of its own: what it denies says nothing about our token. */
export function linkRefusal({ endpoint, status, trackingId }: Refused): ArchiverError {
  const detail = `${endpoint}: status ${status} (tracking id ${trackingId})`;
  if (status === 401 || status === 403) {
    return new ArchiverError('zoom-permission', 'the link is not honoured', { detail });
  }
  if (status === 404 || status === 410) {
    return new ArchiverError('zoom-not-found', 'the link leads nowhere', { detail });
  }
  return new ArchiverError('zoom-request', 'the link was refused', { detail });
}
