/** Windows that Zoom no longer serves, and coverage that was wrong, put on record for good. */
import { recordLost, type UnitKey, withdrawCoverage } from '../ledger/units.ts';
import {
  type Candidate,
  canonicalJson,
  contentHash,
  type Interval,
  instant,
  LASTING,
  recordKey,
  scopeTag,
} from '../record.ts';
import type { PassTools } from './pass.ts';

type Subject = Pick<UnitKey, 'stream' | 'scope' | 'mode'>;

/** Why a window is out of reach. */
export type Loss =
  /** Zoom may have deleted it before it was collected. @property keptSince ms: before it Zoom may have deleted */
  | { readonly kind: 'lost'; readonly keptSince: number }
  /** It was asked for and refused. @property firstServed the first date that Zoom does serve, `yyyy-mm-dd` */
  | { readonly kind: 'refused'; readonly firstServed: string };

/**
 * From then on the archive says itself that the window is out of reach: it is not asked for again, and the coverage
 * report names it. Fails with `lease-lost`.
 * @param window milliseconds, half-open
 */
export async function loseWindow(
  tools: PassTools,
  subject: Subject,
  window: Interval,
  loss: Loss,
): Promise<void> {
  const { db, lease, run, now, classes, events } = tools;
  const { stream, scope, mode } = subject;
  const at = now();
  const candidate = lossRecord(lease.account, run, subject, window, loss, at);
  const provenance = { run, requestId: '', trackingId: '', observedAt: instant(at) };
  const className = (await classes.of(undefined))(candidate);
  await recordLost(db, lease, { stream, scope, mode, window, candidate, provenance, className });
  events.windowLost(stream);
}

/**
 * Says in the archive too that what units of a stream in one mode called collected so far does not count, in any scope:
 * all of it is asked for again. Fails with `lease-lost`.
 */
export async function withdrawAll(tools: PassTools, subject: Omit<Subject, 'scope'>): Promise<void> {
  const { db, lease, run, now, classes } = tools;
  const { stream, mode } = subject;
  const at = now();
  const record = canonicalJson({
    account: lease.account,
    run,
    unit: { stream, scope: '', mode, from: iso(0), to: iso(at) },
    covers: null,
    outcome: 'withdrawn',
    noticed_at: iso(at),
  });
  const candidate: Candidate = {
    stream: 'coverage',
    kind: 'withdrawn',
    key: recordKey(scopeTag(lease.account, ''), at, ['withdrawn', stream, mode]),
    content: contentHash(record),
    rule: 'once',
    time: instant(at),
    keyMonth: LASTING,
    record,
  };
  const provenance = { run, requestId: '', trackingId: '', observedAt: instant(at) };
  const className = (await classes.of(undefined))(candidate);
  await withdrawCoverage(db, lease, { stream, mode, candidate, provenance, className });
}

function lossRecord(
  account: string,
  run: string,
  { stream, scope, mode }: Subject,
  { from, to }: Interval,
  loss: Loss,
  at: number,
): Candidate {
  const record = canonicalJson({
    account,
    run,
    unit: { stream, scope, mode, from: iso(from), to: iso(to) },
    covers: null,
    outcome: loss.kind,
    ...(loss.kind === 'lost'
      ? { source_kept_since: iso(loss.keptSince) }
      : { first_served: loss.firstServed }),
    noticed_at: iso(at),
  });
  return {
    stream: 'coverage',
    kind: loss.kind,
    key: recordKey(scopeTag(account, scope), at, [loss.kind, stream, scope, mode, String(from), String(to)]),
    content: contentHash(record),
    rule: 'once',
    time: instant(at),
    keyMonth: LASTING,
    record,
  };
}

const iso = (time: number): string => new Date(time).toISOString();
