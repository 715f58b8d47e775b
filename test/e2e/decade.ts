/** An account, its archive and the truth about both, as they go through ten years. */
import { expect, onTestFinished } from 'vitest';
import type { Emulator } from '../../emulator/server.ts';
import { bareId } from '../support/archive.ts';
import { type Archiver, type HoldStep, openArchiver } from '../support/archiver.ts';
import { runArchiver, writeConfig } from '../support/command.ts';
import { readLog } from '../support/log.ts';
import { createSchema } from '../support/postgres.ts';
import { type S3Fake, startS3Fake } from '../support/s3-fake.ts';
import { PREFIX, s3SinkOn } from '../support/s3-sink.ts';
import { emulate, workFolder } from './campaign.ts';
import { DecadeStore } from './decade-store.ts';
import { type Facts, Holds, type Schedule, Schedules } from './decade-truth.ts';

export const DAY = 86_400_000;
export const COOL_OFF = 14 * DAY;

export const ANN = 'person0@company.example';
export const BOB = 'person1@company.example';
export const CY = 'person2@company.example';
const DAN = 'person3@company.example';

interface Sent extends Facts {
  /** Message id and kind. */
  readonly what: string;
  readonly archivedAt: number;
  readonly hasFile: boolean;
}

export class Decade {
  readonly emulator: Emulator;
  readonly fake: S3Fake;
  readonly folder: string;
  readonly schedules = new Schedules();
  readonly holds = new Holds();
  readonly store: DecadeStore;
  /** Every revision of every message that was archived, and is not known to be gone. */
  readonly sent = new Map<string, Sent>();
  /** Keys whose destruction the log has to tell of, with who approved it. */
  readonly disposed: { readonly key: string; readonly approvedBy: string | null }[] = [];
  readonly #random = randomNumbers(2026);
  readonly #ledger: string;
  readonly #sessions = new Map<string, { readonly name: string; readonly type: string }>();
  readonly #members = new Map<string, readonly string[]>();
  /** Where somebody was ever seen, by e-mail address. */
  readonly #seen = new Map<string, Set<string>>();
  /** What Node says of listeners that pile up. */
  readonly warnings: string[] = [];
  /** How often a disposal, or the carrying out of holds, was interrupted. */
  interruptions = 0;
  #disposals = 0;
  #flaggings = 0;
  #archiver: Archiver | undefined;

  constructor(emulator: Emulator, fake: S3Fake, folder: string, ledger: string) {
    this.emulator = emulator;
    this.fake = fake;
    this.folder = folder;
    this.#ledger = ledger;
    const { schedules, holds } = this;
    this.store = new DecadeStore(fake, folder, { schedules, holds, sessions: this.#sessions });
    this.#found('Trading desk', [ANN, CY, DAN]);
    this.#found('Lunch', [BOB, CY]);
    this.#found('Walks', [BOB, DAN]);
    this.#found('Project', [CY, DAN]);
    this.#found('', [ANN, BOB]);
    for (const { matterId } of emulator.matters()) emulator.hold({ verb: 'close-matter', matterId });
  }

  #found(name: string, people: readonly string[]): void {
    const direct = name === '';
    const id = this.emulator.perform({
      verb: 'create-session',
      name,
      people: [...people],
      ...(direct ? { direct } : {}),
    });
    this.#sessions.set(id, { name, type: direct ? '1:1' : 'Group' });
    this.#members.set(id, people);
    // Of a group Zoom tells who is in it only by what they write, as long as its members are not listed.
    if (direct) for (const person of people) this.#see(person, id);
  }

  #see(person: string, place: string): void {
    this.#seen.set(person, (this.#seen.get(person) ?? new Set()).add(place));
  }

  seen(person: string): ReadonlySet<string> {
    return this.#seen.get(person) ?? new Set();
  }

