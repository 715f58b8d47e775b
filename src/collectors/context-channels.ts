/** One channel, or one shared space, with all that belongs to it. */
import { ArchiverError, hasCode } from '../errors.ts';
import { writeSourceRetention } from '../ledger/source-retention.ts';
import { forgetSubjects, rememberSubjects } from '../ledger/subjects.ts';
import { canonicalJson, instant, type Json } from '../record.ts';
import type { Reply } from '../zoom/client.ts';
import {
  type ChannelPerson,
  type ChannelRow,
  channelAdminPages,
  channelMemberPages,
  pinPages,
  readChannel,
  readChannelRetention,
  readSpace,
  type SpaceRow,
  spaceChannelPages,
  spaceMemberPages,
} from '../zoom/directory.ts';
import { isOwnFault } from './collector.ts';
import { type ContextKind, contextCandidate, goneCandidate } from './context-records.ts';
import type { PassTools } from './pass.ts';
import { channelPeriod } from './source-settings.ts';
import type { Attempt, Origin } from './unit.ts';

/** Zoom's codes for what does not exist, and for a channel that can have no policy of its own. */
const NO_CHANNEL: readonly (number | undefined)[] = [4130, 5306];
const NO_SPACE = 5407;
const NO_POLICY = 4300;

/** @param knownName name of the channel when it was seen last */
export async function lookAtChannel(
  tools: PassTools,
  attempt: Attempt,
  id: string,
  knownName: string,
): Promise<void> {
  const { db, client, lease, interrupt, now } = tools;
  const details = await channelDetails(tools, attempt, id, knownName);
  if (details === undefined) return;
  const { name = '' } = details.body;
  await rememberSubjects(db, lease, 'channel', [{ id, name }]);
  const tell = teller(tools, attempt, id, name);
  await tell('channel', details, details.body);
  let members: readonly ChannelPerson[] = [];
  await inTurn([
    async () => {
      const list = await whole(channelMemberPages(client, id, interrupt), (page) => page.members, personKey);
      members = list.rows;
      await tell('channel_members', list.origin, list.rows, list.rows.length);
    },
    async () => {
      // Zoom tells the administrators only to somebody who is in the channel.
      const insider = members.find(isOwner) ?? members.find(({ id: user }) => (user ?? '') !== '');
      if (insider?.id === undefined || insider.id === '') return;
      const pages = channelAdminPages(client, insider.id, id, interrupt);
      const list = await whole(pages, (page) => page.admins, personKey);
      await tell('channel_admins', list.origin, list.rows, list.rows.length);
    },
    async () => {
      const reply = await retentionOf(tools, id);
      if (reply === undefined) {
        // It has none of its own, and it is known now: the account's holds.
        await writeSourceRetention(db, lease, [{ scope: id, period: '' }], now());
        return;
      }
      await tell('channel_retention', reply, reply.body);
      await writeSourceRetention(db, lease, [{ scope: id, period: channelPeriod(reply.body) }], now());
    },
    async () => {
      const list = await whole(
        pinPages(client, id, interrupt),
        (page) => page.messages,
        (pin) => `${pin.message_id} ${pin.pinned_time ?? ''}`,
      );
      await tell('pins', list.origin, list.rows, list.rows.length);
    },
  ]);
}

export async function lookAtSpace(tools: PassTools, attempt: Attempt, id: string): Promise<void> {
  const { client, interrupt } = tools;
  let space: Reply<SpaceRow>;
  try {
    space = await readSpace(client, id, interrupt);
  } catch (error) {
    // It went since the list was read; the next list tells.
    if (hasCode(error, 'zoom-not-found') && error.zoomCode === NO_SPACE) return;
    throw error;
  }
  const tell = teller(tools, attempt, id, space.body.space_name ?? '');
  await tell('space', space, space.body);
  await inTurn([
    async () => {
      const pages = spaceChannelPages(client, id, interrupt);
      const list = await whole(
        pages,
        (page) => page.channels,
        (row) => row.channel_id,
      );
      await tell('space_channels', list.origin, list.rows, list.rows.length);
    },
    async () => {
      const pages = spaceMemberPages(client, id, interrupt);
      const list = await whole(pages, (page) => page.members, personKey);
      await tell('space_members', list.origin, list.rows, list.rows.length);
    },
  ]);
}

/** Undefined when the channel does not exist any more, which goes on record. */
async function channelDetails(
  { db, client, lease, interrupt, now }: PassTools,
  attempt: Attempt,
  id: string,
  name: string,
): Promise<Reply<ChannelRow> | undefined> {
  try {
    return await readChannel(client, id, interrupt);
  } catch (error) {
    if (!hasCode(error, 'zoom-not-found') || !NO_CHANNEL.includes(error.zoomCode)) throw error;
    const observedAt = now();
    const gone = goneCandidate({ kind: 'channel', subject: id, name }, lease.account, observedAt);
    const origin = { requestId: '', trackingId: '', observedAt: instant(observedAt) };
    await attempt.admit(origin, { rows: 0, candidates: [gone] });
    await forgetSubjects(db, lease, 'channel', [id]);
    return undefined;
  }
}

async function retentionOf({ client, interrupt }: PassTools, id: string) {
  try {
    return await readChannelRetention(client, id, interrupt);
  } catch (error) {
    if (hasCode(error, 'zoom-request') && error.zoomCode === NO_POLICY) return undefined;
    throw error;
  }
}

/** Puts on record how a part of the subject stands. */
function teller({ lease }: PassTools, attempt: Attempt, subject: string, name: string) {
  return async (kind: ContextKind, origin: Origin, value: unknown, rows = 1): Promise<void> => {
    const candidate = contextCandidate({ kind, subject, name, value }, lease.account, origin.observedAt);
    await attempt.admit(origin, { rows, candidates: [candidate] });
  };
}

/** A list of several pages in one piece, each row once, in an order that does not depend on Zoom's. */
async function whole<P, R>(
  pages: AsyncIterable<Reply<P>>,
  rowsOf: (page: P) => readonly R[],
  keyOf: (row: R) => string,
): Promise<{ readonly origin: Origin; readonly rows: readonly R[] }> {
  const rows = new Map<string, R>();
  let origin: Origin | undefined;
  for await (const reply of pages) {
    origin = reply;
    for (const row of rowsOf(reply.body)) rows.set(keyOf(row), row);
  }
  if (origin === undefined) throw new ArchiverError('internal', 'a list has no pages');
  const sorted = [...rows].sort(([one], [other]) => (one < other ? -1 : 1));
  return { origin, rows: sorted.map(([, row]) => row) };
}

/** Whom a row is about: by member id, else user id, else by all it says. */
function personKey(row: {
  readonly member_id?: string | undefined;
  readonly [name: string]: unknown;
}): string {
  if (row.member_id !== undefined && row.member_id !== '') return row.member_id;
  const user = row.id ?? row.user_id;
  return typeof user === 'string' && user !== '' ? user : canonicalJson(row as Json);
}

function isOwner({ id, role }: ChannelPerson): boolean {
  return role === 'owner' && (id ?? '') !== '';
}

/** Runs all parts also when one fails in a way that need not concern the others; then throws the first failure. */
async function inTurn(parts: readonly (() => Promise<void>)[]): Promise<void> {
  const failures: unknown[] = [];
  for (const part of parts) {
    try {
      await part();
    } catch (error) {
      const ofPart =
        hasCode(error, 'zoom-scope', 'zoom-permission') ||
        (error instanceof ArchiverError && isOwnFault(error));
      if (!ofPart) throw error;
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
}
