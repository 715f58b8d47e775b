/** Transcripts for reading and printing: a page for each conversation and day. They hold nothing that can act. */
import { hash } from 'node:crypto';
import type { ConversationFile, MembershipEvent } from '../query/conversation.ts';
import type { Pack } from './pack.ts';
import type { FoundHash, TellingWriter } from './renderer.ts';
import { dayName, personLabel, personName, saidText, sessionLabel } from './shown.ts';
import type { ExportedMessage, ToldDay } from './surroundings.ts';
import type { ZoneClock } from './time.ts';

export const HTML_FOLDER = 'html/';
export const HTML_INDEX = `${HTML_FOLDER}index.html`;

const STYLE = `body{font:15px/1.45 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#111;background:#fff}
article{border-top:1px solid #ccc;padding:.5rem 0;break-inside:avoid}
header time,.of{color:#444}.text{white-space:pre-wrap;overflow-wrap:anywhere;margin:.2rem 0}
.version{border-left:3px solid #999;padding-left:.6rem;color:#333}.deleted>.text{text-decoration:line-through}
code{font-size:11px;overflow-wrap:anywhere;color:#444}bdi,.text{unicode-bidi:isolate}
@media print{body{margin:0;max-width:none}a{color:inherit;text-decoration:none}}`;
/** Nothing is loaded, nothing runs, nothing is sent; the style is this one alone. */
const POLICY = `default-src 'none'; style-src 'sha256-${hash('sha256', STYLE, 'base64')}'; base-uri 'none'; form-action 'none'`;

export class HtmlWriter implements TellingWriter {
  readonly kind = 'told';
  readonly format = 'html';
  readonly packs: readonly [Pack, Pack];
  readonly #clock: ZoneClock;

  /** @param index gets the list of pages */
  constructor(pages: Pack, index: Pack, clock: ZoneClock) {
    this.packs = [index, pages];
    this.#clock = clock;
    index.begin(HTML_INDEX);
  }

  async day(day: ToldDay): Promise<void> {
    const [index, pages] = this.packs;
    if (index.openSize === 0) await index.write(top('Conversations'));
    const name = `${dayName(day)}.html`;
    const title = sessionLabel(day.ref, day.people);
    await index.write(
      `<p>${day.day} <a href="${escapeHtml(name)}"><bdi>${escapeHtml(title)}</bdi></a> ${day.messages.length}</p>\n`,
    );
    await pages.put(`${HTML_FOLDER}${name}`, this.#page(day, title));
  }

  async end(): Promise<void> {
    const [index] = this.packs;
    await index.write(`${index.openSize === 0 ? top('Conversations') : ''}</body></html>\n`);
    await index.end();
  }

  #page(day: ToldDay, title: string): string {
    const told = [...day.changes, ...day.messages].sort((one, other) =>
      one.at < other.at ? -1 : one.at > other.at ? 1 : 0,
    );
    const people = day.people.map((person) => `<bdi>${escapeHtml(personLabel(person))}</bdi>`).join(', ');
    const parts = [
      top(`${title}, ${day.day}`),
      `<p class="of">Session <code>${escapeHtml(day.session)}</code>. Times of ${escapeHtml(this.#clock.zone)}.</p>\n`,
      `<p class="of">Took part: ${people}</p>\n`,
      ...told.map((event) => (event.type === 'message' ? this.#message(event) : this.#change(event))),
      '</body></html>\n',
    ];
    return parts.join('');
  }

  #message(message: ExportedMessage): string {
    const { at, sender, state, messageId, replyTo, revisions, reactions, files } = message;
    const own = [
      `<article class="${state}" id="m-${escapeHtml(messageId)}"><header>${this.#time(at)} <strong><bdi>${escapeHtml(personLabel(sender))}</bdi></strong>`,
      state === 'standing' ? '' : ` <em>${state}</em>`,
      replyTo === null ? '' : ` <span class="of">answers <code>${escapeHtml(replyTo)}</code></span>`,
      `</header><div class="text" dir="auto">${escapeHtml(saidText(message))}</div>\n`,
      ...files.map((file) => `<p class="of">File: <bdi>${escapeHtml(fileLabel(file))}</bdi></p>\n`),
      ...reactions.map(
        ({ emoji, people }) =>
          `<p class="of"><bdi>${escapeHtml(emoji)}</bdi> ${people.map((one) => `<bdi>${escapeHtml(personName(one))}</bdi>`).join(', ')}</p>\n`,
      ),
      ...revisions.map(
        ({ kind, actionAt, text, hash: record, drift }) =>
          `<div class="version" data-record="${record}">${this.#time(actionAt)} ${kind}${drift ? ' (archived with other content too)' : ''} <code>${record}</code>${
            revisions.length === 1 ? '' : `<div class="text" dir="auto">${escapeHtml(text)}</div>`
          }</div>\n`,
      ),
      '</article>\n',
    ];
    return own.join('');
  }

  #change({ type, at, people, operator }: MembershipEvent): string {
    const names = people.map((person) => `<bdi>${escapeHtml(personLabel(person))}</bdi>`).join(', ');
    const what = type === 'other' ? 'changed the channel' : type;
    return `<article class="change">${this.#time(at)} ${names} ${what} <span class="of">by <bdi>${escapeHtml(personName(operator))}</bdi></span></article>\n`;
  }

  #time(at: string): string {
    return `<time datetime="${at}" title="${at}">${this.#clock.shown(Date.parse(at))}</time>`;
  }
}

function fileLabel({ name, size, object, reason }: ConversationFile): string {
  const bytes = `${object?.size ?? size ?? '?'} bytes`;
  return object === null
    ? `${name}, ${bytes}, not in the archive: ${reason ?? 'unknown'}`
    : `${name}, ${bytes}, files/${object.sha256}`;
}

function top(title: string): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="referrer" content="no-referrer"><meta name="robots" content="noindex">
<title>${escapeHtml(title)}</title><style>${STYLE}</style></head><body>
<h1><bdi>${escapeHtml(title)}</bdi></h1>
`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
  '`': '&#96;',
};

/** Text as text wherever it stands. Controls, which no page may hold, are shown as their symbols. */
export function escapeHtml(text: string): string {
  return text
    .toWellFormed()
    .replace(/[&<>"'`]/g, (one) => ENTITIES[one] ?? '')
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f]/g, (one) =>
      String.fromCharCode(0x2400 + one.charCodeAt(0)),
    )
    .replace(/[\u007f-\u009f]/g, '\ufffd');
}

/** Hashes of the versions on a page: a quote in what others wrote is never bare. */
export function htmlHashes(page: string): readonly FoundHash[] {
  return [...page.matchAll(/<div class="version" data-record="([^"]*)"/g)].map(([, found]) =>
    found !== undefined && /^[0-9a-f]{64}$/.test(found) ? found : undefined,
  );
}

/** The messages on a page: hashes of their versions, and the texts that are shown, as they stand there. */
export function* htmlArticles(
  page: string,
): Generator<{ readonly hashes: readonly string[]; readonly texts: readonly string[] }> {
  for (const [article] of page.matchAll(/<article class="[a-z]+" id="m-[\s\S]*?<\/article>/g)) {
    const texts = article.matchAll(/<div class="text" dir="auto">([^<]*)<\/div>/g);
    const hashes = htmlHashes(article).flatMap((one) => one ?? []);
    yield { hashes, texts: [...texts].map(([, text = '']) => text) };
  }
}
