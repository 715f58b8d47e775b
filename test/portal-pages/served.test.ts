// biome-ignore-all lint/performance/useDomNodeTextContent: what is seen counts, not what is in the document
/** The pages as the program serves them, over an archive that was collected: from the sign-in to a verified export. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hashPassword } from '../../src/portal/password.ts';
import { type Running, runArchiver, startArchiver } from '../support/command.ts';
import { type SealedArchive, sealedArchive } from '../support/sealed-archive.ts';
import { NO_BROWSER, openBrowser, settled, violations, type Watched, watchedPage } from './browser.ts';
import { filesOfZip } from './stored-zip.ts';

const PASSWORD = 'correct horse battery staple';
const NAME = 'olga@example.com';

describe.skipIf(NO_BROWSER !== null)(
  `the portal as it is served${NO_BROWSER === null ? '' : `: ${NO_BROWSER}`}`,
  () => {
    let archive: SealedArchive;
    let key: string;
    let running: Running;
    let browser: Browser;
    let watched: Watched;
    let page: Page;

    beforeAll(async () => {
      archive = await sealedArchive();
      const { folder, root } = archive;
      key = JSON.parse(await readFile(join(root, 'archive.json'), 'utf8')).key;
      const accessKey = join(folder, 'access.key');
      const config = join(folder, 'auditing.yaml');
      const settings = JSON.parse(await readFile(archive.config, 'utf8'));
      await writeFile(config, JSON.stringify({ ...settings, access: { key: { file: accessKey } } }));
      await writeFile(
        join(folder, 'portal.yaml'),
        'portal: { port: 0, metrics: { port: 0 }, folder: ./state, cache: ./cache }',
      );
      const hash = await hashPassword(PASSWORD, { ln: 14, r: 8, p: 5 });
      await writeFile(
        join(folder, 'users.yaml'),
        `users: [{ name: ${NAME}, role: officer, scope: all, password: "${hash}" }]`,
      );
      for (const args of [
        ['keygen', '--name', 'archive.example.com/test/access', '--out', accessKey],
        ['--config', config, 'access-log', 'init'],
      ])
        expect(await runArchiver(args)).toMatchObject({ code: 0 });
      running = startArchiver([
        ...['serve', '--archive', root, '--key', key, '--access-key', accessKey],
        ...['--settings', join(folder, 'portal.yaml'), '--users', join(folder, 'users.yaml')],
      ]);
      const { url } = JSON.parse(await running.line((line) => line.includes('portal started')));
      browser = await openBrowser();
      watched = await watchedPage(browser, url);
      page = watched.page;
    });
    afterAll(async () => {
      await browser?.close();
      running?.signal('SIGTERM');
      await running?.ended;
      await archive?.remove();
    });

    const shown = async (): Promise<string> => {
      await settled(page);
      expect(await violations(page)).toEqual([]);
      expect(watched.wrongs).toEqual([]);
      expect(await page.getByRole('alert').count()).toBe(0);
      return page.locator('main').innerText();
    };

    test('finds what DuckDB finds, proves it, exports it, and the commands hold it true', async () => {
      const [subject] = archive.subject;
      const edits = archive.records.filter(({ stream, kind }) => stream === 'messages' && kind === 'edited');

      await page.goto('/search?kind=edited');
      await page.getByLabel('Name').fill(NAME);
      await page.getByLabel('Password').fill(PASSWORD);
      await page.getByRole('button', { name: 'Sign in', exact: true }).click();
      await page.locator('.results').waitFor();
      expect(await shown()).toContain(
        `${edits.length} versions of ${new Set(edits.map((each) => each.messageId)).size} messages`,
      );

      const question = `session=${encodeURIComponent(subject.session)}`;
      await page.goto(`/conversation?${question}&around=${subject.messageId}`);
      await page.locator('.message.wanted').waitFor();
      await shown();
      await page.locator('.message.wanted a.time').click();
      await page.getByRole('heading', { name: 'Records and proofs' }).waitFor();
      const message = await shown();
      for (const { hash, key: segment } of archive.subject) {
        expect(message).toContain(hash);
        expect(message).toContain(segment);
      }
      const proofs = page.waitForEvent('download');
      await page.getByRole('button', { name: 'Save records and proofs' }).click();
      const evidence = join(archive.folder, 'evidence');
      await mkdir(evidence);
      const files = await filesOfZip(await (await proofs).path());
      for (const [name, text] of files) await writeFile(join(evidence, name), text);
      const proven = [...files.keys()].filter((name) => name.endsWith('.tlog-proof'));
      expect(proven).toHaveLength(archive.subject.length);
      const checked = await runArchiver([
        'verify-proof',
        '--key',
        key,
        ...proven.map((name) => join(evidence, name)),
      ]);
      expect(checked).toMatchObject({ code: 0 });

      await page.goto('/search?kind=edited');
      await page.getByRole('link', { name: 'Export these' }).click();
      await page.getByLabel('Reason (required)').fill('Request 12 of the claim');
      await shown();
      await page.getByRole('button', { name: 'Start the export' }).click();
      await page.locator('.badge.done, .badge.failed').waitFor();
      expect(await shown()).toContain(`${edits.length} versions of`);
      const zip = page.waitForEvent('download');
      await page.getByRole('link', { name: 'Download' }).click();
      const saved = join(archive.folder, 'export.zip');
      await (await zip).saveAs(saved);
      const verdict = await runArchiver(['verify-export', '--key', key, saved]);
      expect(verdict.stdout).toContain('holds: ');
      expect(verdict).toMatchObject({ code: 0 });
    });

    test.each([
      ['conversations', 'Group'],
      ['coverage', 'The whole account'],
      ['retention', 'without lock'],
      ['verification', 'Every answer of this portal is verified'],
      ['access-log', 'Request 12 of the claim'],
    ])('shows %s', async (name, text) => {
      await page.goto(`/${name}`);
      expect(await shown()).toContain(text);
    });

    test('gives a file of a message, to save only', async () => {
      await page.goto('/search?hasFiles=true&kind=sent');
      await page.locator('.result .where').first().click();
      await page.locator('.files a').first().waitFor();
      const download = page.waitForEvent('download');
      await page.locator('.files a').first().click();
      const bytes = await readFile(await (await download).path());
      expect(bytes.length).toBeGreaterThan(0);
      expect(watched.wrongs).toEqual([]);
    });
  },
);
