/** Routes that hand a question on to a verb and answer with what it says. */
import type { z } from 'zod';
import { accessLogInput } from '../access/read.ts';
import { calendarInput } from '../query/calendar.ts';
import { conversationInput } from '../query/conversation.ts';
import { messageInput } from '../query/message.ts';
import { peopleInput } from '../query/people.ts';
import type { AuditContext } from '../query/reader.ts';
import { searchInput } from '../query/search.ts';
import { sessionsInput } from '../query/sessions.ts';
import type { PortalVerbs } from './verbs.ts';

export interface Question {
  readonly path: string;
  readonly summary: string;
  readonly input: z.ZodType;
  /** Fails with a `ZodError` where the body is no such question, and as the verb does. */
  readonly ask: (verbs: PortalVerbs, ctx: AuditContext, body: unknown) => Promise<unknown>;
}

function question<Input, Parsed extends Input>(
  path: string,
  summary: string,
  input: z.ZodType<Parsed, Input>,
  ask: (verbs: PortalVerbs, ctx: AuditContext, input: Input) => Promise<unknown>,
): Question {
  return { path, summary, input, ask: async (verbs, ctx, body) => ask(verbs, ctx, input.parse(body)) };
}

/** All by POST: a question in an address would stand in histories and in the logs of whatever is in between. */
export const QUESTIONS: readonly Question[] = [
  question('/api/search', 'Versions of messages that fit.', searchInput, (verbs, ctx, input) =>
    verbs.search(ctx, input),
  ),
  question(
    '/api/conversation',
    'A page of what a participant saw of a session.',
    conversationInput,
    (verbs, ctx, input) => verbs.conversation(ctx, input),
  ),
  question('/api/message', 'Everything archived of one message.', messageInput, (verbs, ctx, input) =>
    verbs.message(ctx, input),
  ),
  question('/api/sessions', 'Sessions that the reader may see.', sessionsInput, (verbs, ctx, input) =>
    verbs.sessions(ctx, input),
  ),
  question('/api/people', 'People of the archive, by any name.', peopleInput, (verbs, ctx, input) =>
    verbs.people(ctx, input),
  ),
  question('/api/coverage', 'Which days were looked at.', calendarInput, (verbs, ctx, input) =>
    verbs.calendar(ctx, input),
  ),
  question('/api/access-log', 'Who asked the archive for what.', accessLogInput, (verbs, ctx, input) =>
    verbs.accessLog(ctx, input),
  ),
];
