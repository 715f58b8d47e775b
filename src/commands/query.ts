import { Command } from 'commander';
import type { LocalFiles } from '../proof/local-files.ts';
import { type LocalSegment, querySegments } from '../query/sql.ts';
import { parseSegmentKey, segmentsPrefix } from '../segments/layout.ts';
import { checkIdentity } from './archive.ts';
import { type CommandIo, type CommonFlags, openContext, openSink } from './context.ts';
import { openSegmentFiles, withProgress } from './segments.ts';
import { renderTable } from './table.ts';

/** `query`: SQL over the sealed segments, from the archive alone. */
export function queryCommand(io: CommandIo): Command {
  return new Command('query')
    .description('run SQL over the archive: a view for each stream, as messages, sessions, context, coverage')
    .argument('<sql>', 'one SQL statement, in DuckDB’s dialect')
    .option('--json', 'print the rows as a JSON array of objects')
    .addHelpText(
      'after',
      `
Examples:
  $ zoom-chat-archiver query "select kind, count(*) from messages group by kind"
  $ zoom-chat-archiver query --json "select sent_at, sender_name, text from messages where text ilike '%budget%'"
  $ zoom-chat-archiver query "describe messages"`,
    )
    .action(async (sql: string, _flags: unknown, command: Command) => {
      const flags = command.optsWithGlobals<CommonFlags>();
      const context = openContext(flags, 'warn');
      const sink = openSink(context);
      let files: LocalFiles | undefined;
      try {
        await checkIdentity(sink, context.account);
        const keys: string[] = [];
        for await (const object of sink.list(segmentsPrefix())) {
          if (parseSegmentKey(object.key) !== undefined) keys.push(object.key);
        }
        files = await openSegmentFiles(io, context, sink);
        const { folder, file } = files;
        const segments = await withProgress(
          io,
          'fetching',
          keys,
          async (key): Promise<LocalSegment> => ({ key, path: await file(key) }),
        );
        const result = await querySegments(folder, segments, sql);
        if (flags.json) {
          const objects = result.rows.map((row) =>
            Object.fromEntries(result.columns.map((name, index) => [name, row[index] ?? null])),
          );
          io.out(JSON.stringify(objects));
        } else {
          io.out(renderTable(result.columns, result.rows));
          io.out(`${result.rows.length} rows from ${keys.length} segments`);
        }
      } finally {
        await files?.close();
        await sink.close();
      }
    });
}
