/** Collects the list of sessions, and with it the registry. */
import { accountCoverage } from '../ledger/coverage.ts';
import { registerSessions } from '../ledger/registry.ts';
import { instant } from '../record.ts';
import { sessionPages } from '../zoom/reports.ts';
import { type Collector, isOwnFault } from './collector.ts';
import type { PassTools } from './pass.ts';
import { type CollectionPolicy, dueListings, type ListingUnit } from './planner.ts';
import { listedSession, sessionCandidate } from './sessions.ts';
import type { Attempt } from './unit.ts';

/** Windows of all six months or of the newest days; one request at a time, for the list moves while it is paged. */
export function sessionsCollector(tools: PassTools, policy: CollectionPolicy): Collector<ListingUnit> {
  const { db, client, lease, now, interrupt } = tools;

  async function list(attempt: Attempt): Promise<number> {
    let pages = 0;
    for await (const reply of sessionPages(client, attempt.dates, interrupt)) {
      pages += 1;
      const { sessions } = reply.body;
      await registerSessions(db, lease, sessions.map(listedSession), reply.observedAt);
      await attempt.admit(reply, {
        rows: sessions.length,
        candidates: sessions.map((row) => sessionCandidate(row, lease.account, instant(reply.observedAt))),
      });
    }
    return pages;
  }

  return {
    stream: 'sessions',
    parallel: 1,
    async plan() {
      const recent = await accountCoverage(db, lease.account, 'sessions', 'recent');
      const sweep = await accountCoverage(db, lease.account, 'sessions', 'sweep');
      return dueListings(
        { recent: recent.covered, sweep: sweep.covered, sweptAt: sweep.askedAt },
        policy,
        now(),
      );
    },
    async collect(_unit, attempt) {
      // The list is ordered by activity and moves while it is paged: a second look finds what slipped past.
      if ((await list(attempt)) > 1) await list(attempt);
      return undefined;
    },
    // A listing that is denied concerns all of them.
    isOwn: (_unit, error) => isOwnFault(error),
  };
}
