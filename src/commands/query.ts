import { createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { Command } from 'commander';
import { type LocalSegment, querySegments } from '../query/sql.ts';
import { parseSegmentKey, segmentsPrefix } from '../segments/layout.ts';
import type { SinkReader } from '../sinks/sink.ts';
import { checkIdentity } from './archive.ts';
import { type CommandIo, type CommonFlags, openContext, openSink } from './context.ts';
import { createProgress } from './progress.ts';
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
      const { sink: where } = context.config;
      const sink = openSink(context);
      let fetched: string | undefined;
      try {
        await checkIdentity(sink, context.account);
        const keys: string[] = [];
        for await (const object of sink.list(segmentsPrefix())) {
          if (parseSegmentKey(object.key) !== undefined) keys.push(object.key);
        }
        let folder: string;
        if (where.kind === 'directory') folder = where.path;
        else {
          fetched = await mkdtemp(join(tmpdir(), 'zoom-chat-archiver-query-'));
          folder = fetched;
          await fetchAll(io, sink, keys, folder);
        }
        const segments = keys.map((key): LocalSegment => ({ key, path: join(folder, key) }));
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
        if (fetched !== undefined) await rm(fetched, { recursive: true, force: true });
        await sink.close();
      }
    });
}

const FETCH_PARALLEL = 8;

/** Copies segments to local disk: DuckDB's own S3 reader is a download of code, which this program does not do. */
async function fetchAll(
  io: CommandIo,
  sink: SinkReader,
  keys: readonly string[],
  folder: string,
): Promise<void> {
  const progress = createProgress(io, 'fetching');
  progress.expect(keys.length);
  const waiting = [...keys];
  const worker = async (): Promise<void> => {
    for (let key = waiting.shift(); key !== undefined; key = waiting.shift()) {
      const path = join(folder, key);
      await mkdir(dirname(path), { recursive: true });
      await pipeline(await sink.read(key), createWriteStream(path), { signal: io.interrupt });
      progress.finish('');
    }
  };
  try {
    await Promise.all(Array.from({ length: FETCH_PARALLEL }, worker));
  } finally {
    progress.stop();
  }
}
