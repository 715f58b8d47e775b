/** Starts a Zoom account in a box. The exported types are all that its users need. */
import Fastify from 'fastify';
import type { Account } from './account.ts';
import { type ActingOptions, Actors, type Deed } from './act.ts';
import { EmulatedClock } from './clock.ts';
import { addControlEndpoints } from './control.ts';
import { type CorpusSource, loadCorpus } from './corpus.ts';
import { type Fault, Faults, faultSchema } from './faults.ts';
import { type GeneratedSource, generateAccount } from './generate.ts';
import { type Plan, RateLimits } from './limits.ts';
import { AccessTokens, DEFAULT_SCOPES } from './oauth.ts';
import { PageTokens } from './page-token.ts';
import { Counters, type Stats } from './stats.ts';
import { DEFAULT_SWITCHES, type Switches, switchesSchema } from './switches.ts';
import { type TruthMessage, type TruthSession, truthMessages, truthSessions } from './truth.ts';
import { addZoomEndpoints, type World } from './zoom.ts';

export type { ActingOptions, Deed } from './act.ts';
export type { Fault } from './faults.ts';
export type { Stats } from './stats.ts';
export type { Switches } from './switches.ts';
export type { TruthMessage, TruthSession, TruthVersion } from './truth.ts';

export interface EmulatorOptions {
  /** Default 0: any free port. */
  readonly port?: number | undefined;
  /** Milliseconds since 1970 at which the emulated clock begins; default the real time. */
  readonly now?: number | undefined;
  /** The clock moves by control only; default false: it runs with real time. */
  readonly frozen?: boolean | undefined;
  /** Decides the rate limits; default `business`. */
  readonly plan?: Plan | undefined;
  /** Are the rate limits enforced? Default true. */
  readonly limits?: boolean | undefined;
  readonly accountId?: string | undefined;
  readonly clientId?: string | undefined;
  readonly clientSecret?: string | undefined;
  /** What the app is granted; default the granular scopes. */
  readonly scopes?: readonly string[] | undefined;
  readonly source: GeneratedSource | CorpusSource;
  readonly switches?: Partial<Switches> | undefined;
}

export interface Emulator {
  /** `http://127.0.0.1:port`; the API is at `/v2` below it. */
  readonly url: string;
  /** The emulated clock in milliseconds since 1970. */
  now(): number;
  /** Moves the clock; backwards when negative. */
  moveClock(byMs: number): void;
  /** So many random deeds now: 60 % send, 20 % edit, 10 % delete, 10 % react. */
  act(count: number): void;
  /** One named deed; returns the id of the message or session concerned. */
  perform(deed: Deed): string;
  /** People act on and on; `only: 'live'` keeps them to sessions made for it. */
  startActing(perSecond: number, options?: ActingOptions): void;
  stopActing(): void;
  inject(fault: Fault): void;
  clearFaults(): void;
  /** How often each kind of fault has struck. */
  faultsHit(): Record<string, number>;
  /** Changes some switches; returns all. */
  setSwitches(changes: Partial<Switches>): Switches;
  /** Every message that ever existed. */
  truth(): Iterable<TruthMessage>;
  sessions(): readonly TruthSession[];
  stats(): Stats;
  close(): Promise<void>;
}

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
    switches: { ...DEFAULT_SWITCHES, ...switchesSchema.partial().parse(options.switches ?? {}) },
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
    setSwitches: (changes) => Object.assign(world.switches, switchesSchema.partial().parse(changes)),
    truth: () => truthMessages(account),
    sessions: () => truthSessions(account, clock.now()),
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
