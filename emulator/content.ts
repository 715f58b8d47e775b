/** What the account has beyond sessions and messages: the bytes of files, forwards, legal holds, and who is told of deeds. */
import type { Account } from './account.ts';
import { Carried } from './carried.ts';
import { ChatFiles } from './chat-files.ts';
import { Forwards } from './forwarded.ts';
import { LegalHolds } from './legal-hold.ts';
import type { Switches } from './switches.ts';
import { Webhooks } from './webhooks.ts';

export interface Content {
  readonly carried: Carried;
  readonly files: ChatFiles;
  readonly forwards: Forwards;
  readonly holds: LegalHolds;
  readonly webhooks: Webhooks;
  /** The second origin, to which downloads may be redirected; known once it listens. */
  secondUrl: string;
}

/** @param now the emulated clock in milliseconds. */
export function createContent(
  account: Account,
  accountId: string,
  seed: number,
  switches: Readonly<Switches>,
  now: () => number,
): Content {
  const carried = new Carried(account);
  return {
    carried,
    files: new ChatFiles(carried),
    forwards: new Forwards(carried),
    holds: new LegalHolds(account, seed, now),
    webhooks: new Webhooks(accountId, switches, now),
    secondUrl: '',
  };
}
