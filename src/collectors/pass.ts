/** What the collectors of a pass share. */
import type { Admission, Page } from '../ledger/admit.ts';
import type { Database } from '../ledger/database.ts';
import type { Lease } from '../ledger/lease.ts';
import type { Provenance } from '../ledger/staged.ts';
import type { UnitKey } from '../ledger/units.ts';
import type { Logger } from '../log.ts';
import type { Candidate } from '../record.ts';
import type { ZoomClient } from '../zoom/client.ts';
import type { SessionsState } from './survey.ts';

/** `fetch` waits for Zoom, `parse` reads and hashes, `admit` waits for the ledger. */
export type CollectStage = 'fetch' | 'parse' | 'admit';

/** What a pass tells whoever watches: metrics, a progress bar. Numbers are increments. */
export interface CollectEvents {
  planned(units: number): void;
  pageAdmitted(stream: string, admission: Admission): void;
  /** Seconds that one of the workers spent; several spend at the same time. */
  spent(stage: CollectStage, seconds: number): void;
  unitEnded(unit: { readonly stream: string; readonly mode: string }, outcome: 'done' | 'failed'): void;
  streamComplete(stream: string, at: number): void;
  /** A window went on record as lost. */
  windowLost(stream: string): void;
  /** The oldest moment of a stream that is to be collected still; undefined when nothing is. */
  oldestUncollected(stream: string, at: number | undefined): void;
  /** How complete what is known of a stream's sessions is. */
  surveyed(stream: string, state: SessionsState): void;
  /** A setting of the account was read: whether it allows a complete archive. */
  sourceSetting(setting: string, ok: boolean): void;
}

/** The retention class of what is collected. */
export interface Classes {
  /** For records of a session, or of none. */
  of(session: Provenance['session']): Promise<ClassOf>;
}
export type ClassOf = (candidate: Pick<Candidate, 'stream' | 'about'>) => string;

export interface PassTools {
  readonly db: Database;
  readonly client: ZoomClient;
  readonly lease: Lease;
  readonly classes: Classes;
  readonly now: () => number;
  /** Finish the units in flight, begin no other. */
  readonly drain: AbortSignal;
  /** Stop at once; units in flight begin anew next time. */
  readonly interrupt: AbortSignal;
  readonly log: Logger;
  readonly events: CollectEvents;
  /** Id of the pass, in the provenance of its records. */
  readonly run: string;
  admit(unit: UnitKey, page: Page): Promise<Admission>;
  /** A page had links: whoever waits for some may look again. */
  linksFound(): void;
}
