/** What Zoom's reference says of each endpoint beside its parameters: how it is limited and which scopes let an app in. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { StreamAnswer } from './byte-stream.ts';
import type { Endpoint } from './faults.ts';
import type { Label } from './limits.ts';
import type { ReportContext } from './messages-report.ts';
import type { Query } from './query.ts';

/** Every endpoint but that of tokens. */
export type ReportEndpoint = Exclude<Endpoint, 'token'>;

/** Makes the body of an answer, JSON in UTF-8, or a streamed answer; throws a refusal where a rule is broken. */
export type Report = (query: Query, context: ReportContext) => Buffer | StreamAnswer;

/** Answers a request: token, limit, fault and scopes of the endpoint first, then the report. */
export type Serve = (
  endpoint: ReportEndpoint,
  request: FastifyRequest,
  reply: FastifyReply,
  report: Report,
) => void;

export interface EndpointRules {
  readonly label: Label;
  /** Any one of these lets an app in; the granular one first. */
  readonly scopes: readonly string[];
}

const REPORT_SCOPES = ['report_chat:read:admin', 'imchat:read:admin'];
const CHANNEL_SCOPES = [
  ...['chat_channel:read:admin', 'chat_channel:write:admin'],
  ...['chat_channel:read', 'chat_channel:write'],
];
const HOLD_SCOPES = ['chat_history_legal_hold:read:admin', 'chat_history_legal_hold:write:admin'];
const CHAT_SCOPES = ['chat:read:admin', 'chat:write:admin', 'chat:read', 'chat:write'];

export const ENDPOINTS: Readonly<Record<ReportEndpoint, EndpointRules>> = {
  sessions: { label: 'MEDIUM', scopes: ['report:read:list_chat_sessions:admin', ...REPORT_SCOPES] },
  messages: { label: 'MEDIUM', scopes: ['report:read:chat_session:admin', ...REPORT_SCOPES] },
  settings: { label: 'MEDIUM', scopes: ['account:read:settings:admin', 'account:read:admin'] },
  users: {
    label: 'MEDIUM',
    scopes: [
      'user:read:list_users:admin',
      ...['user:read:admin', 'user:write:admin', 'user:read', 'user:write'],
    ],
  },
  'channel-activities': {
    label: 'LIGHT',
    scopes: ['team_chat:read:list_channel_activity_logs:admin', 'chat_channel:read:admin'],
  },
  'activities-of-channel': {
    label: 'LIGHT',
    scopes: ['team_chat:read:list_channel_activity_logs:admin', 'chat_channel:read:admin'],
  },
  channels: {
    label: 'MEDIUM',
    scopes: ['team_chat:read:list_channels:admin', 'chat_channel:read:admin', 'chat_channel:write:admin'],
  },
  'user-channels': { label: 'MEDIUM', scopes: [...granular('list_user_channels'), ...CHANNEL_SCOPES] },
  channel: { label: 'MEDIUM', scopes: [...granular('channel'), ...CHANNEL_SCOPES] },
  'channel-members': { label: 'MEDIUM', scopes: [...granular('list_members'), ...CHANNEL_SCOPES] },
  'channel-admins': {
    label: 'MEDIUM',
    scopes: ['team_chat:read:list_administrators:admin', 'chat_channel:read:admin', 'chat_channel:read'],
  },
  'channel-retention': {
    label: 'MEDIUM',
    scopes: ['team_chat:read:retention:admin', 'chat_channel:read:admin', 'chat_channel:write:admin'],
  },
  // The reference names no `:admin` form of this granular scope.
  pins: {
    label: 'LIGHT',
    scopes: ['team_chat:read:list_pinned_messages', 'chat:read:admin', 'chat:read', 'chat:write'],
  },
  spaces: { label: 'MEDIUM', scopes: [...granular('list_shared_spaces'), ...CHAT_SCOPES] },
  space: { label: 'MEDIUM', scopes: [...granular('shared_space'), ...CHAT_SCOPES] },
  'space-channels': { label: 'MEDIUM', scopes: [...granular('list_shared_space_channels'), ...CHAT_SCOPES] },
  'space-members': { label: 'MEDIUM', scopes: [...granular('list_shared_space_members'), ...CHAT_SCOPES] },
  emoji: { label: 'LIGHT', scopes: [...granular('list_custom_emojis'), ...CHAT_SCOPES] },
  'file-info': { label: 'LIGHT', scopes: [...granular('file'), 'chat:read'] },
  // Belongs to the file host, where links carry their own right: neither limits nor scopes are asked for.
  'file-download': { label: 'LIGHT', scopes: [] },
  forwarded: {
    label: 'LIGHT',
    scopes: [
      ...granular('user_message'),
      ...['chat_message:read:admin', 'chat_message:write:admin', 'chat_message:read', 'chat_message:write'],
    ],
  },
  matters: {
    label: 'RESOURCE-INTENSIVE',
    scopes: ['team_chat:read:list_legal_hold_matters:admin', ...HOLD_SCOPES],
  },
  'hold-files': {
    label: 'LIGHT',
    scopes: ['team_chat:read:list_legal_hold_matter_files:admin', ...HOLD_SCOPES],
  },
  'hold-download': {
    label: 'LIGHT',
    scopes: ['team_chat:read:legal_hold_matter_file:admin', ...HOLD_SCOPES],
  },
};

/** An object as the body of an answer. */
export function jsonBody(object: object): Buffer {
  return Buffer.from(JSON.stringify(object));
}

function granular(what: string): string[] {
  return [`team_chat:read:${what}:admin`, `team_chat:read:${what}`];
}
