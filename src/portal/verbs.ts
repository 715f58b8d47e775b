/** What the portal answers with. A parameter of the server, so that its tests can say what comes back. */
import { type AccessLogInput, type AccessPage, accessLog } from '../access/read.ts';
import { type ExportInput, type ExportOptions, type ExportSummary, exportSlice } from '../export/export.ts';
import { type ArchivedFile, type ArchivedFileInput, archivedFile } from '../query/archived-file.ts';
import { type CalendarInput, type CoverageCalendar, calendar } from '../query/calendar.ts';
import { type Conversation, type ConversationInput, conversation } from '../query/conversation.ts';
import { type Kept, kept } from '../query/kept.ts';
import { type MessageInput, type MessageView, message } from '../query/message.ts';
import { type People, type PeopleInput, people } from '../query/people.ts';
import type { AuditContext } from '../query/reader.ts';
import { type SearchInput, type SearchResult, search } from '../query/search.ts';
import { type Sessions, type SessionsInput, sessions } from '../query/sessions.ts';

type Verb<Input, Result> = (ctx: AuditContext, input: Input) => Promise<Result>;

export interface PortalVerbs {
  readonly search: Verb<SearchInput, SearchResult>;
  readonly conversation: Verb<ConversationInput, Conversation>;
  readonly message: Verb<MessageInput, MessageView>;
  readonly sessions: Verb<SessionsInput, Sessions>;
  readonly people: Verb<PeopleInput, People>;
  readonly calendar: Verb<CalendarInput, CoverageCalendar>;
  readonly kept: (ctx: AuditContext) => Promise<Kept>;
  readonly accessLog: Verb<AccessLogInput, AccessPage>;
  readonly archivedFile: Verb<ArchivedFileInput, ArchivedFile>;
  readonly exportSlice: (
    ctx: AuditContext,
    input: ExportInput,
    options: ExportOptions,
  ) => Promise<ExportSummary>;
}

export const VERBS: PortalVerbs = {
  search,
  conversation,
  message,
  sessions,
  people,
  calendar,
  kept,
  accessLog,
  archivedFile,
  exportSlice,
};
