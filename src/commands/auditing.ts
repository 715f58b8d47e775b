/** What every command shares that answers auditors from archived messages. */
import { userInfo } from 'node:os';
import type { Command } from 'commander';
import { OpenArchive } from '../query/archive.ts';
import { type AuditContext, WHOLE_ARCHIVE } from '../query/reader.ts';
import type { CommandIo } from './context.ts';
import {
  type CacheFlags,
  indexFolder,
  openIntactFiles,
  openReading,
  type Reading,
  type ReadingFlags,
  withCacheOptions,
  withReadingOptions,
} from './reading.ts';

export interface AuditFlags extends ReadingFlags, CacheFlags {
  readonly as?: string;
}

/** The options of these commands. */
export function withAuditOptions(command: Command): Command {
  return withCacheOptions(withReadingOptions(command)).option(
    '--as <name>',
    'who asks, as the access log names him (default: the user of this system)',
  );
}

/** Opens the archive and what it takes to ask, and closes it again. */
export async function withAudit<T>(
  io: CommandIo,
  flags: AuditFlags,
  work: (ctx: AuditContext, reading: Reading) => Promise<T>,
): Promise<T> {
  const reading = await openReading(flags);
  try {
    const files = await openIntactFiles(reading, flags, io);
    try {
      const archive = await OpenArchive.open(reading.sink, reading.key, files, await indexFolder(flags));
      try {
        const reader = {
          name: flags.as ?? userInfo().username,
          role: 'officer',
          scope: WHOLE_ARCHIVE,
        } as const;
        return await work({ archive, reader, record: async () => undefined, signal: io.interrupt }, reading);
      } finally {
        archive.close();
      }
    } finally {
      await files.close();
    }
  } finally {
    await reading.close();
  }
}