  session(name: string): string {
    const found = [...this.#sessions].find(([, session]) => session.name === name)?.[0];
    if (found === undefined) throw new Error(`no session ${name}`);
    return found;
  }

  sections(schedule: Schedule): Readonly<Record<string, object>> {
    const { bucket, url: endpoint } = this.fake;
    // The SDK adds to the object that it is given.
    const { accessKeyId, secretAccessKey } = this.fake.credentials;
    const keys = { accessKeyId, secretAccessKey };
    return {
      ledger: { url: this.#ledger },
      sink: { s3: { bucket, prefix: PREFIX, endpoint, forcePathStyle: true, ...keys } },
      streams: { files: { enabled: true }, legalHold: { enabled: true } },
      retention: schedule,
      holds: { coolOff: '14d' },
    };
  }

  get archiver(): Archiver {
    if (this.#archiver === undefined) throw new Error('nobody archives');
    return this.#archiver;
  }

  /** As whoever changes the configuration restarts the archiver. */
  async restart(schedule: Schedule): Promise<void> {
    await this.close();
    this.#archiver = await openArchiver(this.emulator, this.folder, this.sections(schedule));
  }

  async close(): Promise<void> {
    const archiver = this.#archiver;
    this.#archiver = undefined;
    await archiver?.close();
  }

  async enforce(schedule: Schedule): Promise<void> {
    await this.restart(schedule);
    this.schedules.enforce(schedule, this.emulator.now());
  }

  to(date: number): void {
    this.emulator.moveClock(date - this.emulator.now());
  }

  /** Two to six messages on a few days, now and then a file, and second thoughts about one of the month before. */
  write(start: number, month: number): void {
    const places = [...this.#sessions.keys()];
    const before = [...this.sent.values()].at(-1);
    let left = 2 + this.#random(5);
    for (const day of [8, 12, 18]) {
      this.to(start + (day - 1) * DAY + 9 * 3_600_000);
      if (day === 12 && before !== undefined && month % 3 === 1) this.#revise(before);
      const now = day === 18 ? left : Math.min(left, 1 + this.#random(3));
      left -= now;
      for (let count = 0; count < now; count += 1) {
        const place = places[this.#random(places.length)] ?? '';
        const members = this.#members.get(place) ?? [];
        const sender = members[this.#random(members.length)] ?? '';
        this.send(place, sender, this.#random(5) === 0);
      }
    }
  }

  /** @returns its id */
  send(place: string, sender: string, hasFile = false): string {
    const text = `message of ${new Date(this.emulator.now()).toISOString()}`;
    const files = hasFile ? { files: [{ name: 'notes.txt', size: 500 + this.#random(500) }] } : {};
    const id = bareId(this.emulator.perform({ verb: 'send', sessionId: place, text, sender, ...files }));
    this.#see(sender, place);
    this.#note(`${id} sent`, place, sender, hasFile);
    return id;
  }

  #revise({ what, place = '', sender = '', hasFile }: Sent): void {
    const [id = '', kind] = what.split(' ');
    if (kind !== 'sent' || hasFile) return;
    this.emulator.perform({ verb: 'edit', sessionId: place, messageId: id, text: 'on second thoughts' });
    this.#note(`${id} edited`, place, sender);
  }

  #note(what: string, place: string, sender: string, hasFile = false): void {
    const session = this.#sessions.get(place) ?? { name: '', type: '' };
    const day = new Date(this.emulator.now()).toISOString().slice(0, 10);
    const archivedAt = startOfMonth(day) + 24 * DAY;
    this.sent.set(what, { what, place, sender, session, day, archivedAt, hasFile });
  }

  async hold(step: HoldStep, places?: () => ReadonlySet<string>): Promise<void> {
    await this.archiver.hold(step);
    const { id } = step;
    if (step.action === 'release') this.holds.release(id, this.emulator.now() + COOL_OFF);
    if (step.action === 'cancel') this.holds.cancel(id);
    if (step.action !== 'place' || places === undefined) return;
    const { from, to } = step.scope;
    this.holds.place({ id, places, ...(from == null ? {} : { from }), ...(to == null ? {} : { to }) });
  }

  /** Locks are what was promised, and flags are where a hold covers something, and nowhere else. */
  expectKept(): void {
    const now = this.emulator.now();
    const wrong: object[] = [];
    for (const [key, { version, promised, held }] of this.store.standings(now)) {
      const lock = version.lock;
      const told = { key, until: lock?.retainUntil.toISOString(), mode: lock?.mode, held: version.held };
      const expected = {
        key,
        until: new Date(promised.until).toISOString(),
        mode: promised.mode.toUpperCase(),
        held: held ?? version.held,
      };
      if (JSON.stringify(told) !== JSON.stringify(expected)) wrong.push({ told, expected });
    }
    expect(wrong).toEqual([]);
  }

  /** By what people wrote, whatever the archive says of itself. */
  expectMessages(approved: boolean): void {
    const now = this.emulator.now();
    const there = this.store.messages();
    const problems: string[] = [];
    // A segment holds a class and a day: what shares it with something that stays may stay.
    const kept = new Set<string>();
    const keeps = (one: Sent): boolean => {
      const { until, disposition } = this.schedules.promised(one, one.archivedAt);
      return until > now || disposition === 'keep' || this.holds.covers(one, now);
    };
    const segmentOf = (one: Sent): string => `${this.schedules.classAt(one, one.archivedAt)} ${one.day}`;
    for (const one of this.sent.values()) if (keeps(one)) kept.add(segmentOf(one));
    for (const one of this.sent.values()) {
      const { what } = one;
      const stays = keeps(one);
      const waits = this.schedules.promised(one, one.archivedAt).disposition === 'review' && !approved;
      if (stays && !there.has(what)) problems.push(`gone: ${what} of ${one.day}`);
      if (!stays && !waits && there.has(what) && !kept.has(segmentOf(one)))
        problems.push(`still there: ${what} of ${one.day}`);
      if (!there.has(what)) this.sent.delete(what);
    }
    for (const what of there) if (!this.sent.has(what)) problems.push(`back or invented: ${what}`);
    expect(problems).toEqual([]);
  }

  /** The store stops answering in the middle, and whoever waits for it is interrupted. */
  async interrupted(
    fault: {
      readonly method: 'DELETE' | 'PUT';
      readonly action: string;
      readonly effect: 'lost' | 'applied';
    },
    work: (interrupt: AbortSignal) => Promise<unknown>,
  ): Promise<void> {
    const stop = new AbortController();
    this.fake.failNext({ ...fault, keyPrefix: PREFIX, how: 'hang', onReached: () => stop.abort() });
    await expect(work(stop.signal)).rejects.toThrow();
    this.fake.forgetFaults();
    this.interruptions += 1;
  }

  /** The flags follow the holds; every third time with something to do it is interrupted first. */
  async carryOutHolds(): Promise<void> {
    const { store, archiver } = this;
    const now = this.emulator.now();
    const isBehind = [...store.standings(now).values()].some(
      ({ version, held = version.held }) => held !== version.held,
    );
    if (isBehind && this.#flaggings++ % 3 === 1) {
      const effect = this.#flaggings % 2 === 0 ? 'lost' : 'applied';
      await this.interrupted({ method: 'PUT', action: '?legal-hold', effect }, (stop) =>
        archiver.holds(stop),
      );
    }
    expect(await archiver.holds()).toMatchObject({ missing: 0 });
  }

  /** What was due is destroyed, and nothing else; every third time with something to do it is interrupted first. */
  async dispose(approvedBy: string | null): Promise<void> {
    const { store, archiver } = this;
    const now = this.emulator.now();
    const order = { by: 'Ann Lee', approvedBy, reason: 'its period is over' };
    const { must, may } = store.due(now, approvedBy !== null);
    const before = new Set(store.versions().keys());
    if (must.size > 0 && this.#disposals++ % 3 === 1) {
      const effect = this.#disposals % 2 === 0 ? 'lost' : 'applied';
      await this.interrupted({ method: 'DELETE', action: '', effect }, (stop) =>
        archiver.dispose(order, stop),
      );
      const left = store.versions();
      const gone = [...before].filter((key) => !left.has(key));
      expect(gone.filter((key) => !must.has(key) && !may.has(key))).toEqual([]);
    }
    const { refused } = await archiver.dispose(order);
    expect(refused).toEqual([]);
    const left = store.versions();
    const gone = [...before].filter((key) => !left.has(key));
    expect(gone.filter((key) => !must.has(key) && !may.has(key))).toEqual([]);
    expect([...must].filter((key) => left.has(key))).toEqual([]);
    for (const key of gone) this.disposed.push({ key, approvedBy });
    await store.look(now);
  }

  /** The program as it is built, from the archive alone. @returns its exit code and what it says on standard error */
  async command(
    ...args: readonly string[]
  ): Promise<{ readonly code: number | null; readonly said: string }> {
    const config = await writeConfig(this.folder, this.emulator.url, this.sections(this.schedules.now));
    const { code, stderr } = await runArchiver([...args, '--config', config]);
    return { code, said: stderr };
  }

  /** All entries of the published log. */
  async log(): Promise<Awaited<ReturnType<typeof readLog>>['entries']> {
    const sink = s3SinkOn(this.fake);
    try {
      return (await readLog(sink)).entries;
    } finally {
      await sink.close();
    }
  }

  /** Every disposal stands in the log, with who approved it, and no other one. */
  async expectLogged(): Promise<void> {
    const entries = await this.log();
    const told = entries
      .filter(({ type }) => type === 'disposal')
      .map(({ key, approved_by: approvedBy }) => ({ key, approvedBy }));
    const byKey = (one: { key: string }, other: { key: string }): number => (one.key < other.key ? -1 : 1);
    expect(told.sort(byKey)).toEqual([...this.disposed].sort(byKey));
  }
}

function startOfMonth(day: string): number {
  return Date.parse(`${day.slice(0, 7)}-01T00:00:00Z`);
}

/** Whole numbers below a bound, the same each time. */
function randomNumbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

export async function setStage(start: number): Promise<Decade> {
  const emulator = await emulate({
    now: start,
    frozen: true,
    source: { kind: 'generated', seed: 10, sessions: 0, messages: 0 },
  });
  const fake = await startS3Fake({
    prefix: PREFIX,
    requireLock: true,
    mayDestroy: true,
    now: () => emulator.now(),
  });
  const { url } = await createSchema();
  const decade = new Decade(emulator, fake, await workFolder(), url);
  const noteWarning = ({ name, message }: Error): void => {
    if (name === 'MaxListenersExceededWarning') decade.warnings.push(message);
  };
  process.on('warning', noteWarning);
  onTestFinished(async () => {
    process.off('warning', noteWarning);
    await decade.close();
    await fake.close();
  });
  return decade;
}
