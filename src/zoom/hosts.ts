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

/**
 * An id as a path segment. Zoom wants ids that start with `/` or contain `//` encoded twice (its own SDK has a
 * switch for it).
 */
export function pathSegment(id: string): string {
  const once = encodeURIComponent(id);
  return id.startsWith('/') || id.includes('//') ? encodeURIComponent(once) : once;
}
