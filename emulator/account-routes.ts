/** The endpoints around the messages: activity logs, channels, users, spaces and emoji. */
import type { FastifyInstance } from 'fastify';
import type { Account } from './account.ts';
import { activitiesOfChannel, channelActivities } from './activities-report.ts';
import {
  channelAdmins,
  channelDetails,
  channelMembers,
  channelPins,
  channelRetention,
  publicChannels,
  userChannels,
} from './channel-lists.ts';
import { customEmojiList } from './emoji-list.ts';
import type { ReportEndpoint, Serve } from './endpoints.ts';
import type { ReportContext } from './messages-report.ts';
import type { Query } from './query.ts';
import { spaceChannels, spaceDetails, spaceList, spaceMembers } from './space-lists.ts';
import { userList } from './user-list.ts';

/** The parameters that occur in paths; a path without one of them leaves it empty. */
interface PathParameters {
  readonly userId: string;
  readonly channelId: string;
  readonly spaceId: string;
}

type Body = (path: PathParameters, query: Query, context: ReportContext) => Buffer;

/** Adds the endpoints to the HTTP server; `serve` does what all endpoints have in common. */
export function addAccountRoutes(app: FastifyInstance, account: Account, serve: Serve): void {
  get('users', '/users', (_path, query, context) => userList(account, query, context));
  get('channel-activities', '/chat/activities/channels', (_path, query, context) =>
    channelActivities(account, query, context),
  );
  get('activities-of-channel', '/chat/channels/:channelId/activities', ({ channelId }, query, context) =>
    activitiesOfChannel(account, channelId, query, context),
  );
  get('channels', '/chat/channels', (_path, query, context) => publicChannels(account, query, context));
  get('user-channels', '/chat/users/:userId/channels', ({ userId }, query, context) =>
    userChannels(account, userId, query, context),
  );
  get('channel', '/chat/channels/:channelId', ({ channelId }, _query, context) =>
    channelDetails(account, channelId, context),
  );
  get('channel-members', '/chat/channels/:channelId/members', ({ channelId }, query, context) =>
    channelMembers(account, channelId, query, context),
  );
  get('channel-admins', '/chat/users/:userId/channels/:channelId/admins', (path, query, context) =>
    channelAdmins(account, path.userId, path.channelId, query, context),
  );
  get('channel-retention', '/chat/channels/:channelId/retention', ({ channelId }, _query, context) =>
    channelRetention(account, channelId, context),
  );
  get('pins', '/chat/channels/:channelId/pinned', ({ channelId }, query, context) =>
    channelPins(account, channelId, query, context),
  );
  get('spaces', '/chat/spaces', (_path, query, context) => spaceList(account, query, context));
  get('space', '/chat/spaces/:spaceId', ({ spaceId }) => spaceDetails(account, spaceId));
  get('space-channels', '/chat/spaces/:spaceId/channels', ({ spaceId }, query, context) =>
    spaceChannels(account, spaceId, query, context),
  );
  get('space-members', '/chat/spaces/:spaceId/members', ({ spaceId }, query, context) =>
    spaceMembers(account, spaceId, query, context),
  );
  get('emoji', '/chat/emoji', (_path, query, context) => customEmojiList(account, query, context));

  function get(endpoint: ReportEndpoint, path: string, body: Body): void {
    app.get<{ Params: PathParameters }>(`/v2${path}`, (request, reply) => {
      serve(endpoint, request, reply, (query, context) => body(request.params, query, context));
    });
  }
}
