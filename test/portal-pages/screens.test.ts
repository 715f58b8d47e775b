// biome-ignore-all lint/performance/useDomNodeTextContent: what is seen counts, not what is in the document
/** Every screen: what it shows, that it can be read by everybody, and that it calls nobody. */
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Me } from '../../portal/api/contract.ts';
import { NO_BROWSER, openBrowser, settled, violations, type Watched, watchedPage } from './browser.ts';
import { FixtureServer, Refusal } from './fixture-server.ts';
import { ADMIN, AUDITOR, EDITED, OFFICER, SESSION, VERIFICATION } from './fixtures.ts';

const session = encodeURIComponent(SESSION.id);

interface Screen {
  readonly name: string;
  readonly path: string;
  /** Texts that have to be seen. */
  readonly shows: readonly string[];
  readonly isSignedOut?: boolean;
}

const SCREENS: readonly Screen[] = [
  {
    name: 'sign-in',
    path: '/sign-in',
    shows: ['Chat archive of acme', 'Sign in with your organisation'],
    isSignedOut: true,
  },
  { name: 'search before a question', path: '/search', shows: ['Ask for words'] },
  {
    name: 'search',
    path: '/search?text=invoice&hasFiles=true&zone=Europe/Oslo',
    shows: [
      '1,204 versions of 1,087 messages',
      'Kari Halvorsen',
      'file name: Halvorsen invoice March.pdf',
      'Next page',
    ],
  },
  { name: 'conversations', path: '/conversations', shows: ['formerly project-fjord', 'Direct conversation'] },
  {
    name: 'conversation',
    path: `/conversation?session=${session}&around=${EDITED}`,
    shows: [
      'Thursday, 12 March 2026',
      '3 versions',
      'Last known text:',
      'Kari Halvorsen joined, by Ana Díaz',
      'not archived: Zoom had deleted it',
    ],
  },
  {
    name: 'message',
    path: `/message?session=${session}&message=${EDITED}`,
    shows: ['Records and proofs', 'zoom-chat-archiver verify-proof --key', 'entry 44 of the log'],
  },
  {
    name: 'coverage',
    path: '/coverage',
    shows: ['2 holes', 'gone before it could be collected', 'February 2026'],
  },
  {
    name: 'retention',
    path: '/retention',
    shows: ['6,201,338', 'M-7 Halvorsen', 'Claim of 31 March', 'ada.admin@example.com'],
  },
  { name: 'exports', path: '/exports', shows: ['No export yet'] },
  {
    name: 'new export',
    path: '/exports/new?text=invoice',
    shows: ['What this search finds', 'Reason (required)'],
  },
  { name: 'verification', path: '/verification', shows: ['The archive holds', 'in 42.4 s'] },
  { name: 'access log', path: '/access-log', shows: ['arthur.auditor@example.com', '"text":"invoice"'] },
];

