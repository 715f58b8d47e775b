/**
 * Compares what members show with the records that the export holds: a right hash may stand beside a wrong text, and
 * nobody who reads would see it.
 */
import { hash } from 'node:crypto';
import { messageText } from '../query/revision-row.ts';
import { ZipFile } from '../zip/zip-file.ts';
import type { CsvVersion } from './csv.ts';
import { emlHashes, emlText } from './eml.ts';
import { escapeHtml, htmlArticles } from './html.ts';
import type { Format } from './input.ts';
import { RECORD_PREFIX } from './rsmf-form.ts';
import type { RsmfManifest } from './rsmf-manifest-rules.ts';

/** Characters of texts that are kept; what comes behind is not compared. */
const MOST_TEXT = 500e6;

interface Said {
  readonly text: string;
  /** Whether nothing but the text is shown of it: no card, no GIF, nothing forwarded. */
  readonly plain: boolean;
}

export class SaidCheck {
  readonly #said = new Map<string, Said>();
  #kept = 0;

  /** Versions whose texts can be compared. */
  get size(): number {
    return this.#said.size;
  }

  /** @param bytes of one ZIP of proofs; one that cannot be read tells nothing here */
  async note(bytes: Buffer): Promise<void> {
    const zip = await ZipFile.of(bytes);
    if (zip === undefined) return;
    for await (const entry of zip.entries()) {
      if (!entry.name.endsWith('.record') || this.#kept > MOST_TEXT) continue;
      const chunks: Buffer[] = [Buffer.of(0)];
      for await (const chunk of (await zip.content(entry)) as AsyncIterable<Buffer>) chunks.push(chunk);
      const leaf = Buffer.concat(chunks);
      // What stands before it is the fact.
      const record = leaf.subarray(leaf.indexOf('\n') + 1).toString();
      const text = textOf(record);
      if (text === undefined) continue;
      this.#kept += text.length;
      const plain = !/"(bot_message|giphy_information|forward_id)":/.test(record);
      this.#said.set(hash('sha256', leaf, 'hex'), { text, plain });
    }
  }

  /** Whether a version of a table is shown with its text, as far as it can be compared. */
  isShown({ hash: one = '', isText }: CsvVersion): boolean {
    const said = this.#said.get(one);
    return said === undefined || isText(said.text);
  }

  /** What is shown otherwise than it was archived. @returns hashes of its records */
  *differing(format: Format, bytes: Buffer, rsmf?: RsmfManifest): Generator<string> {
    switch (format) {
      case 'html':
        for (const { hashes, texts } of htmlArticles(bytes.toString()))
          yield* this.#shown(hashes, texts, escapeHtml);
        return;
      case 'eml': {
        const text = emlText(bytes);
        const hashes = emlHashes(bytes).flatMap((one) => one ?? []);
        if (text !== undefined)
          for (const one of hashes) {
            const said = this.#said.get(one);
            if (said !== undefined && !lines(text).includes(lines(said.text.toWellFormed()))) yield one;
          }
        return;
      }
      case 'rsmf':
        for (const { body = '', edits = [], custom = [] } of rsmf?.events ?? []) {
          const hashes = custom.flatMap(({ name, value }) => (name.startsWith(RECORD_PREFIX) ? [value] : []));
          const texts = [body, ...edits.flatMap(({ previous = '', new: now = '' }) => [previous, now])];
          yield* this.#shown(hashes, texts, (text) => text);
        }
        return;
      default:
        return;
    }
  }

  /** Each text must be among those that are shown; and of those shown each must be one of them, where nothing adds to it. */
  *#shown(
    hashes: readonly string[],
    texts: readonly string[],
    shownAs: (text: string) => string,
  ): Generator<string> {
    const own = hashes.flatMap((one) => this.#said.get(one) ?? []);
    const [first = ''] = hashes;
    if (hashes.length === 0 || own.length !== hashes.length) return;
    const known = new Set(['', ...own.map(({ text }) => shownAs(text))]);
    const plain = own.every((one) => one.plain);
    for (const [index, one] of own.entries()) {
      const text = shownAs(one.text);
      if (!texts.some((shown) => (plain ? shown === text : shown.startsWith(text))) && text !== '')
        yield hashes[index] ?? first;
    }
    if (plain && texts.some((shown) => !known.has(shown))) yield first;
  }
}

function textOf(record: string): string | undefined {
  try {
    return messageText(record);
  } catch {
    return undefined;
  }
}

/** Mails have line ends of their own. */
function lines(text: string): string {
  return text.replace(/\r\n|\r/g, '\n');
}
