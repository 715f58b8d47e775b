import { isIP } from 'node:net';
import { isLoopback } from './addresses.ts';

const ZOOM_DOMAINS = ['zoom.us', 'zoom.com', 'zoomgov.com'];

/**
 * True when a credential may be sent to `url`: Zoom's own domains over TLS, or exactly an origin that the
 * operator configured. Redirects are followed by hand because HTTP clients either drop the header across hosts
 * (and Zoom then answers 401) or would hand it to anyone (fact sheet section 0).
 */
export function mayReceiveCredential(url: URL, configuredOrigins: readonly string[]): boolean {
  if (configuredOrigins.includes(url.origin)) return true;
  if (url.protocol !== 'https:') return false;
  return ZOOM_DOMAINS.some((domain) => url.hostname === domain || url.hostname.endsWith(`.${domain}`));
}

/** True when all configured origins are on this machine, as an emulator's are. */
export function areLocal(configuredOrigins: readonly string[]): boolean {
  return configuredOrigins.every((origin) => isLocal(new URL(origin)));
}

function isLocal({ hostname }: URL): boolean {
  const address = hostname.replace(/^\[|\]$/g, '');
  return hostname === 'localhost' || (isIP(address) !== 0 && isLoopback(address));
}

/**
 * True when a redirect of a download may be followed to `url`: to anybody over TLS, to a configured origin, and where
 * those are on this machine to its other ports. Into which networks is the connection's to check.
 */
export function mayLeadTo(url: URL, configuredOrigins: readonly string[]): boolean {
  if (url.protocol === 'https:' || configuredOrigins.includes(url.origin)) return true;
  return url.protocol === 'http:' && isLocal(url) && areLocal(configuredOrigins);
}

/**
 * An id as a path segment. Zoom wants ids that start with `/` or contain `//` encoded twice (its own SDK has a
 * switch for it).
 */
export function pathSegment(id: string): string {
  const once = encodeURIComponent(id);
  return id.startsWith('/') || id.includes('//') ? encodeURIComponent(once) : once;
}
