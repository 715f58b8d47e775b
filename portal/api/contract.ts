/** What the portal's API answers with where no verb has the type. Types only: nothing of them is in the bundle. */
import type { output } from 'zod';
import type { ExportInput, ExportProgress, ExportSummary } from '../../src/export/export.ts';
import type { me } from '../../src/portal/me.ts';
import type { methods } from '../../src/portal/sign-in.ts';
import type { VerificationState } from '../../src/portal/verification.ts';

export type SignInMethods = output<typeof methods>;

/** Who is signed in, and what he may do here. */
export type Me = output<typeof me>;

/** An error as the API says it. */
export interface ApiProblem {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  readonly detail?: string | undefined;
}

export interface ExportJob {
  readonly id: string;
  readonly by: string;
  readonly at: string;
  readonly reason: string;
  readonly state: 'running' | 'done' | 'failed';
  readonly phase: ExportProgress['phase'];
  readonly done: number;
  readonly of: number;
  readonly input?: ExportInput;
  readonly summary?: ExportSummary;
  readonly error?: ApiProblem;
}

/** How the last verification of the whole archive came out. */
export type Verification = VerificationState;
