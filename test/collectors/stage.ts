/** An account with files and legal holds, and an archiver whose waits take no time. */
import { onTestFinished } from 'vitest';
import type { Emulator, EmulatorOptions, TruthFile, TruthHoldFile } from '../../emulator/server.ts';
import type { Database } from '../../src/ledger/database.ts';
import { workFolder } from '../e2e/campaign.ts';
import { type Archiver, type OwnParts, openArchiver, type Sections } from '../support/archiver.ts';
import { createSchema } from '../support/postgres.ts';
import { readStream, type StreamRow } from '../support/stream-rows.ts';
import { emulate } from '../zoom/connect.ts';

export interface Stage {
  readonly emulator: Emulator;
  readonly archiver: Archiver;
  /** The ledger, as the archiver sees it. */
  readonly db: Database;
  /** Waits between tries, milliseconds. */
  readonly waits: number[];
  /** Seals all there is; the rows of a stream. */
  rows(stream: string): Promise<readonly StreamRow[]>;
}

/** Few days, for each with a message is a segment more of each stream. */
export const SOURCE = { kind: 'generated', seed: 11, sessions: 2, messages: 40, days: 6 } as const;

/**
 * What Zoom refuses for good the test itself says; here it gives everything.
 * @param streams the section of the configuration, laid over: nothing but messages
 */
export async function stage(
  emulated: Partial<EmulatorOptions>,
  streams: object,
  own: OwnParts = {},
  parts: Sections = {},
): Promise<Stage> {
  const rates = { LIGHT: 1e4, MEDIUM: 1e4, 'RESOURCE-INTENSIVE': 1e4 };
  const { emulator, client, waits } = await emulate({ source: SOURCE, ...emulated }, { rates });
  await giveEverything(emulator);
  const off = { enabled: false };
  const { url } = await createSchema();
  let ledger: Database | undefined;
  const db = (opened: Database): Database => {
    ledger = own.db?.(opened) ?? opened;
    return ledger;
  };
  const archiver = await openArchiver(
    emulator,
    await workFolder(),
    {
      ledger: { url },
      streams: { files: off, forwarded: off, legalHold: off, context: off, activities: off, ...streams },
      ...parts,
    },
    { client, ...own, db },
  );
  onTestFinished(() => archiver.close());
  if (ledger === undefined) throw new Error('no ledger');
  return {
    emulator,
    archiver,
    db: ledger,
    waits,
    async rows(stream) {
      await archiver.seal(true);
      return await readStream(archiver.root, stream);
    },
  };
}

async function giveEverything(emulator: Emulator): Promise<void> {
  for await (const { fileId, condition } of emulator.files()) {
    if (condition === 'restricted' || condition === 'gone') emulator.setFile(fileId, 'normal');
  }
  for (const { forwardId, resolvable } of emulator.forwarded()) {
    if (!resolvable) emulator.setForward(forwardId, true);
  }
}

/** Sends a message with one file that has nothing wrong with it. */
export async function sendFile(emulator: Emulator, size: number, name = 'minutes.pdf'): Promise<TruthFile> {
  const sessionId = emulator.sessions()[0]?.id ?? '';
  emulator.perform({ verb: 'send', sessionId, text: 'see this', files: [{ name, size }] });
  const files: TruthFile[] = [];
  for await (const file of emulator.files()) files.push(file);
  const [sent] = files.slice(-1);
  if (sent?.fileSize !== size) throw new Error('the file sent is not the last one');
  return sent;
}

/** Zips of the account. */
export async function zips(emulator: Emulator): Promise<readonly TruthHoldFile[]> {
  const found: TruthHoldFile[] = [];
  for await (const zip of emulator.holdFiles()) found.push(zip);
  return found;
}
