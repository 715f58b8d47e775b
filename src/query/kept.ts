import { ArchiverError } from '../errors.ts';
import type { AuditContext } from './reader.ts';
import type { ReadAt } from './revision.ts';

/** A class by which things are kept, as the log tells. */
export interface KeptClass {
  readonly name: string;
  readonly segments: number;
  readonly objects: number;
  readonly bytes: number;
  readonly records: number;
  /** UTC days of its segments; null where it has none. */
  readonly firstDay: string | null;
  readonly lastDay: string | null;
  /** Locks in force: how many by mode, and the earliest and latest end. */
  readonly locks: readonly {
    readonly mode: 'governance' | 'compliance' | 'none';
    readonly count: number;
    readonly from: string | null;
    readonly to: string | null;
  }[];
  readonly disposed: number;
}

export interface HoldStep {
  readonly action: 'place' | 'change' | 'release' | 'cancel' | 'end';
  readonly at: string;
  readonly by: string;
  readonly reason: string;
  readonly endsAt: string | null;
  readonly entry: number;
}

export interface KeptHold {
  readonly hold: string;
  readonly matter: string;
  readonly source: 'own' | 'zoom';
  readonly state: 'in force' | 'ending' | 'ended';
  readonly scope: {
    readonly custodians: readonly string[];
    readonly channels: readonly string[];
    readonly sessions: readonly string[];
    readonly from: string | null;
    readonly to: string | null;
  };
  readonly steps: readonly HoldStep[];
}

export interface DisposalSummary {
  readonly at: string;
  readonly by: string;
  readonly approvedBy: string | null;
  readonly class: string;
  readonly reason: string;
  readonly count: number;
  readonly bytes: number;
}

export interface Kept {
  readonly at: ReadAt;
  readonly classes: readonly KeptClass[];
  readonly holds: readonly KeptHold[];
  /** One for each day, class, persons and reason; newest first. */
  readonly disposals: readonly DisposalSummary[];
}

/** Classes, holds and disposals, from the log alone. */
export async function kept(_ctx: AuditContext): Promise<Kept> {
  throw new ArchiverError('internal', 'not built yet');
}
