/** What people do in the account while it is being archived: deeds named one by one, and random ones in number. */
import { z } from 'zod';
import {
  type Account,
  addMessage,
  addReaction,
  addRevision,
  addSession,
  currentTextJson,
  type Emoji,
  extrasOf,
  isDeleted,
  type Message,
  type Person,
  type ReactionStep,
  type Revision,
  type Session,
} from './account.ts';
import {
  type AccountDeed,
  accountDeedSchema,
  isAccountDeed,
  messageOf,
  performAccountDeed,
} from './account-deeds.ts';
import { normalFileId } from './chat-files.ts';
import { decorate, giveReaction } from './decorate.ts';
import { resolvableForwardId } from './forwarded.ts';
import { addGeneratedSession } from './generate.ts';
import type { Listener } from './happening.ts';
import { recordFounding } from './memberships.ts';
import { findPerson } from './people.ts';
import { Random } from './random.ts';
import { holdsReaction } from './reactions.ts';
import { editText, writeText } from './texts.ts';

const ofMessage = { sessionId: z.string(), messageId: z.string() };

/** One deed. Message ids are taken in any notation; a reaction that is held already is taken back. */
export const deedSchema = z.discriminatedUnion('verb', [
  // Files with nothing wrong with them; a forward leads to an earlier message of the session. Without a sender, a member.
  z.strictObject({
    verb: z.literal('send'),
    sessionId: z.string(),
    text: z.string(),
    sender: z.string().optional(),
    files: z.array(z.strictObject({ name: z.string(), size: z.number().int().nonnegative() })).optional(),
    forward: z.boolean().optional(),
  }),
  z.strictObject({ verb: z.literal('edit'), ...ofMessage, text: z.string() }),
  z.strictObject({ verb: z.literal('delete'), ...ofMessage }),
  z.strictObject({ verb: z.literal('react'), ...ofMessage, emoji: z.string().optional() }),
  z.strictObject({ verb: z.literal('rename-session'), sessionId: z.string(), name: z.string() }),
  z.strictObject({ verb: z.literal('delete-session'), sessionId: z.string() }),
  // Without people, the first five of the account; `direct` is 1:1, which has no name.
  z.strictObject({
    verb: z.literal('create-session'),
    name: z.string(),
    channelType: z.literal([1, 2, 3, 4, 5]).optional(),
    people: z.array(z.string()).min(2).optional(),
    direct: z.literal(true).optional(),
  }),
  ...accountDeedSchema.options,
]);
export type Deed = z.infer<typeof deedSchema>;

/** Sessions made for writers who must leave the account's own messages alone. */
const LIVE_SESSIONS = 8;
/** Random edits, deletions and reactions go to one of so many newest messages of the session. */
const REACHABLE = 500;
const TICK_MS = 50;

export interface ActingOptions {
  /** `live`: write only in sessions made for the purpose. */
  readonly only?: 'live' | undefined;
}

