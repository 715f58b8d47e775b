/** A small account, a ledger and a configuration for tests of commands, and what every refusal has in common. */
import { join } from 'node:path';
import { expect } from 'vitest';
import type { Emulator } from '../../emulator/server.ts';
import { beginning, emulate, finish, workFolder } from '../e2e/campaign.ts';
import { openArchiver, type Sections } from '../support/archiver.ts';
import { type Ended, runArchiver, writeConfig } from '../support/command.ts';
import { writeCorpus } from '../support/corpus.ts';
import { createSchema } from '../support/postgres.ts';

export interface Stage {
  readonly emulator: Emulator;
  readonly folder: string;
  readonly config: string;
  /** URL of the right ledger. */
  readonly ledger: string;
  /** Writes the configuration, with these sections laid over the right ones. */
  configure(parts?: Sections): Promise<void>;
  run(...args: string[]): Promise<Ended>;
  /** Runs a command that has to succeed without a word on standard error. */
  succeeds(...args: string[]): Promise<string>;
  /** What the commands left in ledger and folder goes on: a pass and a seal, and the archive is complete. */
  completes(): Promise<void>;
}

export async function setStage(parts: Sections = {}): Promise<Stage> {
  const folder = await workFolder();
  const file = join(folder, 'corpus.ndjson.gz');
  await writeCorpus(file, 2, 120);
  const emulator = await emulate({ source: { kind: 'corpus', file } });
  emulator.act(60);
  const { url: ledger } = await createSchema();
  const start = beginning(emulator);
  const config = join(folder, 'archiver.yaml');
  const rightLedger = { url: ledger, lease: '2s' };
  const stage: Stage = {
    emulator,
    folder,
    config,
    ledger,
    async configure(changed = {}) {
      await writeConfig(folder, emulator.url, { ledger: rightLedger, metrics: { port: 0 }, ...changed });
    },
    run: (...args) => runArchiver([...args, '--config', config]),
    async succeeds(...args) {
      const { code, stdout, stderr } = await stage.run(...args);
      expect({ args, code, stderr }).toEqual({ args, code: 0, stderr: '' });
      return stdout;
    },
    async completes() {
      const archiver = await openArchiver(emulator, folder, { ledger: rightLedger });
      await finish(emulator, archiver, start);
      await archiver.close();
    },
  };
  await stage.configure(parts);
  return stage;
}

/** An expected failure: this exit code, after the log what is wrong and what to do, no stack trace, no secret. */
export function expectRefusal({ code, stdout, stderr }: Ended, exit: number, ...named: string[]): void {
  expect({ code, stderr }).toMatchObject({ code: exit });
  const said = stderr.replace(/^\{.*\n/gm, '');
  expect(said).toMatch(/^error: [\s\S]+\nhint: \S.*\n$/);
  expect(stderr).not.toMatch(/^\s+at /m);
  for (const text of named) expect(stderr).toContain(text);
  for (const secret of ['emulated-secret', 'fake-secret-key', 'wrong-secret', 'hunter2'])
    expect(stdout + stderr).not.toContain(secret);
}
