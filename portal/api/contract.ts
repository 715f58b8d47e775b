/** What the portal's API answers with where no verb has the type. Types only: nothing of them is in the bundle. */
import type { ExportInput, ExportProgress, ExportSummary } from '../../src/export/export.ts';
import type { Action, ReaderScope, Role } from '../../src/query/reader.ts';

export interface SignInMethods {
  readonly methods: { readonly oidc: boolean; readonly password: boolean };
  readonly csrf: string;
  readonly title: string;
}

/** Who is signed in, and what he may do here. */
export interface Me {
  readonly name: string;
  readonly role: Role;
  readonly scope: ReaderScope;
  readonly can: readonly Action[];
  readonly csrf: string;
  readonly archive: { readonly origin: string; readonly size: number; readonly account: string };
  /** ISO 8601; when the sign-in ends. */
  readonly expires: string;
}

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

export interface Verification {
  readonly state: 'never' | 'running' | 'holds' | 'failed';
  readonly at: string | null;
  readonly size: number;
  readonly root: string;
  readonly origin: string;
  readonly key: string;
  readonly seconds: number | null;
  readonly findings: readonly {
    readonly check: string;
    readonly what: string;
    readonly key: string | null;
    readonly expected: string | null;
    readonly found: string | null;
  }[];
  readonly covered: readonly { readonly stream: string; readonly from: string; readonly to: string }[];
  readonly lost: number;
}
