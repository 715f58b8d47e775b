/** Headers of every answer: what a browser may do with it. */

/** Nothing but what this server sends; no script or style inside a page; no frame around it. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "font-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ');

const ALWAYS: Readonly<Record<string, string>> = {
  'content-security-policy': POLICY,
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=(), payment=(), usb=()',
  'x-robots-tag': 'noindex, nofollow',
};

/** Of answers that may hold something of the archive: nothing between server and reader keeps them. */
const NO_STORE = { 'cache-control': 'no-store' };

/** @param tls whether the portal is reached by HTTPS: then browsers stay with it for a year */
export function headersOf(path: string, tls: boolean): Readonly<Record<string, string>> {
  return {
    ...ALWAYS,
    ...(tls ? { 'strict-transport-security': 'max-age=31536000' } : {}),
    ...(isPage(path) ? {} : NO_STORE),
  };
}

/** Whether a path belongs to the pages, which hold nothing of the archive. */
export function isPage(path: string): boolean {
  return !/^\/(?:api|auth)(?:\/|$)/.test(path);
}

/**
 * Of bytes that somebody else made: saved to disk, never shown or run, under a name without a folder, a control
 * character or one that turns its direction.
 */
export function inertHeaders(name: string, type: string): Readonly<Record<string, string>> {
  return {
    'content-type': type,
    'content-disposition': attachment(name),
    'content-security-policy': 'sandbox',
  };
}

const DANGEROUS = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}"\\/:*?<>|%;]/gu;
const LONGEST_NAME = 120;

/** RFC 6266, with the name in ASCII for whoever does not read RFC 8187. */
function attachment(name: string): string {
  const tame = name.normalize('NFC').replace(DANGEROUS, '_').replace(/^\.+/, '_').trim();
  const ending = /\.[^.]{1,15}$/u.exec(tame)?.[0] ?? '';
  const kept = [...tame];
  const short =
    kept.length <= LONGEST_NAME ? tame : `${kept.slice(0, LONGEST_NAME - ending.length).join('')}${ending}`;
  const safe = short === '' ? 'file' : short;
  const ascii = safe.replace(/[^\x20-\x7e]/g, '_');
  const encoded = encodeURIComponent(safe).replace(
    /['()*]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `attachment; filename="${ascii}"; filename*=UTF-8''${encoded}`;
}
