/** Starts a Zoom account in a box. The exported types are all that its users need. */
import Fastify from 'fastify';
import type { Account } from './account.ts';
import { Actors } from './act.ts';
import { EmulatedClock } from './clock.ts';
import { createContent } from './content.ts';
import { openSecondOrigin } from './content-endpoints.ts';
import { truthFiles, truthForwarded, truthHoldFiles, truthMatters } from './content-truth.ts';
import { addControlEndpoints } from './control.ts';
import { loadCorpus } from './corpus.ts';
import type { Emulator, EmulatorOptions } from './emulator.ts';
import { Faults, faultSchema } from './faults.ts';
import { generateAccount } from './generate.ts';
import { holdDeedSchema } from './legal-hold.ts';
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
export type { FileCondition } from './chat-files.ts';
export type { TruthFile, TruthForwarded, TruthHoldFile, TruthMatter } from './content-truth.ts';
export type { Emulator, EmulatorOptions } from './emulator.ts';
export type { Fault } from './faults.ts';
export type { ZipCondition } from './hold-files.ts';
export type { HoldDeed } from './legal-hold.ts';
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
export type { TruthWebhook, WebhookTarget, WebhookValidation } from './webhooks.ts';

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
  const seed = options.source.kind === 'generated' ? options.source.seed : 0;
  const switches = changeSwitches(DEFAULT_SWITCHES, options.switches ?? {});
  const content = createContent(account, accountId, seed, switches, () => clock.now());
  const world: World = {
    account,
    accountId,
    clock,
    tokens: new AccessTokens(credentials, options.scopes ?? DEFAULT_SCOPES),
    limits: new RateLimits(options.plan ?? 'business', options.limits ?? true),
    faults: new Faults(),
    counters: new Counters(),
    switches,
    pageTokens: new PageTokens(),
    content,
    url: '',
  };
  const actors = new Actors(
    account,
    seed,
    () => clock.now(),
    (happening) => content.webhooks.tell(happening),
  );

  // Session ids are longer than the router's own limit when doubly encoded.
  const app = Fastify({ forceCloseConnections: true, routerOptions: { maxParamLength: 1000 } });
  const serve = await addZoomEndpoints(app, world);
  const secondOrigin = await openSecondOrigin(world, serve);
  addControlEndpoints(app, () => emulator);
  world.url = await app.listen({ port: options.port ?? 0, host: '127.0.0.1' });

  const emulator: Emulator = {
    url: world.url,
    now: () => clock.now(),
    moveClock: (byMs) => {
      clock.move(byMs);
      content.webhooks.sendDue();
    },
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
    secondUrl: content.secondUrl,
    files: () => truthFiles(content),
    setFile: (fileId, condition) => content.files.setCondition(fileId, condition),
    forwarded: () => truthForwarded(content),
    setForward: (forwardId, resolvable) => content.forwards.setResolvable(forwardId, resolvable),
    matters: () => truthMatters(content),
    holdFiles: () => truthHoldFiles(account, content, switches.holdZipMinutes),
    hold: (deed) => content.holds.perform(holdDeedSchema.parse(deed)),
    webhooks: () => content.webhooks.truth(),
    aimWebhooks: (target) => content.webhooks.aim(target),
    validateWebhook: () => content.webhooks.validate(),
    close: async () => {
      actors.stop();
      content.webhooks.aim(undefined);
      await secondOrigin.close();
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
