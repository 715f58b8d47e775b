import { hasCode } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { ZoomClient } from '../zoom/client.ts';
import { readAccountSettings } from '../zoom/reports.ts';

/**
 * Reads the account's chat settings and warns about what makes a complete archive impossible. That they cannot be
 * read (a scope of its own) is a warning too, never a failure: collecting what there is comes first.
 */
export async function warnAboutSettings(client: ZoomClient, log: Logger, signal: AbortSignal): Promise<void> {
  try {
    const { body } = await readAccountSettings(client, signal);
    if (body.chat?.store_revise_chat === false) {
      log.warn(
        'Zoom does not store revisions for this account (chat.store_revise_chat is off): edited and deleted texts are lost',
      );
    }
  } catch (error) {
    if (!hasCode(error, 'zoom-scope', 'zoom-permission', 'zoom-request', 'zoom-response')) throw error;
    log.warn({ code: error.code, err: error.message }, 'the chat settings of the account cannot be checked');
  }
}
