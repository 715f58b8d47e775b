/** Collects what explains the messages years later: users, channels, shared spaces, emoji, pins, settings. */
import { hasCode } from '../errors.ts';
import { streamCoverage } from '../ledger/coverage.ts';
import { knownChannels, knownSubjects } from '../ledger/subjects.ts';
import { waitingUnits } from '../ledger/waiting.ts';
import { type Collector, isOwnFault } from './collector.ts';
import { lookAtChannel, lookAtSpace } from './context-channels.ts';
import { lookAtChannels, lookAtEmoji, lookAtSettings, lookAtSpaces, lookAtUsers } from './context-lists.ts';
import { type ContextUnit, dueLooks, lookName } from './context-plan.ts';
import type { PassTools } from './pass.ts';

const STREAM = 'context';
/** Few, because messages come first and share the rate limit. */
const PARALLEL = 4;

export interface ContextPolicy {
  /** How often each list, channel and space is looked at, milliseconds. */
  readonly everyMs: number;
  /** A retention of Zoom shorter than this is warned about. */
  readonly leastRetentionMs: number;
}

export function contextCollector(tools: PassTools, policy: ContextPolicy): Collector<ContextUnit> {
  const { db, lease, now } = tools;
  const { account } = lease;
  let channelNames: ReadonlyMap<string, string> = new Map();
  return {
    stream: STREAM,
    parallel: PARALLEL,
    unfolds: true,
    lane: lookName,
    async plan() {
      channelNames = await knownChannels(db, account);
      const spaces = await knownSubjects(db, account, 'space');
      const asked = await streamCoverage(db, account, STREAM);
      const waiting = await waitingUnits(db, account, STREAM, now());
      const state = {
        channels: channelNames.keys(),
        spaces: spaces.keys(),
        askedAt: new Map(asked.map((unit) => [lookName(unit), unit.askedAt])),
        coveredTo: new Map(
          asked.flatMap((unit) => unit.covered.slice(-1).map(({ to }) => [lookName(unit), to] as const)),
        ),
        waiting: new Set(waiting.map(lookName)),
      };
      return dueLooks(state, policy.everyMs, now());
    },
    async collect({ mode, scope }, attempt) {
      switch (mode) {
        case 'settings':
          await lookAtSettings(tools, attempt, policy.leastRetentionMs);
          break;
        case 'users':
          await lookAtUsers(tools, attempt);
          break;
        case 'spaces':
          await lookAtSpaces(tools, attempt);
          break;
        case 'channels':
          await lookAtChannels(tools, attempt);
          break;
        case 'emoji':
          await lookAtEmoji(tools, attempt);
          break;
        case 'channel':
          await lookAtChannel(tools, attempt, scope, channelNames.get(scope) ?? '');
          break;
        case 'space':
          await lookAtSpace(tools, attempt, scope);
          break;
        default:
          return mode satisfies never;
      }
      return undefined;
    },
    // Each list has a scope and a right of its own; channels share theirs, but one of them may be denied by itself.
    isOwn: (_unit, error) =>
      // A scope that one part of a look lacks must not keep the retention of ten thousand channels from being read.
      isOwnFault(error) || hasCode(error, 'zoom-permission', 'zoom-scope'),
  };
}
