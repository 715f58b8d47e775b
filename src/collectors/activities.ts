/** Collects who joined and left channels. */
import { hasCode } from '../errors.ts';
import { accountCoverage } from '../ledger/coverage.ts';
import { waitingUnits } from '../ledger/waiting.ts';
import { type Interval, utcDay } from '../record.ts';
import {
  type ActivityPage,
  activityPages,
  channelActivityPages,
  firstActivityPage,
} from '../zoom/activities.ts';
import type { Reply } from '../zoom/client.ts';
import { refusesParameters } from '../zoom/refusal.ts';
import {
  type ActivityPolicy,
  type ActivityState,
  type ActivityUnit,
  activityGaps,
  dueDays,
} from './activity-plan.ts';
import { firstServedDate } from './activity-reach.ts';
import { activityCandidate } from './activity-rows.ts';
import { type Collector, isOwnFault } from './collector.ts';
import { loseWindow } from './lost.ts';
import type { PassTools } from './pass.ts';
import { type Attempt, type Unit, unitName } from './unit.ts';
import { DAY_MS, startOfDay } from './windows.ts';

const STREAM = 'channel_activities';

/**
 * The logs of all channels, day by day; days run in parallel, pages within a day do not.
 * @param parallel days at the same time
 */
export function activitiesCollector(
  tools: PassTools,
  policy: ActivityPolicy,
  parallel: number,
): Collector<ActivityUnit> {
  const { db, client, lease, now, interrupt, events, log } = tools;
  const { account } = lease;

  async function readState(): Promise<ActivityState> {
    const { covered, lost } = await accountCoverage(db, account, STREAM, 'log');
    const waiting = await waitingUnits(db, account, STREAM, now());
    return { covered, lost, waiting: new Set(waiting.map(({ from }) => from)) };
  }

  const isServed = async (date: string): Promise<boolean> => {
    try {
      await firstActivityPage(client, { from: date, to: date }, interrupt);
      return true;
    } catch (error) {
      if (refusesParameters(error)) return false;
      // The unit of that day will meet it, or not, and be recorded.
      if (hasCode(error, 'zoom-unreachable', 'zoom-response', 'zoom-not-found', 'zoom-request')) return true;
      throw error;
    }
  };

  /** Puts on record what of `units` lies before the first day whose every moment Zoom serves. */
  async function giveUpBefore(first: number, units: readonly ActivityUnit[], served: string): Promise<void> {
    for (const window of merged(units.filter(({ window }) => window.from < first))) {
      const subject = { stream: STREAM, scope: '', mode: 'log' };
      await loseWindow(tools, subject, window, { kind: 'refused', firstServed: served });
      log.warn(
        { from: utcDay(window.from), to: utcDay(window.to - 1), firstServed: served },
        'Zoom does not serve activity logs of these days any more',
      );
    }
  }

  return {
    stream: STREAM,
    parallel,
    lane: unitName,
    async plan(ran) {
      const state = await readState();
      const due = dueDays(state, policy, now());
      if (ran === undefined) return due;
      const [oldest] = due;
      const today = startOfDay(now());
      if (oldest === undefined || oldest.window.from >= today - DAY_MS) return due;
      const served = await firstServedDate(oldest.window.fromDate, utcDay(today), isServed);
      if (served === oldest.window.fromDate) return due;
      // In a zone behind UTC the first served date begins within the UTC day of that name.
      const first = Math.min(Date.parse(served) + DAY_MS, today);
      await giveUpBefore(first, due, served);
      return dueDays(await readState(), policy, now());
    },
    async collect(_unit, attempt) {
      await collectPages(tools, attempt, activityPages(client, attempt.dates, interrupt), undefined);
      return undefined;
    },
    isOwn: (_unit, error) => isOwnFault(error),
    async settle() {
      const gaps = activityGaps(await readState(), policy, now());
      // What came after the newest coverage is not due yet, unless there is none.
      const open = gaps.find((gap) => gap.to < now() || now() - gap.from >= DAY_MS);
      events.oldestUncollected(STREAM, open?.from);
    },
  };
}

/** A stretch of the log of one channel, asked for by itself. */
export interface ChannelActivityUnit extends Unit {
  readonly stream: 'channel_activities';
  readonly mode: 'repair';
}

/** Zoom names no limit here; its own example spans 30 dates. */
const REPAIR_DAYS = 27;

/**
 * Asks the log of one channel again, whatever is covered; for repair. What it finds is what the log of all channels
 * would have shown, so nothing is stored twice.
 * @param interval milliseconds, half-open
 */
export function channelActivitiesRepair(
  tools: PassTools,
  channelId: string,
  interval: Interval,
): Collector<ChannelActivityUnit> {
  const { client, interrupt } = tools;
  return {
    stream: STREAM,
    parallel: 1,
    plan: () => Promise.resolve(repairUnits(channelId, interval)),
    async collect(_unit, attempt) {
      const found = channelActivityPages(client, channelId, attempt.dates, interrupt);
      await collectPages(tools, attempt, found, channelId);
      return undefined;
    },
    isOwn: (_unit, error) => isOwnFault(error) || hasCode(error, 'zoom-permission'),
  };
}

function repairUnits(channelId: string, { from, to }: Interval): readonly ChannelActivityUnit[] {
  const units: ChannelActivityUnit[] = [];
  for (let start = startOfDay(from); start < to; start += REPAIR_DAYS * DAY_MS) {
    const end = Math.min(start + REPAIR_DAYS * DAY_MS, startOfDay(to - 1) + DAY_MS);
    units.push({
      stream: STREAM,
      scope: channelId,
      mode: 'repair',
      window: { from: start, to: end, fromDate: utcDay(start - DAY_MS), toDate: utcDay(end) },
      covers: { from: Math.max(from, start), to: Math.min(to, end) },
    });
  }
  return units;
}

async function collectPages(
  { lease, events }: PassTools,
  attempt: Attempt,
  replies: AsyncIterable<Reply<ActivityPage>>,
  channelId: string | undefined,
): Promise<void> {
  for await (const reply of replies) {
    const begun = performance.now();
    const rows = reply.body.channel_activity_logs;
    const candidates = rows.map((row) => activityCandidate(row, lease.account, channelId));
    events.spent('fetch', reply.fetchSeconds);
    events.spent('parse', reply.parseSeconds + (performance.now() - begun) / 1000);
    await attempt.admit(reply, { rows: rows.length, candidates });
  }
}

/** The stretches that days in order make up. */
function merged(units: readonly ActivityUnit[]): readonly Interval[] {
  const stretches: { from: number; to: number }[] = [];
  for (const { window, covers } of units) {
    const last = stretches.at(-1);
    if (last?.to === covers.from) last.to = window.to;
    else stretches.push({ from: covers.from, to: window.to });
  }
  return stretches;
}
