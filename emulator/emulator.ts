/** What users of the emulator give it and get from it. */
import type { ActingOptions, Deed } from './act.ts';
import type { CorpusSource } from './corpus.ts';
import type { Fault } from './faults.ts';
import type { GeneratedSource } from './generate.ts';
import type { Plan } from './limits.ts';
import type { ServedSettings, SettingChanges } from './settings.ts';
import type { Stats } from './stats.ts';
import type { SwitchChanges, Switches } from './switches.ts';
import type { TruthMessage, TruthSession } from './truth.ts';
import type { TruthContext, TruthMembershipChange } from './truth-context.ts';

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
  close(): Promise<void>;
}
