/**
 * An account in its steady state, and the part of Zoom that a pass over messages asks: many sessions, of which few are
 * written in. It knows what happened when, and so which requests would have sufficed.
 */
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { DAY, HOUR, MINUTE } from '../emulator/dates.ts';
import { Random } from '../emulator/random.ts';

export interface SteadyOptions {
  readonly sessions: number;
  /** How many of them are written in every day; they come first. */
  readonly active: number;
  /** Milliseconds: the day that is simulated begins. */
  readonly start: number;
}

/** What happened in a session, in order of time. Milliseconds. */
export interface SteadySession {
  readonly id: string;
  readonly active: boolean;
  readonly messages: readonly number[];
  readonly edits: readonly Edit[];
}

interface Edit {
  readonly at: number;
  readonly sentAt: number;
}

/** What a request was for. */
export type Purpose =
  | 'listing of the newest days'
  | 'listing of six months'
  | 'messages, active sessions'
  | 'messages, quiet sessions'
  | 'modifications, active sessions'
  | 'modifications, quiet sessions';

export interface SteadyZoom {
  readonly url: string;
  now: number;
  /** Requests so far, by purpose. */
  readonly requests: ReadonlyMap<Purpose, number>;
  close(): Promise<void>;
}

/** Quiet sessions were last written in at any time of the last two years, and not on the last day. */
const OLDEST = 730 * DAY;
/** In a day, ten conversations of three messages, and one edit in ten messages. */
const CONVERSATIONS = 10;
const WORKDAY = 9 * HOUR;
const DAYS_BEFORE = 9;

/** The sessions of the account, with what happens in them until the end of the simulated day. */
export function steadySessions({ sessions, active, start }: SteadyOptions): readonly SteadySession[] {
  const random = new Random(sessions);
  return Array.from({ length: sessions }, (_, index) => {
    const id = `steady-session-${String(index).padStart(7, '0')}`;
    if (index < active) return { id, active: true, ...conversations(random, start) };
    const last = Math.floor(start - DAY - random.fraction() * (OLDEST - DAY));
    // In one of a thousand quiet sessions an old message is edited on that day.
    const edits = random.chance(0.001) ? [{ at: start + random.below(DAY), sentAt: last }] : [];
    return { id, active: false, messages: [last], edits };
  });
}

function conversations(random: Random, start: number): Pick<SteadySession, 'messages' | 'edits'> {
  const messages: number[] = [];
  const edits: Edit[] = [];
  // People of all time zones.
  const begin = random.below(DAY - WORKDAY);
  for (let day = -DAYS_BEFORE; day <= 0; day += 1) {
    for (let talk = 0; talk < CONVERSATIONS; talk += 1) {
      let at = start + day * DAY + begin + random.below(WORKDAY);
      for (let message = 0; message < 3; message += 1) {
        messages.push(at);
        if (random.chance(0.1)) {
          const after = random.chance(0.8) ? random.below(30 * MINUTE) : random.below(7 * DAY);
          edits.push({ at: at + 1 + after, sentAt: at });
        }
        at += 1 + random.below(3 * MINUTE);
      }
    }
  }
  messages.sort((a, b) => a - b);
  edits.sort((a, b) => a.at - b.at);
  return { messages, edits };
}

/** Answers token, settings and both chat reports over HTTP, and counts. */
export async function serveSteady(sessions: readonly SteadySession[], now: number): Promise<SteadyZoom> {
  const requests = new Map<Purpose, number>();
  const byId = new Map(sessions.map((session) => [session.id, session]));
  const count = (purpose: Purpose): void => void requests.set(purpose, (requests.get(purpose) ?? 0) + 1);
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://zoom');
    request.resume();
    if (pathname.endsWith('/oauth/token')) {
      return answer(response, zoom.now, { access_token: 'token', token_type: 'bearer', expires_in: 3600 });
    }
    if (pathname.endsWith('/settings')) return answer(response, zoom.now, {});
    const from = Date.parse(searchParams.get('from') ?? '');
    const to = Date.parse(searchParams.get('to') ?? '') + DAY;
    const window = { from, to: Math.min(to, zoom.now + 1) };
    const [, id] = /\/sessions\/(.+)$/.exec(pathname) ?? [];
    if (id === undefined) {
      count(zoom.now - from < 4 * DAY ? 'listing of the newest days' : 'listing of six months');
      return answer(response, zoom.now, listing(sessions, window, searchParams.get('next_page_token') ?? ''));
    }
    const session = byId.get(id);
    if (session === undefined)
      return answer(response, zoom.now, { code: 300, message: 'no such session' }, 404);
    const modified = searchParams.get('query_all_modifications') === 'true';
    const what = modified ? 'modifications' : 'messages';
    count(`${what}, ${session.active ? 'active' : 'quiet'} sessions`);
    answer(response, zoom.now, report(session, window, modified));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const zoom: SteadyZoom = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    now,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return zoom;
}

interface Window {
  readonly from: number;
  readonly to: number;
}

const PAGE = 300;

function listing(sessions: readonly SteadySession[], window: Window, token: string): object {
  const listed: { readonly id: string; readonly last: number }[] = [];
  for (const { id, messages } of sessions) {
    const last = lastBefore(messages, window.to);
    if (last >= window.from) listed.push({ id, last });
  }
  listed.sort((a, b) => b.last - a.last);
  const begin = Number(token);
  const next = begin + PAGE < listed.length ? String(begin + PAGE) : '';
  const rows = listed.slice(begin, begin + PAGE).map(({ id, last }) => ({
    id,
    type: 'Group',
    name: id,
    channel_id: id,
    status: 'active',
    last_message_sent_time: `${new Date(last).toISOString().slice(0, 19)}Z`,
  }));
  return { page_size: PAGE, next_page_token: next, sessions: rows };
}

/** The newest of `times`, which are in order, before `end`; 0 when there is none. */
function lastBefore(times: readonly number[], end: number): number {
  for (let index = times.length - 1; index >= 0; index -= 1) {
    const time = times[index] ?? 0;
    if (time < end) return time;
  }
  return 0;
}

/** One page: nobody writes a hundred messages in four days. */
function report({ id, messages, edits }: SteadySession, window: Window, modified: boolean): object {
  const isIn = (time: number): boolean => time >= window.from && time < window.to;
  return {
    page_size: 100,
    next_page_token: '',
    messages: messages.filter(isIn).map((at) => row(id, at, at)),
    edited_messages: edits
      .filter(({ at, sentAt }) => (modified ? isIn(at) : isIn(sentAt) && at < window.to))
      .map(({ at, sentAt }) => row(id, sentAt, at)),
    deleted_messages: [],
  };
}

function row(session: string, sentAt: number, at: number): object {
  return {
    id: `${session}-${sentAt}`,
    message: at === sentAt ? 'as it was written' : 'as it was edited',
    date_time: new Date(sentAt).toISOString(),
    timestamp: sentAt,
    action_timestamp: at,
    sender: 'somebody@company.example',
    sender_member_id: 'SOMEBODY',
    sender_display_name: 'Some Body',
  };
}

function answer(response: ServerResponse, now: number, body: object, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json', date: new Date(now).toUTCString() });
  response.end(JSON.stringify(body));
}
