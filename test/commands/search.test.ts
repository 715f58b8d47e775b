import { expect, onTestFinished, test } from 'vitest';
import { chatRows, messageRecord } from '../query/chat.ts';
import { startArchiver } from '../support/command.ts';
import { PUBLIC_KEY } from '../support/log.ts';
import { writtenArchive } from '../support/searched-archive.ts';

test('prints hits as a table, with what was found in brackets, and pages and refusals as JSON', async () => {
  const written = await writtenArchive(chatRows(1).map(messageRecord));
  onTestFinished(() => written.remove());
  const cache = `${written.root}-cache`;
  const run = (...args: readonly string[]) =>
    startArchiver(['search', '--archive', written.root, '--key', PUBLIC_KEY, '--cache', cache, ...args])
      .ended;

  const table = await run('final', 'offer', '--limit', '1');
  expect(table.code).toBe(0);
  expect(table.stdout).toContain('the [ﬁnal] [oﬀer]');
  expect(table.stdout).toMatch(/6 versions of 6 messages, from 4 of 4 segments/);
  const [, next = ''] = /more with --next (\S+)/.exec(table.stdout) ?? [];

  const page = await run('final', 'offer', '--limit', '1', '--next', next, '--json');
  const { hits, total } = JSON.parse(page.stdout);
  expect(hits).toHaveLength(1);
  expect(total).toEqual({ revisions: 6, messages: 6 });

  // A text steers no terminal.
  const marked = await run('right', 'to', 'left');
  expect(marked.stdout).toContain('[right] [to] [left]');
  expect(marked.stdout).not.toMatch(/[\u202a-\u202e]/);

  const flagged = JSON.parse(
    (await run('--deleted', '--no-has-files', '--kind', 'deleted', '--json')).stdout,
  );
  expect(flagged.total.revisions).toBe(
    chatRows(1).filter(({ kind, files }) => kind === 'deleted' && files.length === 0).length,
  );

  const refused = await run('--match', 'regex', '(', '--json');
  expect(refused.code).toBe(2);
  expect(JSON.parse(refused.stdout).error).toMatchObject({ code: 'usage' });
  expect(refused.stderr).toContain('RE2');
});
