import { z } from 'zod';

/**
 * What Zoom does not document, each as a switch: the archiver has to come out right whichever way Zoom behaves.
 * The defaults are the likeliest guess.
 */
export const switchesSchema = z.strictObject({
  /**
   * Where `edited_messages` and `deleted_messages` appear. `own-page`: with the message they belong to, and those
   * whose message is not in `messages` at all on the first page.
   */
  modificationArrays: z.enum(['first-page', 'every-page', 'own-page']),
  /**
   * `latest`: `messages` has the newest text and its action time, and deleted messages vanish from it.
   * `original`: `messages` has the first text for ever, deleted messages included.
   */
  sentText: z.enum(['latest', 'original']),
  /** Is a session listed when all it has in the window are edits and deletions? */
  listEditedSessions: z.boolean(),
  /** What `messages` has when `query_all_modifications` is true. */
  messagesInModified: z.enum(['same', 'none']),
  /** The zone in which the days of reports and activity logs are meant, in hours east of UTC. */
  reportZoneHours: z.number().min(-12).max(14),
  /** Does the window include the day `to`? */
  toInclusive: z.boolean(),
  /** The account setting `store_revise_chat`; when off the edited and deleted arrays are left out. */
  storeRevisions: z.boolean(),
  /** Are the rows inside a page in random order? */
  shufflePages: z.boolean(),
  /**
   * Where the link of a chat file leads first. `zoom`: to the second origin, which then stands for another host of
   * Zoom's. `foreign`: to the second origin as a stranger's, which asks for nothing.
   */
  downloadRedirect: z.enum(['none', 'zoom', 'foreign']),
  /** Do Zoom's hosts want the access token as well as the link's own? */
  downloadNeedsBearer: z.boolean(),
  /** Emulated minutes from the first listing of a legal-hold zip until it can be downloaded. */
  holdZipMinutes: z.number().min(0),
  /** How webhooks are signed; `stale`: rightly, but ten minutes ago. */
  webhookSignature: z.enum(['good', 'bad', 'stale', 'missing']),
  /** `unusual`: with characters beyond ASCII for certain, and with spaces that no serialiser would repeat. */
  webhookBody: z.enum(['compact', 'unusual']),
  /** Is each webhook sent twice, with the same request id? */
  webhookRepeats: z.boolean(),
  /** How activity logs spell a change: `joined` and `left`, `join` and `leave`, or now one and now the other. */
  activitySpelling: z.enum(['past', 'present', 'mixed']),
  /** How many days back activity logs can be asked for. */
  activityDays: z.number().int().positive(),
});

export type Switches = z.infer<typeof switchesSchema>;

export const DEFAULT_SWITCHES: Readonly<Switches> = {
  modificationArrays: 'first-page',
  sentText: 'latest',
  listEditedSessions: false,
  messagesInModified: 'same',
  reportZoneHours: 0,
  toInclusive: true,
  storeRevisions: true,
  shufflePages: false,
  downloadRedirect: 'none',
  downloadNeedsBearer: false,
  holdZipMinutes: 5,
  webhookSignature: 'good',
  webhookBody: 'compact',
  webhookRepeats: false,
  activitySpelling: 'past',
  activityDays: 180,
};

/** Some of the switches; one that is undefined stays as it is. */
export type SwitchChanges = { readonly [Name in keyof Switches]?: Switches[Name] | undefined };

/** The switches after some changes; throws on a name or value that does not exist. */
export function changeSwitches(before: Readonly<Switches>, changes: SwitchChanges): Switches {
  const given = Object.entries(changes).filter(([, value]) => value !== undefined);
  return switchesSchema.parse({ ...before, ...Object.fromEntries(given) });
}
