/** Who may see what, through the commands: each reader against each question, by a table of what was said. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ANN, DAY, DIRECT, OTHER, SESSION, said, T0 } from '../query/saying.ts';
import { type Ended, runArchiver } from '../support/command.ts';
import { PUBLIC_KEY } from '../support/log.ts';
import { writeArchive } from '../support/told-archive.ts';
import { expectRefusal } from './stage.ts';

const BOB = { sender: 'bob@example.com', sender_member_id: 'MEMBER-BOB', sender_display_name: 'Bob' };

interface Line {
  readonly id: string;
  readonly session: typeof SESSION;
  /** Days after the first. */
  readonly day: number;
  readonly by: typeof ANN;
}

/** All that was ever said, a word of its own in each. */
const LINES: readonly Line[] = [
  { id: 'g1', session: SESSION, day: 0, by: ANN },
  { id: 'g2', session: SESSION, day: 2, by: BOB },
  { id: 's1', session: OTHER, day: 0, by: BOB },
  { id: 's2', session: OTHER, day: 3, by: BOB },
  { id: 'd1', session: DIRECT, day: 3, by: ANN },
];
const day = (after: number): string => new Date(T0 + after * DAY).toISOString().slice(0, 10);

interface Reader {
  readonly name: string;
  readonly flags: readonly string[];
  /** Undefined where the role sees no messages at all. */
  readonly sees: ((line: Line) => boolean) | undefined;
}

const READERS: readonly Reader[] = [
  { name: 'an officer', flags: [], sees: () => true },
  {
    name: 'an auditor of a channel',
    flags: ['--role', 'auditor', '--scope-channel', 'secr*'],
    sees: ({ session }) => session === OTHER,
  },
  {
    name: 'an auditor of a custodian',
    flags: ['--role', 'auditor', '--scope-custodian', 'ann@example.com'],
    sees: ({ session }) => session !== OTHER,
  },
  {
    name: 'an auditor of some days',
    flags: ['--role', 'auditor', '--scope-from', day(2), '--scope-to', day(2)],
    sees: (line) => line.day === 2,
  },
  {
    name: 'an auditor of a custodian and some days',
    flags: ['--role', 'auditor', '--scope-custodian', 'ann@example.com', '--scope-from', day(3)],
    sees: ({ session, day: said }) => session !== OTHER && said >= 3,
  },
  { name: 'an admin', flags: ['--role', 'admin'], sees: undefined },
];

const DENIED = 28;
const NOT_FOUND = 25;

test.each(READERS)(
  '$name finds, reads and exports what he may see, and nothing else',
  async ({ flags, sees }) => {
    const { root } = await writeArchive(
      LINES.map(({ id, session, day: after, by }) =>
        said(id, T0 + after * DAY, { session, text: `word-${id}`, fields: by }),
      ),
    );
    const archive = ['--archive', root, '--key', PUBLIC_KEY, '--cache', join(root, '..', 'cache')];
    const run = (...args: readonly string[]): Promise<Ended> => runArchiver([...args, ...archive, ...flags]);
    const out = join(root, '..', 'export.zip');
    const found = await run('search', '--json');
    const conversations = [SESSION, OTHER, DIRECT].map(
      async (session) => [session, await run('conversation', session.id, '--json')] as const,
    );
    const messages = LINES.slice(1, 3).map(
      async (line) => [line, await run('message', line.id, '--json')] as const,
    );
    const exported = run('export', '--reason', 'x', '--format', 'ndjson', '--out', out, '--json');
    const all = [
      found,
      ...(await Promise.all([...conversations, ...messages])).map(([, each]) => each),
      await exported,
    ];
    if (sees === undefined) {
      for (const ended of all) expectRefusal(ended, DENIED, 'admin');
      return;
    }
    const seen = LINES.filter(sees);
    const { hits, total } = JSON.parse(found.stdout);
    expect(idsOf(hits.map(({ revision }: { revision: { messageId: string } }) => revision))).toEqual(
      ids(seen),
    );
    expect(total).toEqual({ revisions: seen.length, messages: seen.length });
    for (const [session, ended] of await Promise.all(conversations)) {
      const own = seen.filter((line) => line.session === session);
      if (own.length === 0) expectRefusal(ended, NOT_FOUND, session.id);
      else expect(idsOf(JSON.parse(ended.stdout).events)).toEqual(ids(own));
    }
    for (const [line, ended] of await Promise.all(messages)) {
      if (seen.includes(line)) expect(ended.stdout).toContain(`word-${line.id}`);
      else expectRefusal(ended, NOT_FOUND, line.id);
    }
    expect(JSON.parse((await exported).stdout)).toMatchObject({ revisions: seen.length });
    const unseen = LINES.filter((line) => !seen.includes(line));
    for (const { stdout, stderr } of all)
      for (const { id } of unseen) expect(stdout + stderr).not.toContain(`word-${id}`);
  },
);

const ids = (lines: readonly Line[]): readonly string[] => lines.map(({ id }) => id).sort();

function idsOf(messages: readonly { readonly messageId: string }[]): readonly string[] {
  return messages.map(({ messageId }) => messageId).sort();
}
