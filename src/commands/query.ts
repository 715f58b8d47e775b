import { writeFile } from 'node:fs/promises';
import { Command } from 'commander';
import type { IntactFiles } from '../proof/local-files.ts';
import { openPublished } from '../proof/published.ts';
import { loggedSegments } from '../query/catalog.ts';
import { querySegments } from '../query/sql.ts';
import type { ViewedSegment } from '../query/views.ts';
import {
  type AccessFlags,
  openRecording,
  type Recording,
  readerOf,
  withAccessOptions,
  withNameOption,
} from './auditing.ts';
import type { CommandIo } from './context.ts';
import {
  type CacheFlags,
  checkpointText,
  openIntactFiles,
  openReading,
  type SliceFlags,
  sliceOf,
  withCacheOptions,
  withReadingOptions,
  withSliceOptions,
} from './reading.ts';
import { withProgress } from './segments.ts';
import { renderTable } from './table.ts';

interface QueryFlags extends AccessFlags, CacheFlags, SliceFlags {
  readonly as?: string;
  readonly save?: string;
}

/** `query`: SQL over the segments of the log, from the archive alone. */
export function queryCommand(io: CommandIo): Command {
  const command = new Command('query')
    .description('run SQL over the archive: a view for each stream, as messages, sessions, context, coverage')
    .argument('<sql>', 'one SQL statement, in DuckDB’s dialect')
    .option('--save <file>', 'save the checkpoint that was read')
    .option('--json', 'print the rows as a JSON array of objects');
  return withNameOption(withAccessOptions(withSliceOptions(withCacheOptions(withReadingOptions(command)))))
    .addHelpText(
      'after',
      `
Reads what the log names and nothing else, each segment compared with its entry first. Of a bucket only the streams are
fetched that the statement reads; --class, --from and --to leave out more. Each row tells its segment (_segment), the
entry of it in the log (_entry) and its place in it (_row). Exit code 19: a segment is missing or was altered.

Examples:
  $ zoom-chat-archiver query "select kind, count(*) from messages group by kind"
  $ zoom-chat-archiver query --json "select sent_at, sender_name, text from messages where text ilike '%budget%'"
  $ zoom-chat-archiver query --archive s3://bucket/zoom --key public.key --from 2026-05-01 "from messages limit 10"
  $ zoom-chat-archiver query "describe messages"`,
    )
    .action(async (sql: string, _flags: unknown, self: Command) => {
      const flags = self.optsWithGlobals<QueryFlags>();
      const reading = await openReading(flags);
      const { sink, key } = reading;
      let opened: IntactFiles | undefined;
      let recording: Recording | undefined;
      try {
        recording = await openRecording(io, reading, flags);
        const log = await openPublished(sink, key);
        const record = recording.recordFor(readerOf(flags), log.checkpoint);
        await record({ action: 'search', input: { sql, ...sliceOf(flags) } });
        const files = await openIntactFiles(reading, flags, io);
        opened = files;
        let count = 0;
        const { columns, rows } = await querySegments(sql, async (streams) => {
          const { segments, destroyed } = await loggedSegments(sink, log, { ...sliceOf(flags), streams });
          await files.forget(destroyed);
          count = segments.length;
          return withProgress(io, 'fetching', segments, async ({ index, entry }): Promise<ViewedSegment> => {
            return { key: entry.key, entry: index, path: await files.intact(entry) };
          });
        });
        if (flags.save !== undefined) await writeFile(flags.save, log.text);
        if (flags.json) {
          const objects = rows.map((row) =>
            Object.fromEntries(columns.map((name, index) => [name, row[index] ?? null])),
          );
          io.out(JSON.stringify(objects));
        } else {
          io.out(renderTable(columns, rows));
          io.out(`${rows.length} rows from ${count} segments, by ${checkpointText(log)}`);
        }
      } finally {
        await opened?.close();
        await recording?.close();
        await reading.close();
      }
    });
}
