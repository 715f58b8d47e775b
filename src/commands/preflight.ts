import { judgeSettings } from '../collectors/source-settings.ts';
import type { Config } from '../config.ts';
import { hasCode } from '../errors.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { ZoomClient } from '../zoom/client.ts';
import { readAccountSettings } from '../zoom/reports.ts';
import type { Context } from './context.ts';

/** So many times in a row the list of all sessions may fail before Zoom deletes what it would have shown. */
const LISTINGS_TO_SPARE = 3;

/** Milliseconds: a retention of Zoom shorter than this leaves too little time to collect. */
export function leastRetention({ collection }: Config): number {
  return LISTINGS_TO_SPARE * collection.relist;
}

/**
 * Reads the account's chat settings and warns about what makes a complete archive impossible. That they cannot be
 * read (a scope of its own) is a warning too, never a failure: collecting what there is comes first.
 */
export async function warnAboutSettings(
  { config, log }: Context,
  client: ZoomClient,
  metrics: Metrics,
  signal: AbortSignal,
): Promise<void> {
  try {
    const { body } = await readAccountSettings(client, signal);
    for (const { setting, ok, loss } of judgeSettings(body.chat ?? {}, leastRetention(config))) {
      metrics.sourceSetting({ setting, ok });
      if (!ok) log.warn({ setting }, loss);
    }
  } catch (error) {
    if (!hasCode(error, 'zoom-scope', 'zoom-permission', 'zoom-request', 'zoom-response')) throw error;
    log.warn({ code: error.code, err: error.message }, 'the chat settings of the account cannot be checked');
  }
}
