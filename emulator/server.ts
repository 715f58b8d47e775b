/** Starts a Zoom account in a box. The exported types are all that its users need. */
import Fastify from 'fastify';
import type { Account } from './account.ts';
import { Actors } from './act.ts';
import { EmulatedClock } from './clock.ts';
import { addControlEndpoints } from './control.ts';
import { loadCorpus } from './corpus.ts';
import type { Emulator, EmulatorOptions } from './emulator.ts';
import { Faults, faultSchema } from './faults.ts';
import { generateAccount } from './generate.ts';
import { RateLimits } from './limits.ts';
import { AccessTokens, DEFAULT_SCOPES } from './oauth.ts';
import { PageTokens } from './page-token.ts';
import { changeSettings, servedSettings } from './settings.ts';
import { Counters } from './stats.ts';
import { changeSwitches, DEFAULT_SWITCHES } from './switches.ts';
import { truthMessages, truthSessions } from './truth.ts';
import { truthContext, truthMembershipChanges } from './truth-context.ts';
import { addZoomEndpoints, type World } from './zoom.ts';

export type { ActingOptions, Deed } from './act.ts';
export type { Emulator, EmulatorOptions } from './emulator.ts';
export type { Fault } from './faults.ts';
export type { ServedSettings, SettingChanges } from './settings.ts';
export type { Stats } from './stats.ts';
export type { SwitchChanges, Switches } from './switches.ts';
export type { TruthMessage, TruthSession, TruthVersion } from './truth.ts';
export type {
  TruthChannel,
  TruthContext,
  TruthEmoji,
  TruthMembershipChange,
  TruthPerson,
  TruthPin,
  TruthSpace,
  TruthUser,
} from './truth-context.ts';

/** Builds the account, listens on 127.0.0.1 and returns the handle by which a test drives it. */
export async function startEmulator(options: EmulatorOptions): Promise<Emulator> {
  const start = options.now ?? Date.now();
  const account = await buildAccount(options.source, start);
  const clock = new EmulatedClock(start, options.frozen ?? false);
  const accountId = options.accountId ?? 'emulated-account';
  const credentials = {
    accountId,
    clientId: options.clientId ?? 'emulated-client',
    clientSecret: options.clientSecret ?? 'emulated-secret',
  };
  const world: World = {
    account,
    accountId,
    clock,
    tokens: new AccessTokens(credentials, options.scopes ?? DEFAULT_SCOPES),
    limits: new RateLimits(options.plan ?? 'business', options.limits ?? true),
    faults: new Faults(),
    counters: new Counters(),
    switches: changeSwitches(DEFAULT_SWITCHES, options.switches ?? {}),
    pageTokens: new PageTokens(),
    url: '',
  };
  const actors = new Actors(account, options.source.kind === 'generated' ? options.source.seed : 0, () =>
    clock.now(),
  );

  // Session ids are longer than the router's own limit when doubly encoded.
  const app = Fastify({ forceCloseConnections: true, routerOptions: { maxParamLength: 1000 } });
  await addZoomEndpoints(app, world);
  addControlEndpoints(app, () => emulator);
  world.url = await app.listen({ port: options.port ?? 0, host: '127.0.0.1' });

  const emulator: Emulator = {
    url: world.url,
    now: () => clock.now(),
    moveClock: (byMs) => clock.move(byMs),
    act: (count) => actors.act(count),
    perform: (deed) => actors.perform(deed),
    startActing: (perSecond, acting) => actors.start(perSecond, acting),
    stopActing: () => actors.stop(),
    inject: (fault) => world.faults.inject(faultSchema.parse(fault)),
    clearFaults: () => world.faults.clear(),
    faultsHit: () => world.faults.hit(),
    setSwitches: (changes) => Object.assign(world.switches, changeSwitches(world.switches, changes)),
    setSettings: (changes) => {
      account.settings = changeSettings(account.settings, changes);
      const storeRevisions = changes.store_revise_chat ?? world.switches.storeRevisions;
      Object.assign(world.switches, { storeRevisions });
      return servedSettings(account.settings, world.switches);
    },
    truth: () => truthMessages(account),
    sessions: () => truthSessions(account, clock.now()),
    membershipChanges: () => truthMembershipChanges(account, world.switches),
    context: () => truthContext(account, world.switches, clock.now()),
    stats: () => world.counters.stats(world.limits.busiestSecond()),
    close: async () => {
      actors.stop();
      await app.close();
    },
  };
  return emulator;
}

async function buildAccount(source: EmulatorOptions['source'], now: number): Promise<Account> {
  switch (source.kind) {
    case 'generated':
      return generateAccount(source, now);
    case 'corpus':
      return await loadCorpus(source, now);
    default:
      return source satisfies never;
  }
}
