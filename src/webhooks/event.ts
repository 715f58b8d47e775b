/** What a webhook says that matters here: in which session something happened. Pure. */
import { z } from 'zod';

export type WebhookEvent =
  | { readonly kind: 'validation'; readonly plainToken: string }
  /** What may name a session: its id, its channel's id. A 1:1 session goes by a name that reports do not know. */
  | { readonly kind: 'activity'; readonly names: readonly string[] }
  /** Nothing about a session of this account. */
  | { readonly kind: 'other' };

const validation = z.object({
  event: z.literal('endpoint.url_validation'),
  payload: z.object({ plainToken: z.string() }),
});

const envelope = z.object({
  event: z.string(),
  payload: z.object({
    account_id: z.string().optional(),
    object: z
      .object({ id: z.unknown(), session_id: z.unknown(), channel_id: z.unknown() })
      .partial()
      .optional(),
  }),
});

/** Longer ones name nothing at Zoom. */
const LONGEST_NAME = 256;

/** @returns undefined for bytes that are no webhook at all */
export function readEvent(body: Buffer, account: string): WebhookEvent | undefined {
  let json: unknown;
  try {
    json = JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
  const asked = validation.safeParse(json);
  if (asked.success) return { kind: 'validation', plainToken: asked.data.payload.plainToken };
  const parsed = envelope.safeParse(json);
  if (!parsed.success) return undefined;
  const { event, payload } = parsed.data;
  const { object = {} } = payload;
  if (payload.account_id !== undefined && payload.account_id !== account) return { kind: 'other' };
  // The `id` of other events is a message's.
  const named = [object.session_id, object.channel_id, event.startsWith('chat_channel.') ? object.id : ''];
  const names = new Set(
    named.filter(
      (name) => typeof name === 'string' && name !== '' && name.length <= LONGEST_NAME,
    ) as string[],
  );
  return names.size === 0 ? { kind: 'other' } : { kind: 'activity', names: [...names] };
}
