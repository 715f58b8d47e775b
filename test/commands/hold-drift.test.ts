/** `hold drift` as it is run: zips that Zoom made, collected and sealed, against the archive, from the archive alone. */
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import {
  type Emulator,
  startEmulator,
  type TruthFile,
  type TruthMessage,
  type ZipCondition,
} from '../../emulator/server.ts';
import { readZip } from '../emulator/read-zip.ts';
import { openArchiver } from '../support/archiver.ts';
import { type Ended, runArchiver } from '../support/command.ts';
import { PUBLIC_KEY } from '../support/log.ts';
import { createSchema } from '../support/postgres.ts';
import { expectRefusal } from './stage.ts';

const NOON = Date.parse('2026-05-15T12:00:00Z');
const DAY = 86_400_000;
const [FROM, TO] = ['2026-05-02', '2026-05-30'];
const [BEGINS, ENDS] = [Date.parse(FROM), Date.parse(TO) + DAY];

/** Names of matters with the condition of their one zip. */
const MATTERS: readonly (readonly [string, ZipCondition])[] = [
  ['normal', { kind: 'normal' }],
  ['twice', { kind: 'normal' }],
  ['twice', { kind: 'normal' }],
  ['lacks-row', { kind: 'lacks-row' }],
  ['extra-row', { kind: 'extra-row' }],
  ['other-text', { kind: 'other-text' }],
  ['lacks-file', { kind: 'lacks-file' }],
  ['other-file', { kind: 'other-file' }],
  ['extra-file', { kind: 'extra-file' }],
  ['no-ids', { kind: 'no-ids' }],
  ['other-columns', { kind: 'other-columns' }],
  ['cut-row', { kind: 'cut-row' }],
  ['ragged-row', { kind: 'ragged-row' }],
  ['escaping', { kind: 'escaping' }],
  ['bomb', { kind: 'bomb', bytes: 20 * 2 ** 30 }],
  ['short', { kind: 'short' }],
];

let folder: string;
let root: string;
let custodian: string;
/** What was said in the custodian's sessions in the days of the zips. */
let held: readonly TruthMessage[];
let attached: readonly TruthFile[];
let newest: TruthMessage;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hold-drift-'));
  const schema = await createSchema();
  const emulator = await startEmulator({
    limits: false,
    frozen: true,
    now: NOON,
    source: { kind: 'generated', seed: 17, sessions: 3, messages: 600 },
    // Otherwise the first texts of what was edited before the first pass are in the zips alone.
    switches: { holdZipMinutes: 0, sentText: 'original' },
  });
  const on = { enabled: true };
  const archiver = await openArchiver(emulator, folder, {
    ledger: { url: schema.url },
    streams: { files: on, legalHold: on },
  });
  root = archiver.root;
  try {
    for (const { id: sessionId } of emulator.sessions()) {
      for (const [name, size] of [
        ['minutes.pdf', 70_000],
        ['Überblick; "neu".txt', 100],
      ] as const) {
        emulator.moveClock(60_000);
        emulator.perform({ verb: 'send', sessionId, text: 'see, "this"\nand that', files: [{ name, size }] });
      }
    }
    emulator.moveClock(31 * DAY);
    const files: TruthFile[] = [];
    for await (const file of emulator.files()) files.push(file);
    for (const { fileId } of files) emulator.setFile(fileId, 'normal');
    custodian = await addMatters(emulator);
    // A zip that stays broken is archived as found after four tries in days.
    for (let pass = 0; pass < 5; pass += 1) {
      await archiver.collect();
      emulator.moveClock(DAY);
    }
    await archiver.seal(true);
    const all = [...emulator.truth()];
    const csv = await normalCsv(emulator);
    const theirs = new Set(all.map(({ sessionId }) => sessionId).filter((id) => csv.includes(`\n${id},`)));
    held = all.filter(({ sessionId, sentAt }) => theirs.has(sessionId) && sentAt >= BEGINS && sentAt < ENDS);
    newest = held.reduce((best, one) => (one.sentAt > best.sentAt ? one : best));
    const ids = new Set(held.map(({ messageId }) => messageId));
    attached = files.filter(({ messageId }) => ids.has(messageId));
    expect(held.length).toBeGreaterThan(20);
    expect(attached.length).toBeGreaterThan(1);
  } finally {
    await archiver.close();
    await emulator.close();
    await schema.drop();
  }
}, 120_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

/** The custodian's e-mail address. */
async function addMatters(emulator: Emulator): Promise<string> {
  const email = emulator.matters()[0]?.custodians[0]?.email ?? '';
  for (const [name, condition] of MATTERS) {
    const days = { startDay: FROM, endDay: TO };
    const matterId = emulator.hold({ verb: 'add-matter', name, custodians: [email], ...days });
    for await (const { matterId: id, fileKey } of emulator.holdFiles()) {
      if (id === matterId) emulator.hold({ verb: 'set-zip', fileKey, condition });
    }
  }
  return email;
}

