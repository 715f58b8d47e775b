/** The pictures of docs/auditors.md. `npm run pictures` puts them where the document looks for them. */
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { NO_BROWSER, openBrowser, settled, watchedPage } from './browser.ts';
import { FixtureServer } from './fixture-server.ts';
import { EDITED, SESSION } from './fixtures.ts';

const ROOT = join(import.meta.dirname, '../..');
/** Not in git but for those that the document shows. */
const FOLDER = process.env.PICTURES ?? join(ROOT, '.tmp/pictures');
const session = encodeURIComponent(SESSION.id);

interface Picture {
  readonly name: string;
  readonly path: string;
  readonly height: number;
  /** What is unfolded first. */
  readonly unfold?: string;
}

const PICTURES: readonly Picture[] = [
  { name: 'search', path: '/search?text=invoice&zone=Europe/Oslo', height: 760 },
  { name: 'conversation', path: `/conversation?session=${session}`, height: 900, unfold: 'details.history' },
  { name: 'message', path: `/message?session=${session}&message=${EDITED}`, height: 860 },
  { name: 'coverage', path: '/coverage', height: 880 },
  { name: 'new-export', path: '/exports/new?text=invoice&zone=Europe/Oslo', height: 700 },
];

describe.skipIf(NO_BROWSER !== null)(`the pictures${NO_BROWSER === null ? '' : `: ${NO_BROWSER}`}`, () => {
  let server: FixtureServer;
  let browser: Browser;

  beforeAll(async () => {
    server = await FixtureServer.start();
    browser = await openBrowser();
    await mkdir(FOLDER, { recursive: true });
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
  });

  test('of the document are made', async () => {
    server.reset();
    const { page, context, wrongs } = await watchedPage(browser, server.url, { width: 1100 });
    try {
      for (const { name, path, height, unfold } of PICTURES) {
        await page.setViewportSize({ width: 1100, height });
        await page.goto(path);
        await settled(page);
        if (unfold !== undefined)
          await page.evaluate(`for (const each of document.querySelectorAll('${unfold}')) each.open = true`);
        await page.screenshot({ path: join(FOLDER, `${name}.png`) });
      }
      expect(wrongs).toEqual([]);
    } finally {
      await context.close();
    }
  });
});

test('the document shows every picture that is made, and no other', async () => {
  const text = await readFile(join(ROOT, 'docs/auditors.md'), 'utf8');
  const shown = [...text.matchAll(/!\[[^\]]+\]\(pictures\/([\w-]+)\.png\)/g)].map(([, name]) => name);
  expect(shown.sort()).toEqual(PICTURES.map(({ name }) => name).sort());
});
