/** A Chromium for the tests of the pages, and pages in it that tell of everything they should not do. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';

const NAMES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** Of the browser, or why there is none. `CHROMIUM` names it; where `CI` is set there has to be one. */
export const BROWSER: { readonly path: string } | { readonly missing: string } = (() => {
  const { CHROMIUM, CI } = process.env;
  const path = CHROMIUM || NAMES.find((name) => existsSync(name));
  if (path !== undefined) return { path };
  if (CI)
    throw new Error(
      'there is no Chromium, and tests in CI are not skipped: install one, or name it by CHROMIUM',
    );
  return { missing: 'no Chromium here; install one, or name it by CHROMIUM' };
})();

export const NO_BROWSER = 'missing' in BROWSER ? BROWSER.missing : null;

export async function openBrowser(): Promise<Browser> {
  if ('missing' in BROWSER) throw new Error(BROWSER.missing);
  return chromium.launch({
    executablePath: BROWSER.path,
    args: ['--no-sandbox', '--disable-gpu', '--font-render-hinting=none'],
  });
}

export interface Watched {
  readonly context: BrowserContext;
  readonly page: Page;
  /** What went wrong in the page so far: errors, violations of the policy, calls to other hosts. */
  readonly wrongs: string[];
}

interface Look {
  readonly colorScheme?: 'light' | 'dark';
  readonly forcedColors?: 'active';
  readonly zone?: string;
  readonly width?: number;
  readonly height?: number;
}

/** A page of its own, with nothing stored, that may reach `url` and nothing else. */
export async function watchedPage(browser: Browser, url: string, look: Look = {}): Promise<Watched> {
  const context = await browser.newContext({
    baseURL: url,
    locale: 'en-GB',
    timezoneId: look.zone ?? 'Europe/Oslo',
    colorScheme: look.colorScheme ?? 'light',
    forcedColors: look.forcedColors ?? 'none',
    viewport: { width: look.width ?? 1280, height: look.height ?? 860 },
    acceptDownloads: true,
    reducedMotion: 'reduce',
  });
  const wrongs: string[] = [];
  await context.route('**/*', (route) => {
    const target = new URL(route.request().url());
    if (target.origin === url) return route.continue();
    wrongs.push(`call to ${target.href}`);
    return route.abort();
  });
  const page = await context.newPage();
  page.on('pageerror', (error) => wrongs.push(`error: ${error.message}`));
  page.on('console', (message) => {
    // Chromium says of every refused question that it was refused, which tests of refusals want.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
      wrongs.push(`console: ${message.text()}`);
  });
  page.on('dialog', (dialog) => {
    wrongs.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  return { context, page, wrongs };
}

const axePath = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

export interface Violation {
  readonly rule: string;
  readonly where: readonly string[];
}

/**
 * What axe-core finds against WCAG 2.2 AA and its best practices. It is put into the page beside the policy, which
 * allows no script but those of the server.
 */
export async function violations(page: Page): Promise<readonly Violation[]> {
  const known = await page.evaluate('typeof window.axe');
  if (known === 'undefined') {
    const { readFile } = await import('node:fs/promises');
    await page.evaluate(await readFile(axePath, 'utf8'));
  }
  return page.evaluate<Violation[]>(
    `axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] })
      .then(({ violations }) => violations.map(({ id, nodes }) => ({ rule: id, where: nodes.map(({ html, failureSummary }) => html.slice(0, 200) + ' ' + failureSummary) })))`,
  );
}

/** Waits until nothing is being loaded. */
export async function settled(page: Page): Promise<void> {
  await page.locator('h1').first().waitFor();
  await page.locator('.loading:visible').first().waitFor({ state: 'hidden' });
}