/** The CSV of the zip without flaws, as the archive has it, read without the program. */
async function normalCsv(emulator: Emulator): Promise<string> {
  const { matterId } = emulator.matters().find(({ name }) => name === 'normal') ?? { matterId: '' };
  for await (const { matterId: id, sha256 } of emulator.holdFiles()) {
    if (id !== matterId) continue;
    const bytes = await readFile(join(root, 'objects/sha256', sha256.slice(0, 2), sha256));
    return readZip(bytes)[0]?.content.toString() ?? '';
  }
  throw new Error('no zip');
}

const bare = (id: string): string => id.replace(/[{}]/g, '').toLowerCase();

async function drift(matter: string, ...more: readonly string[]): Promise<Ended> {
  return await runArchiver([
    ...['hold', 'drift', '--matter', matter, '--archive', root, '--key', PUBLIC_KEY],
    ...more,
  ]);
}

/** Counts that are not nought, and what is listed, of the one zip of a matter. */
async function differences(matter: string) {
  const { code, stdout, stderr } = await drift(matter, '--json');
  const report = JSON.parse(stdout);
  const [zip] = report.zips;
  const counts = Object.fromEntries(
    Object.entries<number>(zip.counts ?? {}).filter(([, count]) => count > 0),
  );
  expect(report).toMatchObject({ drift: code !== 0, zips: [zip] });
  return { code, stderr, report, zip, counts, findings: zip.findings, unreadable: zip.unreadable };
}

/** A change beside the flaw must leave no other: exactly this finding. */
const only = (kind: string, count = 1) => ({ [kind]: count });

describe('a zip that says what the archive says', () => {
  test('is alike: 0, and everything in it was compared', async () => {
    const { code, stderr, report, zip, counts } = await differences('normal');
    expect({ code, stderr, counts }).toEqual({ code: 0, stderr: '', counts: {} });
    expect(report).toEqual({
      matter: { id: expect.any(String), name: 'normal' },
      log: { origin: 'archive.example.com/test', size: expect.any(Number) },
      key: PUBLIC_KEY,
      segments: expect.any(Number),
      drift: false,
      zips: [
        {
          custodian: { userId: expect.any(String), email: custodian },
          from: FROM,
          to: TO,
          state: 'whole',
          objects: [expect.objectContaining({ sha256: expect.any(String) })],
          messages: held.length,
          messagesById: held.length,
          files: attached.length,
          counts: expect.objectContaining({ 'only-in-zip': 0, 'file-differs': 0, unreadable: 0 }),
          findings: [],
          unreadable: [],
        },
      ],
    });
    expect(zip.objects).toHaveLength(1);
  });

  test('is found by the id of the matter, and by custodian', async () => {
    const { report } = await differences('normal');
    const by = await drift(report.matter.id, '--custodian', custodian.toUpperCase());
    expect(by).toMatchObject({ code: 0, stderr: '' });
    expect(by.stdout).toContain(
      `${custodian} ${FROM} to ${TO}: ${held.length} messages, ${attached.length} files`,
    );
    expectRefusal(await drift('normal', '--custodian', 'nobody@example.com'), 25, 'nobody@example.com');
    expectRefusal(await drift('no such matter'), 25, 'no such matter');
  });

  test('is alike without ids too: by session, sender, second and text', async () => {
    const { code, zip, counts } = await differences('no-ids');
    expect({ code, counts }).toEqual({ code: 0, counts: {} });
    expect(zip).toMatchObject({ messagesById: 0 });
    // Versions cannot be told from messages there.
    expect(zip.messages).toBeGreaterThanOrEqual(held.length);
  });
});

test('a name that two matters have is refused, with their ids; each id will do', async () => {
  const refused = await drift('twice');
  expectRefusal(refused, 2, 'give an id');
  const ids = refused.stderr.match(/[0-9a-f]{8}-[0-9a-f-]{27}/g) ?? [];
  expect(new Set(ids).size).toBe(2);
  expect(await drift(ids[0] ?? '')).toMatchObject({ code: 0 });
});

describe('a difference in messages', () => {
  test('only in the zip: 27, and it is named', async () => {
    const { code, stderr, counts, findings } = await differences('extra-row');
    expect({ code, counts }).toEqual({ code: 27, counts: only('only-in-zip') });
    expect(stderr).toContain('have what the archive has not');
    expect(findings).toEqual([
      {
        kind: 'only-in-zip',
        session: newest.sessionId,
        messageId: `${bare(newest.messageId).slice(0, -12)}ffffffffffff`,
        sender: expect.any(String),
        sentAt: new Date(newest.sentAt).toISOString(),
      },
    ]);
    const text = await drift('extra-row');
    expectRefusal(text, 27, '1 messages and files');
    expect(text.stdout).toContain(`only-in-zip: 1\n    ${findings[0].messageId} in ${newest.sessionId}`);
  });

  test('another text in the zip: 27', async () => {
    const { code, counts, findings } = await differences('other-text');
    expect({ code, counts }).toEqual({ code: 27, counts: only('text-differs') });
    expect(findings).toMatchObject([{ kind: 'text-differs', messageId: bare(newest.messageId) }]);
  });

  test('only in the archive: said, and no failure', async () => {
    const { code, counts, findings } = await differences('lacks-row');
    expect(code).toBe(0);
    expect(counts).toEqual(only('only-in-archive'));
    expect(findings).toMatchObject([
      { kind: 'only-in-archive', session: newest.sessionId, messageId: bare(newest.messageId) },
    ]);
  });
});

