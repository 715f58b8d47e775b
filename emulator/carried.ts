import type { Account, FileRef, Message, Session } from './account.ts';

/** A file, and the message that brought it. */
export interface CarriedFile {
  readonly file: FileRef;
  readonly session: Session;
  readonly message: Message;
}

/** A message that forwards another one. */
export interface CarriedForward {
  readonly forwardId: string;
  readonly session: Session;
  readonly message: Message;
}

/**
 * Finds files and forwards by their ids. Messages are only ever added at the end of a session, so a look at those
 * that came since the last look keeps it complete, and writing messages costs nothing.
 */
export class Carried {
  readonly #account: Account;
  readonly #files = new Map<string, CarriedFile>();
  readonly #forwards = new Map<string, CarriedForward>();
  /** How many messages of the session were looked at. */
  readonly #seen = new Map<Session, number>();

  constructor(account: Account) {
    this.#account = account;
  }

  file(fileId: string): CarriedFile | undefined {
    this.#catchUp();
    return this.#files.get(fileId);
  }

  forward(forwardId: string): CarriedForward | undefined {
    this.#catchUp();
    return this.#forwards.get(forwardId);
  }

  /** All files, in the order in which they were found. */
  files(): CarriedFile[] {
    this.#catchUp();
    return [...this.#files.values()];
  }

  forwards(): CarriedForward[] {
    this.#catchUp();
    return [...this.#forwards.values()];
  }

  #catchUp(): void {
    for (const session of this.#account.sessions) {
      const { messages } = session;
      const seen = this.#seen.get(session) ?? 0;
      if (seen === messages.length) continue;
      for (const message of messages.slice(seen)) this.#take(session, message);
      this.#seen.set(session, messages.length);
    }
  }

  #take(session: Session, message: Message): void {
    const { files, forwardId } = message.extras ?? {};
    for (const file of files ?? []) this.#files.set(file.fileId, { file, session, message });
    if (forwardId !== undefined) this.#forwards.set(forwardId, { forwardId, session, message });
  }
}
