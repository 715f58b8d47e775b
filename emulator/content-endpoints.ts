/** Zoom's endpoints for files, forwarded messages and legal holds, and the second origin that serves files too. */
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify';
import { type StreamAnswer, streamOf } from './byte-stream.ts';
import { fileDownload, fileInfo } from './chat-files.ts';
import { emojiFile, emojiInfo } from './custom-emoji.ts';
import { jsonBody, type Serve } from './endpoints.ts';
import { forwardedMessage } from './forwarded.ts';
import { holdDownload, holdFilesReport, mattersReport } from './hold-reports.ts';
import { type Query, readText } from './query.ts';
import { invalidFileToken, Refusal } from './refusal.ts';
import type { World } from './zoom.ts';

const DOWNLOAD = '/file/download/:fileId';

interface FileRoute {
  readonly Params: { readonly fileId: string };
}
interface MatterRoute {
  readonly Params: { readonly matterId: string };
}

/** Adds them to the HTTP server. */
export function addContentEndpoints(app: FastifyInstance, world: World, serve: Serve): void {
  const { account, content } = world;
  app.get<FileRoute>('/v2/chat/files/:fileId', async (request, reply) => {
    const { fileId } = request.params;
    const known = content.carried.file(fileId);
    // Before the request is judged, because hashing a large file takes its time and judging must not.
    const digest = known === undefined ? '' : await content.files.digest(known.file);
    serve('file-info', request, reply, (_query, { link }) => {
      const picture = emojiFile(account, fileId);
      if (picture !== undefined) return emojiInfo(fileId, picture, link);
      const found = content.files.find(fileId);
      return fileInfo(found, content.files.condition(fileId), digest, link(found.file));
    });
    return reply;
  });
  app.get<FileRoute>(DOWNLOAD, (request, reply) => {
    serve('file-download', request, reply, (query) => {
      const { downloadRedirect, downloadNeedsBearer } = world.switches;
      checkLink(world, request, query);
      if (downloadNeedsBearer) checkBearer(world, request);
      if (downloadRedirect !== 'none') {
        throw new Refusal(302, {}, { location: `${content.secondUrl}${request.url}` });
      }
      return bytesOf(world, request);
    });
  });
  app.get<{ Params: { forwardId: string } }>('/v2/chat/forwarded_message/:forwardId', (request, reply) => {
    serve('forwarded', request, reply, (_query, { link }) =>
      jsonBody(forwardedMessage(content.forwards.find(request.params.forwardId), link)),
    );
  });
  app.get('/v2/chat/legalhold/matters', (request, reply) => {
    serve('matters', request, reply, (query, context) => mattersReport(content.holds, query, context));
  });
  app.get<MatterRoute>('/v2/chat/legalhold/matters/:matterId/files', (request, reply) => {
    serve('hold-files', request, reply, (query, context) =>
      holdFilesReport(account, content.holds, content.holds.find(request.params.matterId), query, context),
    );
  });
  app.get<MatterRoute>('/v2/chat/legalhold/matters/:matterId/files/download', (request, reply) => {
    serve('hold-download', request, reply, (query, context) =>
      holdDownload(account, content.holds, content.holds.find(request.params.matterId), query, context),
    );
  });
}

/** Opens the second origin, on a port of its own. It counts the access tokens that reach it. */
export async function openSecondOrigin(world: World, serve: Serve): Promise<FastifyInstance> {
  const app = Fastify({ forceCloseConnections: true });
  app.addHook('onRequest', async (request) => {
    world.counters.countSecondOrigin(request.headers.authorization);
  });
  app.get<FileRoute>(DOWNLOAD, (request, reply) => {
    serve('file-download', request, reply, (query) => {
      const { downloadRedirect, downloadNeedsBearer } = world.switches;
      checkLink(world, request, query);
      if (downloadNeedsBearer && downloadRedirect === 'zoom') checkBearer(world, request);
      return bytesOf(world, request);
    });
  });
  world.content.secondUrl = await app.listen({ port: 0, host: '127.0.0.1' });
  return app;
}

function checkLink({ content, clock }: World, request: FastifyRequest<FileRoute>, query: Query): void {
  content.files.links.check(readText(query, 'jwt'), request.params.fileId, clock.now());
}

function checkBearer({ tokens, clock }: World, request: FastifyRequest<FileRoute>): void {
  tokens.check(request.headers.authorization, undefined, clock.now(), invalidFileToken);
}

function bytesOf({ account, content }: World, { params }: FastifyRequest<FileRoute>): StreamAnswer {
  const picture = emojiFile(account, params.fileId);
  if (picture !== undefined) {
    return { status: 200, headers: { 'content-type': picture.contentType }, stream: streamOf(picture.bytes) };
  }
  return fileDownload(content.files.find(params.fileId), content.files.condition(params.fileId));
}