describe('a difference in files', () => {
  test('only in the zip: 27', async () => {
    const { code, counts, findings } = await differences('extra-file');
    expect({ code, counts }).toEqual({ code: 27, counts: only('file-only-in-zip') });
    expect(findings).toMatchObject([{ name: 'attachments/of-no-message/unknown.bin', size: 1000 }]);
  });

  test('other bytes in the zip: 27', async () => {
    const { code, counts, findings } = await differences('other-file');
    expect({ code, counts }).toEqual({ code: 27, counts: only('file-differs') });
    const [{ name, size, sha256 }] = findings;
    const truth = attached.find(({ fileId }) => name.includes(fileId));
    expect({ size, name }).toEqual({
      size: truth?.fileSize,
      name: `attachments/${truth?.fileId}/${truth?.fileName}`,
    });
    expect(sha256).not.toBe(truth?.sha256);
  });

  test('only in the archive: said, and no failure', async () => {
    const { code, counts, findings } = await differences('lacks-file');
    expect({ code, counts }).toEqual({ code: 0, counts: only('file-only-in-archive') });
    expect(attached.map(({ sha256 }) => sha256)).toContain(findings[0].sha256);
  });
});

describe('what cannot be read', () => {
  test.each([
    ['other-columns', { name: 'messages.csv', reason: 'no-columns' }],
    ['cut-row', { name: 'messages.csv', reason: 'quote-open', line: expect.any(Number) }],
    ['ragged-row', { name: 'messages.csv', reason: 'rows', line: expect.any(Number), rows: 1 }],
  ])('%s: 27, and nothing is called missing for it', async (matter, part) => {
    const { code, stderr, counts, unreadable } = await differences(matter);
    expect({ code, counts }).toEqual({ code: 27, counts: only('unreadable') });
    expect(unreadable).toEqual([part]);
    expect(stderr).toContain('could not be compared in full: 1 of 1');
  });

  test('bombs, honest and lying: neither is unpacked to the end', async () => {
    const { code, counts, unreadable } = await differences('bomb');
    expect({ code, counts }).toEqual({ code: 27, counts: only('unreadable', 2) });
    expect(unreadable).toEqual([
      { name: 'attachments/bomb/honest.bin', reason: 'too-large' },
      { name: 'attachments/bomb/lying.bin', reason: 'damaged' },
    ]);
  });

  test('names that lead out of the folder lead nowhere: they are attachments like others', async () => {
    const scratch = await mkdtemp(join(tmpdir(), 'drift-scratch-'));
    onTestFinished(() => rm(scratch, { recursive: true, force: true }));
    const args = ['hold', 'drift', '--matter', 'escaping', '--archive', root, '--key', PUBLIC_KEY, '--json'];
    const { code, stdout } = await runArchiver(args, { TMPDIR: scratch });
    const [{ counts, findings }] = JSON.parse(stdout).zips;
    expect({ code, files: counts['file-only-in-zip'] }).toEqual({ code: 27, files: 6 });
    expect(findings.map(({ name }: { name: string }) => name)).toContain('../../etc/escaped');
    expect(await readdir(scratch)).toEqual([]);
    await expect(readdir('/etc/escaped')).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('a zip that is archived as broken: 27, with what is wrong with it', async () => {
    const { code, zip } = await differences('short');
    expect(code).toBe(27);
    expect(zip).toEqual({
      custodian: { userId: expect.any(String), email: custodian },
      from: FROM,
      to: TO,
      state: 'broken',
      problems: ['no-directory'],
    });
    const text = await drift('short');
    expectRefusal(text, 27, '1 of 1');
    expect(text.stdout).toContain('not compared, the zip is broken: no-directory');
  });
});

test('a zip with other bytes than the log says: 19', async () => {
  const { zip } = await differences('normal');
  const copy = await mkdtemp(join(tmpdir(), 'drift-tampered-'));
  onTestFinished(() => rm(copy, { recursive: true, force: true }));
  await cp(root, copy, { recursive: true });
  const path = join(copy, zip.objects[0].key);
  const bytes = await readFile(path);
  bytes[100] = (bytes[100] ?? 0) ^ 1;
  await writeFile(path, bytes);
  const args = ['hold', 'drift', '--matter', 'normal', '--archive', copy, '--key', PUBLIC_KEY];
  expectRefusal(await runArchiver(args), 19, zip.objects[0].key, 'other bytes');
});
