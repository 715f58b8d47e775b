/** The writer of each format. */

import { ArchiverError } from '../errors.ts';
import type { AuditContext } from '../query/reader.ts';
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
  _clock: ZoneClock,
  surroundings: Surroundings | undefined,
): Promise<FormatWriter> {
  if (format === 'ndjson') return new NdjsonWriter(await staging.pack());
  if (surroundings === undefined) throw new ArchiverError('internal', 'a format without its surroundings');
  switch (format) {
    case 'rsmf':
      return new RsmfWriter(ctx, await staging.pack(), surroundings);
    default:
      throw new ArchiverError('internal', 'not built yet');
  }
}
