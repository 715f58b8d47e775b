// biome-ignore-all lint/performance/useDomNodeTextContent: what is seen counts, not what is in the document
/** What others wrote is text, wherever it is shown. */
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { NO_BROWSER, openBrowser, settled, violations, watchedPage } from './browser.ts';
import { FixtureServer } from './fixture-server.ts';
import { BEN, HOSTILE, HOSTILE_CONVERSATION, HOSTILE_HITS, MESSAGE, revision, SESSION } from './fixtures.ts';

const session = encodeURIComponent(SESSION.id);

interface Dom {
  /** Elements that nothing in the pages makes. */
  readonly foreign: number;
  /** Attributes that run something. */
  readonly handlers: number;
  readonly hrefs: readonly {
    readonly href: string;
    readonly rel: string;
    readonly target: string;
    readonly text: string;
  }[];
  /** Characters that turn text around, outside of what has its own direction. */
  readonly overrides: number;
  readonly harmed: boolean;
}

const INSPECT = `({
  foreign: document.querySelectorAll('main script, main img, main svg, main iframe, main object, main style, main video, main audio, main b, main u, main font, main [style]').length,
  handlers: [...document.querySelectorAll('*')].flatMap((each) => [...each.attributes]).filter(({ name }) => name.startsWith('on')).length,
  hrefs: [...document.querySelectorAll('.inert a')].map((a) => ({ href: a.href, rel: a.rel, target: a.target, text: a.textContent })),
  overrides: [...document.querySelectorAll('body *')].flatMap((each) => [...each.childNodes]).filter((node) => node.nodeType === 3 && /[\\u202A-\\u202E\\u2066-\\u2069\\u0000-\\u0008]/.test(node.data)).length,
  harmed: 'harmed' in window,
})`;

describe.skipIf(NO_BROWSER !== null)(
  `hostile messages${NO_BROWSER === null ? '' : `: ${NO_BROWSER}`}`,
  () => {
    let server: FixtureServer;
    let browser: Browser;

    beforeAll(async () => {
      server = await FixtureServer.start();
      browser = await openBrowser();
    });
    afterAll(async () => {
      await browser?.close();
      await server?.close();
    });

    test.each([
      ['in a conversation', `/conversation?session=${session}`],
      ['among the hits', '/search?text=x'],
      ['as a message', `/message?message=1&session=${session}`],
    ])('%s are inert', async (_, path) => {
      server.reset();
      server.instead.set('/api/conversation', HOSTILE_CONVERSATION);
      server.instead.set('/api/search', HOSTILE_HITS);
      server.instead.set('/api/message', {
        ...MESSAGE,
        versions: [
          revision({ id: 'x', at: '2026-03-12T09:00:00.000Z', sender: BEN, text: HOSTILE.join('\n') }),
        ],
        records: MESSAGE.records.map((record, index) => ({
          ...record,
          record: JSON.stringify({ message: HOSTILE[index] }),
        })),
      });
      const { page, context, wrongs } = await watchedPage(browser, server.url);
      try {
        await page.goto(path);
        await settled(page);
        await page.evaluate("for (const each of document.querySelectorAll('main details')) each.open = true");
        const dom = await page.evaluate<Dom>(INSPECT);
        expect({ ...dom, hrefs: [] }).toEqual({
          foreign: 0,
          handlers: 0,
          hrefs: [],
          overrides: 0,
          harmed: false,
        });
        for (const { href, rel, target } of dom.hrefs) {
          expect(href).toMatch(/^(?:https?:\/\/|mailto:)/);
          expect(rel).toBe('noopener noreferrer nofollow ugc');
          expect(target).toBe('_blank');
        }
        const text = await page.locator('main').innerText();
        expect(text).toContain('<script>window.harmed = 1</script>');
        expect(text).toContain('</bdi></div></li></ol></main></body><h1>Archive deleted</h1>');
        expect(text).toContain('invoice_RLOfdp.exe');
        // Where a link leads, whatever it looks like.
        expect(text).toContain('→ evil.example.net');
        expect(text).toContain('→ xn--ypal-43d9g.example.org');
        expect(await page.locator('h1').count()).toBe(1);
        expect(await page.evaluate<number>('document.documentElement.scrollWidth')).toBeLessThanOrEqual(1280);
        expect(await violations(page)).toEqual([]);
        expect(wrongs).toEqual([]);
      } finally {
        await context.close();
      }
    });

    test('an address that names another site is not followed after the sign-in', async () => {
      for (const wanted of [
        '//evil.example.net/',
        'https://evil.example.net/',
        '/\\evil.example.net',
        'javascript:window.harmed=1',
      ]) {
        server.reset();
        const { page, context, wrongs } = await watchedPage(browser, server.url);
        try {
          await page.goto(`/sign-in?return=${encodeURIComponent(wanted)}`);
          await page.locator('header.top').waitFor();
          expect(new URL(page.url()).pathname).toBe('/search');
          expect(wrongs).toEqual([]);
        } finally {
          await context.close();
        }
      }
    });
  },
);
