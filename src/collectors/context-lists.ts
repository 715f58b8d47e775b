/** Lists of the whole account: who and what there is, and who or what no longer is. */
import { hasCode } from '../errors.ts';
import type { Link } from '../ledger/links.ts';
import { writeSourceRetention } from '../ledger/source-retention.ts';
import { storableText } from '../ledger/staged.ts';
import {
  forgetSubjects,
  knownSubjects,
  rememberSubjects,
  type Subject,
  type SubjectKind,
} from '../ledger/subjects.ts';
import {
  emojiPages,
  publicChannelPages,
  spacePages,
  USER_STATUSES,
  type UserRow,
  userPages,
} from '../zoom/directory.ts';
import { readAccountSettings } from '../zoom/reports.ts';
import { contextCandidate, goneCandidate } from './context-records.ts';
import { emojiLink } from './emoji-links.ts';
import type { PassTools } from './pass.ts';
import { accountRetention, judgeSettings } from './source-settings.ts';
import type { Attempt, Origin } from './unit.ts';

/** Something on a list, and what of it goes on record. */
interface Listed extends Subject {
  /** As Zoom sent it; left out where a look of its own shows more. */
  readonly value?: unknown;
  readonly link?: Link;
}

interface ListedPage {
  readonly origin: Origin;
  readonly listed: readonly Listed[];
}

/** Users of all three states. */
export async function lookAtUsers(tools: PassTools, attempt: Attempt): Promise<void> {
  const { client, interrupt } = tools;
  await lookAtList(tools, attempt, 'user', async function* () {
    for (const status of USER_STATUSES) {
      for await (const reply of userPages(client, status, interrupt)) {
        yield {
          origin: reply,
          listed: reply.body.users.map((value) => ({ id: userId(value), name: userName(value), value })),
        };
      }
    }
  });
}

/** Those who were invited have no id yet. */
function userId({ id, email }: UserRow): string {
  return id !== undefined && id !== '' ? id : (email ?? '');
}

function userName({ display_name: name, email }: UserRow): string {
  return name !== undefined && name !== '' ? name : (email ?? '');
}

/** Emoji of the account, each with a link to its picture. */
export async function lookAtEmoji(tools: PassTools, attempt: Attempt): Promise<void> {
  const { client, interrupt, log } = tools;
  try {
    await lookAtList(tools, attempt, 'emoji', async function* () {
      for await (const reply of emojiPages(client, interrupt)) {
        yield {
          origin: reply,
          listed: reply.body.emojis.map((value): Listed => {
            const { file_id: id, name } = value;
            return { id, name, value, link: emojiLink(value) };
          }),
        };
      }
    });
  } catch (error) {
    if (!hasCode(error, 'zoom-request') || error.zoomCode !== NO_FEATURE) throw error;
    log.info('Zoom lists no custom emoji: the account does not have the feature');
  }
}

/** Zoom's code where the account has no custom emoji. The request itself has nothing that it could object to. */
const NO_FEATURE = 300;

/** Which shared spaces there are; each is looked at by itself. */
export async function lookAtSpaces(tools: PassTools, attempt: Attempt): Promise<void> {
  const { client, interrupt } = tools;
  await lookAtList(tools, attempt, 'space', async function* () {
    for await (const reply of spacePages(client, interrupt)) {
      const listed = reply.body.shared_spaces.map(({ space_id: id, space_name: name = '' }) => ({
        id,
        name,
      }));
      yield { origin: reply, listed };
    }
  });
}

/** Which public channels there are; each is looked at by itself, and only that look tells when it is gone. */
export async function lookAtChannels(tools: PassTools, attempt: Attempt): Promise<void> {
  const { db, client, lease, interrupt } = tools;
  for await (const reply of publicChannelPages(client, interrupt)) {
    const { channels } = reply.body;
    const named = channels.map(({ id, name = '' }) => ({ id, name }));
    await rememberSubjects(db, lease, 'channel', named);
    await attempt.admit(reply, { rows: channels.length, candidates: [] });
  }
}

/**
 * The account's chat settings: what they are, how long Zoom keeps messages, and what is lost by them.
 * @param leastRetentionMs a shorter one leaves too little time to collect
 */
export async function lookAtSettings(
  { db, client, lease, interrupt, now, events, log }: PassTools,
  attempt: Attempt,
  leastRetentionMs: number,
): Promise<void> {
  const reply = await readAccountSettings(client, interrupt);
  const chat = reply.body.chat ?? {};
  const sighted = { kind: 'settings', subject: 'chat', name: '', value: chat } as const;
  await attempt.admit(reply, {
    rows: 1,
    candidates: [contextCandidate(sighted, lease.account, reply.observedAt)],
  });
  await writeSourceRetention(db, lease, accountRetention(chat), now());
  for (const { setting, ok, loss } of judgeSettings(chat, leastRetentionMs)) {
    events.sourceSetting(setting, ok);
    if (!ok) log.warn({ setting }, loss);
  }
}

/**
 * Reads a list and puts on record what changed and what is no longer there. A list moves while it is paged: before
 * something counts as gone, the list is read once more.
 */
async function lookAtList(
  tools: PassTools,
  attempt: Attempt,
  kind: SubjectKind & ('user' | 'space' | 'emoji'),
  pagesOf: () => AsyncIterable<ListedPage>,
): Promise<void> {
  const { db, lease } = tools;
  const known = await knownSubjects(db, lease.account, kind);
  const seen = new Set<string>();
  let last: Origin | undefined;
  const read = async (): Promise<void> => {
    for await (const { origin, listed } of pagesOf()) {
      last = origin;
      // Before the records: a crash between leaves a subject too many, never one whose going nobody would notice.
      const fresh = listed.filter(({ id, name }) => known.get(storableText(id)) !== storableText(name));
      await rememberSubjects(db, lease, kind, fresh);
      await attempt.admit(origin, {
        rows: listed.length,
        candidates: listed.flatMap(({ id, name, value }) =>
          value === undefined
            ? []
            : [contextCandidate({ kind, subject: id, name, value }, lease.account, origin.observedAt)],
        ),
        links: listed.flatMap(({ link }) => (link === undefined ? [] : [link])),
      });
      for (const { id } of listed) seen.add(storableText(id));
    }
  };
  const missing = (): [string, string][] => [...known].filter(([id]) => !seen.has(id));
  await read();
  if (missing().length > 0) await read();
  const gone = missing();
  if (gone.length === 0 || last === undefined) return;
  const { observedAt } = last;
  const candidates = gone.map(([subject, name]) =>
    goneCandidate({ kind, subject, name }, lease.account, observedAt),
  );
  await attempt.admit(last, { rows: 0, candidates });
  await forgetSubjects(
    db,
    lease,
    kind,
    gone.map(([id]) => id),
  );
}