/** The people of the account, acting on command. Chance comes from the seed, time from the emulated clock. */
export class Actors {
  readonly #account: Account;
  readonly #random: Random;
  readonly #now: () => number;
  readonly #tell: Listener;
  readonly #live: Session[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(account: Account, seed: number, now: () => number, tell: Listener) {
    this.#account = account;
    this.#tell = tell;
    this.#random = new Random(seed ^ 0x5eed);
    this.#now = now;
  }

  /** So many random deeds, now: 60 % send, 20 % edit, 10 % delete, 10 % react or take a reaction back. */
  act(count: number, sessions: readonly Session[] = this.#account.sessions): void {
    if (sessions.length === 0) return;
    for (let left = count; left > 0; left -= 1) this.#actOnce(this.#random.pick(sessions));
  }

  /** Keeps acting, so many deeds a second of real time, until stopped; replaces what was going on before. */
  start(perSecond: number, options: ActingOptions = {}): void {
    this.stop();
    const sessions = options.only === 'live' ? this.#liveSessions() : this.#account.sessions;
    let due = 0;
    let last = performance.now();
    this.#timer = setInterval(() => {
      const now = performance.now();
      due += ((now - last) / 1000) * perSecond;
      last = now;
      this.act(Math.floor(due), sessions);
      due -= Math.floor(due);
    }, TICK_MS);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Does one named deed; returns the id of what it made or touched. Throws on an unknown id. */
  perform(deed: Deed): string {
    if (isAccountDeed(deed)) return this.#performAccountDeed(deed);
    if (deed.verb === 'create-session') {
      const type = deed.direct ? '1:1' : 'Group';
      const facts = { id: this.#random.hex(64), type, channelId: this.#random.hex(22) } as const;
      const members = deed.people?.map((id) => this.#person(id)) ?? this.#account.people.slice(0, 5);
      const session = addSession(
        this.#account,
        { ...facts, members },
        deed.name,
        this.#now(),
        deed.channelType ?? 2,
      );
      recordFounding(this.#account, session, this.#now());
      this.#tell({ kind: 'session-created', session, at: this.#now() });
      return session.id;
    }
    const session = this.#account.sessionById.get(deed.sessionId);
    if (session === undefined) throw new Error(`no session ${deed.sessionId}`);
    const at = this.#nextTime(session);
    switch (deed.verb) {
      case 'send': {
        const sender = deed.sender === undefined ? undefined : this.#person(deed.sender);
        const message = this.#send(session, deed.text, at, sender);
        const files = deed.files?.map(({ name, size }) => ({
          fileId: normalFileId(this.#random),
          fileName: name,
          fileSize: size,
        }));
        if (files !== undefined) extrasOf(message).files = files;
        if (deed.forward === true) extrasOf(message).forwardId = resolvableForwardId(this.#random);
        this.#tell({ kind: 'sent', session, message });
        return message.id;
      }
      case 'rename-session':
        session.names.push({ from: this.#now(), name: deed.name });
        this.#tell({ kind: 'session-renamed', session, at: this.#now() });
        return session.id;
      case 'delete-session':
        session.deletedAt = this.#now();
        this.#tell({ kind: 'session-deleted', session, at: this.#now() });
        return session.id;
      case 'edit':
      case 'delete':
      case 'react':
        break;
      default:
        deed satisfies never;
    }
    const message = messageOf(session, deed.messageId);
    if (deed.verb === 'edit') {
      this.#revise(session, message, { kind: 'edited', at, textJson: JSON.stringify(deed.text) });
    } else if (deed.verb === 'delete') {
      this.#revise(session, message, { kind: 'deleted', at, textJson: currentTextJson(message) });
    } else {
      const person = session.members[0] as Person;
      const emoji: Emoji = { kind: 'standard', code: deed.emoji ?? 'U+1F44D' };
      this.#react(session, message, { at, person, emoji, added: !holdsReaction(message, person, emoji) });
    }
    return message.id;
  }

  #performAccountDeed(deed: AccountDeed): string {
    const account = this.#account;
    const id = performAccountDeed(account, deed, this.#random, this.#now());
    const channel = account.channels.get(id);
    if (channel === undefined) return id;
    const { session, lastChangeAt } = channel;
    if (deed.verb === 'rename-channel') this.#tell({ kind: 'session-renamed', session, at: this.#now() });
    if (deed.verb !== 'join' && deed.verb !== 'leave') return id;
    const kind = deed.verb === 'join' ? 'member-joined' : 'member-left';
    for (const name of deed.people) {
      const person = findPerson(account, name);
      if (person !== undefined) this.#tell({ kind, session, person, at: lastChangeAt });
    }
    return id;
  }

  #actOnce(session: Session): void {
    const at = this.#nextTime(session);
    const odds = this.#random.fraction();
    const target = odds < 0.6 ? undefined : this.#reachableMessage(session);
    if (target === undefined) {
      const text = writeText(this.#random);
      const message = this.#send(session, text, at);
      decorate(session, message, JSON.stringify(text), this.#random);
      this.#tell({ kind: 'sent', session, message });
    } else if (odds < 0.8) {
      const text = editText(this.#random, JSON.parse(currentTextJson(target)) as string);
      this.#revise(session, target, { kind: 'edited', at, textJson: JSON.stringify(text) });
    } else if (odds < 0.9) {
      this.#revise(session, target, { kind: 'deleted', at, textJson: currentTextJson(target) });
    } else {
      this.#react(session, target, giveReaction(session, target, this.#random, at));
    }
  }

  /** A person by user id, member id or e-mail address. */
  #person(id: string): Person {
    const person = findPerson(this.#account, id);
    if (person === undefined) throw new Error(`no person ${id}`);
    return person;
  }

  #send(session: Session, text: string, at: number, sender?: Person): Message {
    return addMessage(
      session,
      {
        id: this.#random.uuid(),
        sentAt: at,
        sender: sender ?? this.#random.pick(session.members),
      },
      JSON.stringify(text),
    );
  }

  #revise(session: Session, message: Message, revision: Revision): void {
    addRevision(session, message, revision);
    this.#tell({ kind: 'revised', session, message, revision });
  }

  #react(session: Session, message: Message, step: ReactionStep): void {
    addReaction(session, message, step);
    this.#tell({ kind: 'reacted', session, message, step });
  }

  /** A message that still exists, or undefined when none was found in a few tries. */
  #reachableMessage(session: Session): Message | undefined {
    const { messages } = session;
    const reach = Math.min(REACHABLE, messages.length);
    for (let tries = 0; reach > 0 && tries < 5; tries += 1) {
      const message = messages[messages.length - 1 - this.#random.below(reach)];
      if (message !== undefined && !isDeleted(message)) return message;
    }
    return undefined;
  }

  /** The clock, but later than everything that happened in the session: no two deeds there share a millisecond. */
  #nextTime(session: Session): number {
    return Math.max(this.#now(), session.lastActionAt + 1);
  }

  #liveSessions(): readonly Session[] {
    while (this.#live.length < LIVE_SESSIONS) {
      const place = this.#account.sessions.length;
      const session = addGeneratedSession(this.#account, this.#random, place, this.#now());
      recordFounding(this.#account, session, this.#now());
      this.#live.push(session);
    }
    return this.#live;
  }
}
