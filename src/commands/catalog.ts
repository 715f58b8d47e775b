import { pathToFileURL } from 'node:url';
import { Command, Option } from 'commander';
import { ArchiverError } from '../errors.ts';
import type { SegmentEntry } from '../proof/entry.ts';
import { openPublished, type PlacedEntry, type PublishedLog } from '../proof/published.ts';
import { loggedSegments } from '../query/catalog.ts';
import { ENGINES, type Engine, engineStatements } from '../query/engines.ts';
import type { CommandIo } from './context.ts';
import {
  checkpointText,
  openReading,
  type Place,
  type ReadingFlags,
  type SliceFlags,
  sliceOf,
  withReadingOptions,
  withSliceOptions,
} from './reading.ts';
import { renderTable } from './table.ts';

type CatalogFlags = ReadingFlags & SliceFlags & Readonly<Partial<Record<Engine, boolean>>>;

/** `catalog`: the segments that the log names, or the statements that put them under another engine. */
export function catalogCommand(io: CommandIo): Command {
  const command = new Command('catalog')
    .description(
      'list the segments of the archive, or print the statements that put them under another engine',
    )
    .option('--json', 'print the list as JSON');
  for (const engine of ENGINES) {
    const others = [...ENGINES.filter((other) => other !== engine), 'json'];
    command.addOption(new Option(`--${engine}`, TITLES[engine]).conflicts(others));
  }
  return withSliceOptions(withReadingOptions(command))
    .addHelpText(
      'after',
      `
Reads the log and no segment. What an engine answers is not verified; the statements say how to verify a row.

Examples:
  $ zoom-chat-archiver catalog --from 2026-05-01
  $ zoom-chat-archiver catalog --duckdb > archive.sql && duckdb -init archive.sql
  $ zoom-chat-archiver catalog --archive s3://bucket/zoom --key public.key --athena`,
    )
    .action(async (_flags: unknown, self: Command) => {
      const flags = self.optsWithGlobals<CatalogFlags>();
      const { sink, key, place, close } = await openReading(flags);
      try {
        const log = await openPublished(sink, key);
        const { segments } = await loggedSegments(sink, log, sliceOf(flags));
        const engine = ENGINES.find((one) => flags[one] === true);
        if (engine !== undefined) {
          io.out(`-- ${checkpointText(log)}\n${engineStatements(engine, segments, baseFor(engine, place))}`);
        } else if (flags.json) {
          io.out(JSON.stringify(asJson(segments, log)));
        } else {
          tell(io, segments, log);
        }
      } finally {
        await close();
      }
    });
}

const TITLES: Readonly<Record<Engine, string>> = {
  duckdb: 'views for DuckDB',
  athena: 'tables for Amazon Athena',
  trino: 'tables for the Hive connector of Trino',
  spark: 'tables for Spark SQL',
};

/** What keys are below. Fails with `usage` where the engine cannot reach it. */
function baseFor(engine: Engine, place: Place): string {
  if (place.kind === 's3') {
    const { bucket, prefix } = place;
    const scheme = engine === 'spark' ? 's3a' : 's3';
    return `${scheme}://${bucket}/${prefix === '' || prefix.endsWith('/') ? prefix : `${prefix}/`}`;
  }
  switch (engine) {
    case 'duckdb':
      return `${place.path}/`;
    case 'spark':
      return `${pathToFileURL(place.path).href}/`;
    case 'athena':
    case 'trino':
      throw new ArchiverError('usage', 'this engine reads an archive in a bucket only', { detail: engine });
    default:
      return engine satisfies never;
  }
}

type Segments = readonly PlacedEntry<SegmentEntry>[];

/** The documented form: docs/format.md. */
function asJson(segments: Segments, { checkpoint: { origin, size, root } }: PublishedLog): object {
  return {
    checkpoint: { origin, size, root: Buffer.from(root).toString('base64') },
    totals: totalsOf(segments),
    segments: segments.map(({ index, entry }) => {
      const { stream, class: className, date, count: records, bytes, key, version, sha256 } = entry;
      return { entry: index, stream, class: className, date, records, bytes, key, version, sha256 };
    }),
  };
}

function totalsOf(segments: Segments): { segments: number; records: number; bytes: number } {
  const sum = (of: (entry: SegmentEntry) => number): number =>
    segments.reduce((all, { entry }) => all + of(entry), 0);
  return { segments: segments.length, records: sum(({ count }) => count), bytes: sum(({ bytes }) => bytes) };
}

function tell(io: CommandIo, segments: Segments, log: PublishedLog): void {
  const rows = segments.map(({ entry }) => {
    return [entry.stream, entry.class, entry.date, entry.count, entry.bytes, entry.key.split('/').at(-1)];
  });
  const head = ['stream', 'class', 'date', 'records', 'bytes', 'file'];
  if (rows.length > 0) io.out(renderTable(head, rows));
  const { records, bytes } = totalsOf(segments);
  io.out(`${segments.length} segments, ${records} records, ${bytes} bytes, by ${checkpointText(log)}`);
}
