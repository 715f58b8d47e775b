/** Whether the archive holds, as the last verification said, which runs beside the server. */
import { z } from 'zod';
import { ArchiverError } from '../errors.ts';

const finding = z.object({
  check: z.string(),
  what: z.string(),
  key: z.string(),
  expected: z.string().default(''),
  found: z.string().default(''),
});

/** What `verify --json` prints. */
const verifyReport = z.object({
  checkpoint: z.object({ origin: z.string(), size: z.number(), root: z.string() }).nullable(),
  lost: z.number(),
  covered: z.array(z.object({ stream: z.string(), from: z.string(), to: z.string() })),
  findings: z.array(finding),
});

export const verificationState = z.object({
  state: z.enum(['never', 'running', 'holds', 'failed']),
  at: z.iso.datetime().nullable().describe('When the last one ended; of one that runs, when it began.'),
  size: z.number().describe('Entries of the log that were verified.'),
  root: z.string().describe('Base64; empty where none was.'),
  origin: z.string(),
  key: z.string().describe("Verifier key of the archive's log."),
  seconds: z.number().nullable(),
  findings: z.array(finding),
  more: z.number().int().describe('Findings that are not listed here; `verify` prints all.'),
  covered: verifyReport.shape.covered,
  lost: z.number(),
  error: z.string().nullable().describe('Why the last one did not come to an end.'),
});
export type VerificationState = z.output<typeof verificationState>;

export interface VerificationParts {
  readonly origin: string;
  readonly key: string;
  /** Runs `verify --json`; what it printed. Fails where it came to no verdict. */
  readonly run: (signal: AbortSignal) => Promise<string>;
  /** The state of a former process. */
  readonly kept: unknown;
  readonly keep: (state: VerificationState) => Promise<void>;
  readonly now: () => number;
}

const MOST_FINDINGS = 500;

export class Verification {
  readonly #parts: VerificationParts;
  readonly #stop = new AbortController();
  #state: VerificationState;
  #running: Promise<void> | undefined;
  #began = 0;

  constructor(parts: VerificationParts) {
    this.#parts = parts;
    const kept = verificationState.safeParse(parts.kept);
    const { origin, key } = parts;
    const same = kept.success && kept.data.key === key && kept.data.origin === origin;
    this.#state = same ? kept.data : { ...NOTHING, origin, key };
  }

  /** While one runs, with the findings of the one before it. */
  get state(): VerificationState {
    if (this.#running === undefined) return this.#state;
    return { ...this.#state, state: 'running', at: new Date(this.#began).toISOString() };
  }

  /** Begins one, unless one runs. Never rejects: how it ended is in the state. */
  run(): Promise<void> {
    this.#running ??= this.#verify().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async close(): Promise<void> {
    this.#stop.abort(new ArchiverError('interrupted', 'the portal is closing'));
    await this.#running;
  }

  async #verify(): Promise<void> {
    const { run, keep, now, origin, key } = this.#parts;
    this.#began = now();
    try {
      const report = verifyReport.parse(JSON.parse(await run(this.#stop.signal)));
      const { checkpoint, findings, covered, lost } = report;
      this.#state = {
        // A hole in the coverage is no forgery; it is listed all the same.
        state: findings.every(({ check }) => check === 'coverage') ? 'holds' : 'failed',
        at: new Date(now()).toISOString(),
        size: checkpoint?.size ?? 0,
        root: checkpoint?.root ?? '',
        origin,
        key,
        seconds: (now() - this.#began) / 1000,
        findings: findings.slice(0, MOST_FINDINGS),
        more: Math.max(0, findings.length - MOST_FINDINGS),
        covered,
        lost,
        error: null,
      };
      await keep(this.#state);
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      const why = error instanceof ArchiverError ? error.phrase : 'it ended without a report';
      const at = new Date(now()).toISOString();
      this.#state = { ...this.#state, state: 'failed', at, error: why };
    }
  }
}

const NOTHING: Omit<VerificationState, 'origin' | 'key'> = {
  state: 'never',
  at: null,
  size: 0,
  root: '',
  seconds: null,
  findings: [],
  more: 0,
  covered: [],
  lost: 0,
  error: null,
};
