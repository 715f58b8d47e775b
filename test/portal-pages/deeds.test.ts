// biome-ignore-all lint/performance/useDomNodeTextContent: what is seen counts, not what is in the document
/** What a reader does: asks, follows, saves, exports; with keys alone where it says so. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Browser, Download, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { NO_BROWSER, openBrowser, settled, violations, type Watched, watchedPage } from './browser.ts';
import { FixtureServer, PASSWORD } from './fixture-server.ts';
import { EDITED, HITS, MESSAGE, OFFICER, SESSION } from './fixtures.ts';
import { filesOfZip } from './stored-zip.ts';

describe.skipIf(NO_BROWSER !== null)(`a reader${NO_BROWSER === null ? '' : `: ${NO_BROWSER}`}`, () => {
  let server: FixtureServer;
  let browser: Browser;
  let watched: Watched;

  beforeAll(async () => {
    server = await FixtureServer.start();
    browser = await openBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
  });

  const reading = async (
    path: string,
    work: (page: Page) => Promise<void>,
    isSignedIn = true,
  ): Promise<void> => {
    server.reset(OFFICER, isSignedIn);
    watched = await watchedPage(browser, server.url);
    try {
      await watched.page.goto(path);
      await settled(watched.page);
      await work(watched.page);
      expect(watched.wrongs).toEqual([]);
    } finally {
      await watched.context.close();
    }
  };
  const askedOf = (path: string): unknown => server.asked.findLast((each) => each.path === path)?.body;

  test('gets from the sign-in to an export by keys alone', () =>
    reading(
      '/search?text=invoice&person=Ben+Osei&zone=Europe%2FOslo',
      async (page) => {
        const { keyboard } = page;
        // To the sign-in, and back to what was asked for.
        await tabTo(page, 'Name');
        await keyboard.type(OFFICER.name);
        await keyboard.press('Tab');
        await keyboard.type('wrong');
        await keyboard.press('Enter');
        await page.getByRole('alert').getByText('name or password is wrong').waitFor();
        await keyboard.press('ControlOrMeta+a');
        await keyboard.type(PASSWORD);
        await keyboard.press('Enter');
        await page.getByText('1,204 versions').waitFor();
        await expect
          .poll(() => askedOf('/api/search'))
          .toEqual({ text: 'invoice', person: 'Ben Osei', zone: 'Europe/Oslo' });

        await keyboard.press('j');
        await keyboard.press('j');
        expect(await focused(page)).toContain('12 Mar 2026, 10:04');
        await tabTo(page, 'Export these', 'Shift+Tab');
        await keyboard.press('Enter');
        await page.getByRole('heading', { name: 'New export' }).waitFor();
        expect(await page.evaluate('document.activeElement.id')).toBe('content');
        await tabTo(page, 'Reason (required)');
        await keyboard.type('Request 12 of the claim');
        await keyboard.press('Enter');
        await page.getByRole('heading', { name: 'Exports' }).waitFor();
        await expect
          .poll(() => askedOf('/api/exports'))
          .toEqual({
            of: { kind: 'search', query: { text: 'invoice', person: 'Ben Osei', zone: 'Europe/Oslo' } },
            zone: 'Europe/Oslo',
            formats: ['rsmf'],
            proofs: true,
            reason: 'Request 12 of the claim',
          });

        await page.getByText('Rendering: 640 of 1,204').waitFor();
        await page.getByText('1,204 versions of 1,087 messages').waitFor();
        expect(await violations(page)).toEqual([]);
        await tabTo(page, 'Download');
        const download = page.waitForEvent('download');
        await keyboard.press('Enter');
        expect(await page.locator('main').innerText()).toContain(await hashOf(await download));
      },
      false,
    ));

  test('a question is its address, and the address is the question', () =>
    reading('/search', async (page) => {
      await page.getByLabel('Text').fill('late "fee" & ünïcode');
      await page.getByLabel('Find').selectOption('phrase');
      await page.getByLabel('From').fill('2026-03-01');
      await page.getByLabel('To, included').fill('2026-03-31');
      await page.getByLabel('Order').selectOption('newest');
      await page.getByText('More conditions').click();
      await page.getByLabel('Files').selectOption('true');
      await page.getByLabel('Deletions').selectOption('false');
      await page.getByLabel('Versions').selectOption('edited');
      await page.getByLabel('Matter').fill('M-7');
      await page.getByRole('button', { name: 'Search' }).click();
      await page.getByText('1,204 versions').waitFor();
      const question = {
        zone: 'Europe/Oslo',
        text: 'late "fee" & ünïcode',
        match: 'phrase',
        from: '2026-03-01',
        to: '2026-03-31',
        matter: 'M-7',
        kind: 'edited',
        hasFiles: true,
        deleted: false,
        order: 'newest',
      };
      await expect.poll(() => askedOf('/api/search')).toEqual(question);
      await page.reload();
      await settled(page);
      await expect.poll(() => askedOf('/api/search')).toEqual(question);
      expect(await page.getByLabel('Text').inputValue()).toBe(question.text);
      expect(await page.getByLabel('Deletions').inputValue()).toBe('false');
      await page.getByRole('link', { name: 'Next page' }).click();
      await page.getByRole('link', { name: 'First page' }).waitFor();
      await expect.poll(() => askedOf('/api/search')).toEqual({ ...question, after: 'page-2' });
      await page.goBack();
      await page.getByRole('link', { name: 'First page' }).waitFor({ state: 'detached' });
    }));

  test('people and sessions are suggested, also by former names', () =>
    reading('/search', async (page) => {
      await page.getByLabel('Sender').pressSequentially('mens');
      const options = page.locator('datalist option');
      await options.first().waitFor({ state: 'attached' });
      expect(await options.first().getAttribute('value')).toBe('ben.osei@example.com');
      expect(await options.first().textContent()).toBe('Ben Osei, Ben Mensah');
      await expect.poll(() => askedOf('/api/people')).toEqual({ text: 'mens', limit: 8 });
      await page.getByLabel('Session', { exact: true }).pressSequentially('fjord');
      await page.locator(`datalist option[value="${SESSION.id}"]`).waitFor({ state: 'attached' });
      await expect.poll(() => askedOf('/api/sessions')).toEqual({ text: 'fjord', limit: 8 });
    }));

  test('nothing found leads to coverage', () =>
    reading('/search', async (page) => {
      server.instead.set('/api/search', {
        ...HITS,
        hits: [],
        next: null,
        total: { revisions: 0, messages: 0 },
      });
      await page.goto('/search?text=zebra&from=2026-02-10&to=2026-02-12');
      await settled(page);
      await page.getByRole('link', { name: 'coverage', exact: true }).click();
      await page.getByText('2 holes').waitFor();
      await expect.poll(() => askedOf('/api/coverage')).toEqual({ from: '2026-02-10', to: '2026-02-12' });
    }));

  test('jumps to a day, to a message, and from it to its proof', () =>
    reading(`/conversation?session=${encodeURIComponent(SESSION.id)}`, async (page) => {
      await page.getByLabel('From').fill('2026-03-12');
      await page.getByRole('button', { name: 'Jump' }).click();
      await page.waitForURL(/from=2026-03-12/);
      await settled(page);
      await expect
        .poll(() => askedOf('/api/conversation'))
        .toEqual({
          session: SESSION.id,
          from: '2026-03-12',
          zone: 'Europe/Oslo',
        });
      await page.getByRole('link', { name: /^Reply to Ben Osei/ }).click();
      await page.locator('.message.wanted').waitFor();
      await expect.poll(() => askedOf('/api/conversation')).toMatchObject({ around: EDITED });
      await settled(page);
      expect(await focused(page)).toBe('10:04');
      await page.keyboard.press('Enter');
      await page.getByRole('heading', { name: 'Records and proofs' }).waitFor();
      await expect
        .poll(() => askedOf('/api/message'))
        .toEqual({ session: SESSION.id, message: EDITED, proofs: true });
    }));

  test('saves records and proofs as the very bytes', () =>
    reading(`/message?message=${EDITED}`, async (page) => {
      const download = page.waitForEvent('download');
      await page.getByRole('button', { name: 'Save records and proofs' }).click();
      const saved = await download;
      expect(saved.suggestedFilename()).toBe(`message-${EDITED}.zip`);
      const files = await filesOfZip(await saved.path());
      const expected = MESSAGE.records.flatMap(({ evidence }) =>
        evidence === null
          ? []
          : [
              [`${evidence.name}.record`, Buffer.from(evidence.record, 'base64').toString()],
              [`${evidence.name}.tlog-proof`, evidence.proof],
            ],
      );
      expect(files).toEqual(new Map(expected as [string, string][]));
    }));

  test('goes through the calendar by arrows, and to the messages of a day', () =>
    reading('/coverage', async (page) => {
      await page.locator('button.day[tabindex="0"]').focus();
      await page.keyboard.press('ArrowDown');
      await page.keyboard.press('ArrowRight');
      expect(await page.evaluate('document.activeElement.dataset.day')).toBe('2026-01-09');
      await page.keyboard.press('End');
      expect(await page.locator('.chosen-day').innerText()).toContain(
        'Wednesday, 20 May 2026 (UTC): covered',
      );
      expect(await page.locator('button.day[tabindex="0"]').count()).toBe(1);
      await page.getByRole('button', { name: '11 February 2026' }).click();
      expect(await page.locator('.chosen-day').innerText()).toContain('zoom-unavailable: 503 for three days');
      await page.getByRole('link', { name: 'Messages of this day' }).click();
      await page.getByText('1,204 versions').waitFor();
      await expect
        .poll(() => askedOf('/api/search'))
        .toEqual({ from: '2026-02-11', to: '2026-02-11', zone: 'UTC' });
    }));

  test('shortcuts lead to screens, help says which, and they can be switched off', () =>
    reading('/search', async (page) => {
      await page.keyboard.press('g');
      await page.keyboard.press('v');
      await page.getByRole('heading', { name: 'Verification' }).waitFor();
      expect(await page.title()).toContain('Verification');
      await page.keyboard.press('?');
      const dialog = page.getByRole('dialog', { name: 'Help and settings' });
      await dialog.waitFor();
      expect(await violations(page)).toEqual([]);
      await dialog.getByLabel('Colours').selectOption('dark');
      expect(await page.evaluate('getComputedStyle(document.documentElement).colorScheme')).toBe('dark');
      await dialog.getByLabel('Keyboard shortcuts are on').uncheck();
      await page.keyboard.press('Escape');
      await dialog.waitFor({ state: 'hidden' });
      await page.keyboard.press('g');
      await page.keyboard.press('s');
      expect(new URL(page.url()).pathname).toBe('/verification');
      await page.keyboard.press('Tab');
    }));

  test('skips to the content, and a letter typed into a field is no shortcut', () =>
    reading('/search', async (page) => {
      await page.keyboard.press('Tab');
      expect(await focused(page)).toBe('Skip to content');
      await page.keyboard.press('Enter');
      expect(await page.evaluate('document.activeElement.id')).toBe('content');
      await page.keyboard.press('/');
      await page.keyboard.type('gv?');
      expect(await page.getByLabel('Text').inputValue()).toBe('gv?');
    }));

  test('hears why the organisation did not let him in', () =>
    reading(
      '/sign-in?failed=not-granted&return=%2Fcoverage',
      async (page) => {
        await page.getByRole('alert').getByText('have no role here').waitFor();
        await page.getByLabel('Name').fill(OFFICER.name);
        await page.getByLabel('Password').fill(PASSWORD);
        await page.getByRole('button', { name: 'Sign in', exact: true }).click();
        await page.getByRole('heading', { name: 'Coverage' }).waitFor();
      },
      false,
    ));

  test('is led to the sign-in when his time is over, and back', () =>
    reading('/access-log', async (page) => {
      server.reset(OFFICER, false);
      await page.getByLabel('Deed', { exact: true }).selectOption('export');
      await page.getByRole('button', { name: 'Show' }).click();
      await page.getByLabel('Password').waitFor();
      await page.getByLabel('Name').fill(OFFICER.name);
      await page.getByLabel('Password').fill(PASSWORD);
      await page.getByRole('button', { name: 'Sign in', exact: true }).click();
      await page.getByRole('heading', { name: 'Access log' }).waitFor();
      await settled(page);
      await expect.poll(() => askedOf('/api/access-log')).toEqual({ action: 'export' });
    }));
});

/** Presses until what is named has the focus, as somebody would who has no mouse. */
async function tabTo(page: Page, name: string, key = 'Tab'): Promise<void> {
  const passed: string[] = [];
  for (let count = 0; count < 80; count += 1) {
    await page.keyboard.press(key);
    const at = await focused(page);
    if (at === name) return;
    passed.push(at);
  }
  throw new Error(`${name} cannot be reached by keys, only ${passed.join(' | ')}`);
}

/** The label or the text of what has the focus. */
function focused(page: Page): Promise<string> {
  return page.evaluate<string>(
    "(document.activeElement.labels?.[0] ?? document.activeElement).innerText?.trim().split('\\n')[0] ?? ''",
  );
}

async function hashOf(download: Download): Promise<string> {
  return createHash('sha256')
    .update(await readFile(await download.path()))
    .digest('hex');
}
