/** The writer of each format. */

import { ArchiverError } from '../errors.ts';
import type { AuditContext } from '../query/reader.ts';
import { CsvWriter } from './csv.ts';
import { DatWriter } from './dat.ts';
import { EmlWriter } from './eml.ts';
import { HtmlWriter } from './html.ts';
import type { Format } from './input.ts';
import { NdjsonWriter } from './ndjson.ts';
import type { FormatWriter } from './renderer.ts';
import { RsmfWriter } from './rsmf.ts';
import type { Staging } from './staging.ts';
import type { Surroundings } from './surroundings.ts';
import type { ZoneClock } from './time.ts';

/** @param surroundings there for formats that need them */
export async function openWriter(
  format: Format,
  ctx: AuditContext,
  staging: Staging,
  clock: ZoneClock,
  surroundings: Surroundings | undefined,
): Promise<FormatWriter> {
  if (format === 'ndjson') return new NdjsonWriter(await staging.pack());
  if (format === 'csv') return new CsvWriter(await staging.pack(), clock);
  if (surroundings === undefined) throw new ArchiverError('internal', 'a format without its surroundings');
  switch (format) {
    case 'rsmf':
      return new RsmfWriter(ctx, await staging.pack(), surroundings);
    case 'eml':
      return new EmlWriter(ctx, await staging.pack(), clock);
    case 'html':
      return new HtmlWriter(await staging.pack(), await staging.pack(), clock);
    case 'dat':
      return new DatWriter(await staging.pack(), await staging.pack(), clock);
    default:
      return format satisfies never;
  }
}
