/** What users of the emulator give it and get from it. */
import type { ActingOptions, Deed } from './act.ts';
import type { FileCondition } from './chat-files.ts';
import type { TruthFile, TruthForwarded, TruthHoldFile, TruthMatter } from './content-truth.ts';
import type { CorpusSource } from './corpus.ts';
import type { Fault } from './faults.ts';
import type { GeneratedSource } from './generate.ts';
import type { HoldDeed } from './legal-hold.ts';
import type { Plan } from './limits.ts';
import type { ServedSettings, SettingChanges } from './settings.ts';
import type { Stats } from './stats.ts';
import type { SwitchChanges, Switches } from './switches.ts';
import type { TruthMessage, TruthSession } from './truth.ts';
import type { TruthContext, TruthMembershipChange } from './truth-context.ts';
import type { TruthWebhook, WebhookTarget, WebhookValidation } from './webhooks.ts';

export interface EmulatorOptions {
  /** Default 0: any free port. */
  readonly port?: number | undefined;
  /** Milliseconds since 1970 at which the emulated clock begins; default the real time. */
  readonly now?: number | undefined;
  /** The clock moves by control only; default false: it runs with real time. */
  readonly frozen?: boolean | undefined;
  /** Decides the rate limits; default `business`. */
  readonly plan?: Plan | undefined;
  /** Are the rate limits enforced? Default true. */
  readonly limits?: boolean | undefined;
  readonly accountId?: string | undefined;
  readonly clientId?: string | undefined;
  readonly clientSecret?: string | undefined;
  /** What the app is granted; default the granular scopes. */
  readonly scopes?: readonly string[] | undefined;
  readonly source: GeneratedSource | CorpusSource;
  readonly switches?: SwitchChanges | undefined;
}

export interface Emulator {
  /** `http://127.0.0.1:port`; the API is at `/v2` below it. */
  readonly url: string;
  /** The emulated clock in milliseconds since 1970. */
  now(): number;
  /** Moves the clock; backwards when negative. */
  moveClock(byMs: number): void;
  /** So many random deeds now: 60 % send, 20 % edit, 10 % delete, 10 % react. */
  act(count: number): void;
  /** One named deed; returns the id of what is concerned: a message, a session, a channel... */
  perform(deed: Deed): string;
  /** People act on and on; `only: 'live'` keeps them to sessions made for it. */
  startActing(perSecond: number, options?: ActingOptions): void;
  stopActing(): void;
  inject(fault: Fault): void;
  clearFaults(): void;
  /** How often each kind of fault has struck. */
  faultsHit(): Record<string, number>;
  /** Changes some switches; returns all. */
  setSwitches(changes: SwitchChanges): Switches;
  /** Changes some settings of the account; returns all. */
  setSettings(changes: SettingChanges): ServedSettings;
  /** Every message that ever existed. */
  truth(): Iterable<TruthMessage>;
  sessions(): readonly TruthSession[];
  /** Everybody who ever came into a channel or went, in order of time. */
  membershipChanges(): Iterable<TruthMembershipChange>;
  /** Users, channels, spaces, emoji, pins and settings as they are now. */
  context(): TruthContext;
  stats(): Stats;
  /** `http://127.0.0.1:port` of the second origin, to which downloads may be redirected. */
  readonly secondUrl: string;
  /** Every file that was ever sent; hashes each on the way. */
  files(): AsyncIterable<TruthFile>;
  /** From now on the file is in this condition. */
  setFile(fileId: string, condition: FileCondition): void;
  /** Every forward that was ever sent. */
  forwarded(): Iterable<TruthForwarded>;
  /** From now on the forward leads to a message, or to none. */
  setForward(forwardId: string, resolvable: boolean): void;
  /** The matters that are not closed. */
  matters(): readonly TruthMatter[];
  /** Every zip of every matter; makes and hashes each on the way. */
  holdFiles(): AsyncIterable<TruthHoldFile>;
  /** One deed about legal holds; returns the id of the matter or the key of the zip. */
  hold(deed: HoldDeed): string;
  /** Every webhook so far, oldest first. */
  webhooks(): readonly TruthWebhook[];
  /** From now on deeds are told there; undefined ends that. */
  aimWebhooks(target: WebhookTarget | undefined): void;
  /** Sends `endpoint.url_validation`. */
  validateWebhook(): Promise<WebhookValidation>;
  close(): Promise<void>;
}
