/**
 * Messages of RFC 5322 and MIME, written and read. Written by hand around nodemailer's encoding of headers: the whole of
 * its composer takes some milliseconds a message, and an export may have a million.
 */
import * as mimeFuncs from 'nodemailer/lib/mime-funcs';
import type { Person } from '../query/revision.ts';

export type Header = readonly [name: string, value: string];

export interface Attachment {
  readonly name: string;
  readonly type: string;
  readonly bytes: Buffer;
}

const LINE = 76;

/** A value of a header that is text. What would end the line is a space. */
export function headerText(value: string): string {
  const line = plainLine(value);
  return isAscii(line) && line.length < 900 ? line : mimeFuncs.encodeWords(line, 'B', 52, true);
}

/** An address that is one, also of somebody without e-mail. */
export function headerAddress({ email, memberId, name }: Person): string {
  const id = memberId.replace(/[^A-Za-z0-9_-]/g, '') || 'nobody';
  const address = isAddress(email) ? email : `${id}@unknown.invalid`;
  const shown = plainLine(name || email || memberId).slice(0, 200);
  if (shown === '') return `<${address}>`;
  const quoted = isAscii(shown)
    ? `"${shown.replace(/["\\]/g, '\\$&')}"`
    : mimeFuncs.encodeWords(shown, 'B', 52, true);
  return `${quoted} <${address}>`;
}

export function isAddress(email: string): boolean {
  return /^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,190}$/.test(email);
}

/** RFC 5322 with the zone of UTC. @param at ISO 8601 */
export function headerDate(at: string): string {
  return new Date(at).toUTCString().replace(/GMT$/, '+0000');
}

function plainLine(text: string): string {
  return text
    .replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ')
    .trim()
    .toWellFormed();
}

function isAscii(text: string): boolean {
  return /^[\u0020-\u007e]*$/.test(text);
}

/**
 * A message of one text and its attachments, CRLF at line ends.
 * @param boundary of ASCII letters and digits, which no header or base64 line can be
 */
export function composeMessage(
  headers: readonly Header[],
  text: string,
  attachments: readonly Attachment[],
  boundary: string,
): Buffer {
  const lines = headers.map(([name, value]) => folded(`${name}: ${value}`));
  lines.push('MIME-Version: 1.0', `Content-Type: multipart/mixed; boundary="=_${boundary}"`, '');
  lines.push(
    `--=_${boundary}`,
    'Content-Type: text/plain; charset=utf-8',
    'Content-Transfer-Encoding: base64',
    '',
  );
  const parts = [lines.join('\r\n'), '\r\n', base64Lines(Buffer.from(text))];
  for (const { name, type, bytes } of attachments) {
    const part = [
      `--=_${boundary}`,
      folded(`Content-Type: ${type}; ${parameter('name', name)}`),
      'Content-Transfer-Encoding: base64',
      folded(`Content-Disposition: attachment; ${parameter('filename', name)}`),
      '',
    ];
    parts.push(part.join('\r\n'), '\r\n', base64Lines(bytes));
  }
  parts.push(`--=_${boundary}--\r\n`);
  return Buffer.from(parts.join(''), 'latin1');
}

/** RFC 2231 where it is no ASCII. */
function parameter(name: string, value: string): string {
  const line = plainLine(value).slice(0, 200).toWellFormed();
  if (isAscii(line)) return `${name}="${line.replace(/["\\]/g, '\\$&')}"`;
  const encoded = encodeURIComponent(line).replace(/['()*]/g, (one) => `%${one.charCodeAt(0).toString(16)}`);
  return `${name}*=utf-8''${encoded}`;
}

function folded(line: string): string {
  return mimeFuncs.foldLines(line, LINE);
}

function base64Lines(bytes: Buffer): string {
  const text = bytes.toString('base64');
  let lines = '';
  for (let at = 0; at < text.length; at += LINE) lines += `${text.slice(at, at + LINE)}\r\n`;
  return lines;
}

export interface MimePart {
  /** In their order; values without folding, words not decoded. */
  readonly headers: readonly Header[];
  readonly body: Buffer;
}

export interface ParsedMessage extends MimePart {
  /** Of a multipart message, else none. */
  readonly parts: readonly MimePart[];
}

const BLANK = Buffer.from('\r\n\r\n');

/** Undefined where the bytes are no such message. Multipart is looked into once. */
export function parseMessage(bytes: Buffer): ParsedMessage | undefined {
  const whole = partOf(bytes);
  if (whole === undefined) return undefined;
  const type = headerOf(whole, 'content-type') ?? '';
  if (!/^multipart\//i.test(type)) return { ...whole, parts: [] };
  const [, quoted, bare] = /boundary=(?:"([^"]+)"|([^\s;]+))/i.exec(type) ?? [];
  const boundary = quoted ?? bare;
  if (boundary === undefined) return undefined;
  const parts: MimePart[] = [];
  const mark = Buffer.from(`--${boundary}`);
  let from: number | undefined;
  for (let at = whole.body.indexOf(mark); at >= 0; at = whole.body.indexOf(mark, at + mark.length)) {
    if (at > 0 && whole.body[at - 1] !== 0x0a) continue;
    if (from !== undefined) {
      const part = partOf(whole.body.subarray(from, Math.max(from, at - 2)));
      if (part === undefined) return undefined;
      parts.push(part);
    }
    const end = at + mark.length;
    if (whole.body.subarray(end, end + 2).toString('latin1') === '--') return { ...whole, parts };
    from = end + 2;
  }
  return undefined;
}

function partOf(bytes: Buffer): MimePart | undefined {
  const end = bytes.indexOf(BLANK);
  if (end < 0) return undefined;
  const headers: (readonly [string, string])[] = [];
  for (const line of bytes.subarray(0, end).toString('latin1').split('\r\n')) {
    const last = headers.at(-1);
    if (/^[ \t]/.test(line) && last !== undefined)
      headers[headers.length - 1] = [last[0], `${last[1]}${line}`];
    else {
      const colon = line.indexOf(':');
      if (colon < 1 || /[^\x21-\x7e]/.test(line.slice(0, colon))) return undefined;
      headers.push([line.slice(0, colon), line.slice(colon + 1)]);
    }
  }
  const trimmed = headers.map(([name, value]): Header => [name, value.trim()]);
  return { headers: trimmed, body: bytes.subarray(end + BLANK.length) };
}

/** The first of this name. */
export function headerOf({ headers }: Pick<MimePart, 'headers'>, name: string): string | undefined {
  return headers.find(([one]) => one.toLowerCase() === name.toLowerCase())?.[1];
}

/** The bytes of a part in base64; undefined where it is in another form. */
export function decodedBody(part: MimePart): Buffer | undefined {
  if (headerOf(part, 'content-transfer-encoding')?.toLowerCase() !== 'base64') return undefined;
  return Buffer.from(part.body.toString('latin1').replace(/\s+/g, ''), 'base64');
}