describe.skipIf(NO_BROWSER !== null)(`the screens${NO_BROWSER === null ? '' : `: ${NO_BROWSER}`}`, () => {
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

  const opened = async (
    path: string,
    {
      reader = OFFICER,
      isSignedOut = false,
      ...look
    }: { reader?: Me; isSignedOut?: boolean; width?: number; zone?: string } = {},
    work: (watched: Watched) => Promise<void>,
  ): Promise<void> => {
    server.reset(reader, !isSignedOut);
    const watched = await watchedPage(browser, server.url, look);
    try {
      await watched.page.goto(path);
      await settled(watched.page);
      await work(watched);
      expect(watched.wrongs).toEqual([]);
    } finally {
      await watched.context.close();
    }
  };

  test.each(SCREENS)(
    '$name, in light and dark by axe-core, and on a narrow screen',
    ({ path, shows, isSignedOut = false }) =>
      opened(path, { isSignedOut }, async ({ page }) => {
        const text = await page.locator('main').innerText();
        for (const each of shows) expect(text).toContain(each);
        expect(await page.locator('h1').count()).toBe(1);
        await openAll(page);
        expect(await violations(page)).toEqual([]);
        await page.emulateMedia({ colorScheme: 'dark' });
        expect(await violations(page)).toEqual([]);
        // What 400% of text comes to (WCAG 1.4.10).
        await page.setViewportSize({ width: 320, height: 640 });
        expect(await page.evaluate<number>('document.documentElement.scrollWidth')).toBeLessThanOrEqual(320);
      }),
  );

  test('a role sees its screens, and is told of others', async () => {
    await opened('/', { reader: ADMIN }, async ({ page }) => {
      const links = await page.locator('nav[aria-label=Screens] a').allInnerTexts();
      expect(links).toEqual(['Coverage', 'Retention', 'Verification', 'Access log']);
      await page.goto('/search?text=invoice');
      await settled(page);
      expect(await page.locator('h1').innerText()).toBe('Not for your role');
      expect(server.asked.filter(({ path }) => path === '/api/search')).toEqual([]);
    });
    await opened('/', { reader: AUDITOR }, async ({ page }) => {
      const links = await page.locator('nav[aria-label=Screens] a').allInnerTexts();
      expect(links).toEqual(['Search', 'Conversations', 'Exports', 'Coverage', 'Verification']);
      expect(await page.locator('.scope').innerText()).toBe(
        'You see a part of the archive: matter M-7 Halvorsen; 2026-01-01 to today (UTC).',
      );
    });
  });

  test('an error is said with its code and what to do, and asked again', () =>
    opened('/search', {}, async ({ page }) => {
      server.instead.set(
        '/api/search',
        new Refusal(503, {
          code: 'access-unrecorded',
          message: 'It could not be written down',
          hint: 'Tell the officer.',
          detail: 'access/checkpoint',
        }),
      );
      await page.goto('/search?text=invoice');
      const alert = page.getByRole('alert');
      await alert.waitFor();
      expect(await alert.innerText()).toMatch(
        /It could not be written down access-unrecorded\s+access\/checkpoint\s+Tell the officer\./,
      );
      expect(await violations(page)).toEqual([]);
      server.instead.clear();
      await page.getByRole('button', { name: 'Try again' }).click();
      await page.getByText('1,204 versions').waitFor();
    }));

  test('findings of a verification are named', () =>
    opened('/verification', {}, async ({ page }) => {
      server.instead.set('/api/verification', {
        ...VERIFICATION,
        state: 'failed',
        findings: [
          { check: 'segments', what: 'other bytes', key: 'segments/a.parquet', expected: 'aa', found: 'bb' },
        ],
      });
      await page.reload();
      await settled(page);
      expect(await page.locator('main').innerText()).toContain('The archive does not hold');
      expect(await page.locator('tbody tr').first().innerText()).toMatch(
        /segments\s+other bytes\s+segments\/a\.parquet\s+aa\s+bb/,
      );
      expect(await violations(page)).toEqual([]);
      await page.getByRole('button', { name: 'Verify now' }).click();
      await page.getByText('The archive does not hold').waitFor();
      expect(server.asked.map(({ path }) => path)).toEqual(['/api/verification']);
    }));

  test('times stand in the reader’s zone, with UTC beside, across a change of clocks', () =>
    opened(`/conversation?session=${session}`, { zone: 'Europe/Oslo' }, async ({ page }) => {
      const time = page.locator('time[datetime="2026-03-12T08:58:12.120Z"]').last();
      expect(await time.innerText()).toBe('09:58');
      expect(await page.locator('a.time').first().getAttribute('title')).toContain(
        '2026-03-12 08:58:12.120 UTC',
      );
      await page.getByLabel('Time zone').selectOption('America/New_York');
      expect(await time.innerText()).toBe('04:58');
      await page.reload();
      await settled(page);
      expect(await time.innerText()).toBe('04:58');
    }));

  test('on paper there is the transcript and nothing to press', () =>
    opened(`/conversation?session=${session}`, {}, async ({ page }) => {
      await page.emulateMedia({ media: 'print' });
      await page.evaluate("window.dispatchEvent(new Event('beforeprint'))");
      expect(await page.locator('header.top').isVisible()).toBe(false);
      expect(await page.locator('button:visible').count()).toBe(0);
      expect(await page.locator('details:not([open])').count()).toBe(0);
      expect(await page.locator('.versions del:visible').first().innerText()).toContain('48');
    }));

  test('forced colours keep every state apart', () =>
    opened('/coverage', {}, async ({ page }) => {
      await page.emulateMedia({ forcedColors: 'active' });
      const signs = await page.locator('.legend .swatch').allInnerTexts();
      expect(signs.map((sign) => sign.trim())).toEqual(['', '◐', '?', '×', '']);
      expect(await page.locator('button.missing').first().innerText()).toBe('?');
    }));
});

async function openAll(page: Watched['page']): Promise<void> {
  await page.evaluate("for (const each of document.querySelectorAll('main details')) each.open = true");
}
