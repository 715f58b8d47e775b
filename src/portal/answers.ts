/** Routes of whoever is signed in. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { ArchiverError, hasCode } from '../errors.ts';
import { exportInput } from '../export/export.ts';
import { archivedFileInput } from '../query/archived-file.ts';
import type { AuditContext, Reader } from '../query/reader.ts';
import type { CurrentArchive } from './current-archive.ts';
import type { Exports } from './exports.ts';
import { inertHeaders } from './headers.ts';
import { meOf } from './me.ts';
import { openApi } from './openapi.ts';
import { QUESTIONS } from './questions.ts';
import { contextFor, type Recording } from './recording.ts';
import { Refusal } from './refusal.ts';
import type { Requests } from './requests.ts';
import { requireAllowed } from './rights.ts';
import { sendFile } from './send-file.ts';
import type { Session } from './sessions.ts';
import type { UsersFile } from './users-file.ts';
import type { PortalVerbs } from './verbs.ts';
import type { Verification } from './verification.ts';

export interface AnswerParts {
  readonly title: string;
  readonly archive: CurrentArchive;
  readonly verbs: PortalVerbs;
  readonly recording: Recording;
  readonly requests: Requests;
  readonly users: UsersFile;
  readonly exports: Exports;
  readonly verification: Verification;
  /** Aborted when the server may not wait any longer. */
  readonly interrupt: AbortSignal;
}

/** Who asks. */
interface Asking {
  readonly session: Session;
  /** With what is granted to him at this moment. */
  readonly reader: Reader;
}

/** Questions that one person has answered at the same time; a page needs fewer. */
const MOST_AT_ONCE = 8;

/** What a page asks by itself does not keep a session open that nobody uses. */
const ASKED_BY_PAGES: ReadonlySet<string> = new Set([
  '/api/me',
  '/api/exports',
  '/api/exports/:id',
  '/api/verification',
]);

export function answerRoutes(app: FastifyInstance, parts: AnswerParts): void {
  const { archive, verbs, requests, exports, verification } = parts;
  const running = new Map<string, number>();
  app.decorateRequest('asking');

  app.addHook('onRequest', async (request) => {
    requests.requireFromHere(request);
    const passive = request.method === 'GET' && ASKED_BY_PAGES.has(request.routeOptions.url ?? '');
    const session = requests.session(request, !passive);
    if (session === undefined) throw new Refusal('not-signed-in');
    requests.requireToken(request, session.csrf);
    request.setDecorator<Asking>('asking', { session, reader: await readerNow(session) });
  });

  app.get('/api/me', (request) => {
    const { reader, session } = askingOf(request);
    return meOf(reader, session, archive);
  });
  app.get('/api/openapi.json', () => openApi(parts.title));
  app.post('/api/sign-out', (request, reply) => {
    requests.end(request, reply);
    return reply.code(204).send();
  });

  for (const { path, ask } of QUESTIONS)
    app.post(path, (request, reply) => answer(request, reply, (ctx) => ask(verbs, ctx, request.body)));
  app.get('/api/retention', (request, reply) => answer(request, reply, (ctx) => verbs.kept(ctx)));

  app.get<{ Params: { sha256: string }; Querystring: Record<string, unknown> }>(
    '/api/files/:sha256',
    (request, reply) =>
      answer(request, reply, async (ctx) => {
        const { session, message } = request.query;
        const input = archivedFileInput.parse({ sha256: request.params.sha256, session, message });
        const file = await verbs.archivedFile(ctx, input);
        reply.headers(inertHeaders(file.name, 'application/octet-stream'));
        // The stream has the file open before the archive may be closed.
        return sendFile(request, reply, file.path, () => void file.release().catch(() => undefined));
      }),
  );

  app.post('/api/exports', async (request, reply) => {
    const { reader } = askingOf(request);
    requireAllowed(reader, 'export');
    const id = await exports.begin(reader, exportInput.parse(request.body));
    return reply.code(202).send({ id });
  });
  app.get('/api/exports', async (request) => {
    const { reader } = askingOf(request);
    requireAllowed(reader, 'export');
    return { exports: await exports.list(reader) };
  });
  app.get<{ Params: { id: string } }>('/api/exports/:id', async (request) => {
    const { reader } = askingOf(request);
    requireAllowed(reader, 'export');
    return exports.find(reader, request.params.id);
  });
  app.get<{ Params: { id: string } }>('/api/exports/:id/download', async (request, reply) => {
    const { reader } = askingOf(request);
    requireAllowed(reader, 'export');
    const { path, shown } = await exports.zip(reader, request.params.id);
    const input = { download: shown.id, sha256: shown.summary?.sha256 ?? '' };
    await recordOf(reader)({ action: 'export', input });
    const name = `export-${shown.at.slice(0, 10)}-${shown.id.slice(0, 8)}.zip`;
    reply.headers(inertHeaders(name, 'application/zip'));
    return sendFile(request, reply, path);
  });
  app.delete<{ Params: { id: string } }>('/api/exports/:id', async (request, reply) => {
    const { reader } = askingOf(request);
    requireAllowed(reader, 'export');
    await exports.remove(reader, request.params.id);
    return reply.code(204).send();
  });

  app.get('/api/verification', (request) => {
    requireAllowed(askingOf(request).reader, 'verification');
    return verification.state;
  });
  app.post('/api/verification', async (request, reply) => {
    const { reader } = askingOf(request);
    requireAllowed(reader, 'verification');
    await recordOf(reader)({ action: 'verification', input: {} });
    void verification.run();
    return reply.code(202).send(verification.state);
  });

  /** A person to whom nothing is granted any more is not signed in any more. */
  async function readerNow({ who }: Session): Promise<Reader> {
    try {
      return await parts.users.reader(who);
    } catch (error) {
      throw hasCode(error, 'access-denied') ? new Refusal('not-signed-in') : error;
    }
  }

  /** Of what the portal answers itself. */
  function recordOf(reader: Reader): AuditContext['record'] {
    const record = parts.recording.recordFor(reader, archive.checkpoint);
    return async (access) => {
      requireAllowed(reader, access.action);
      await record(access);
    };
  }

  async function answer(
    request: FastifyRequest,
    reply: FastifyReply,
    work: (ctx: AuditContext) => Promise<unknown>,
  ): Promise<unknown> {
    const { reader } = askingOf(request);
    const before = running.get(reader.name) ?? 0;
    if (before >= MOST_AT_ONCE) throw new Refusal('too-many', 1);
    running.set(reader.name, before + 1);
    const gone = new AbortController();
    reply.raw.once('close', () => {
      if (!reply.raw.writableFinished)
        gone.abort(new ArchiverError('interrupted', 'nobody waits for the answer'));
    });
    const signal = AbortSignal.any([gone.signal, parts.interrupt]);
    try {
      return await archive.use((opened) => work(contextFor(parts.recording, opened, reader, signal)));
    } finally {
      const left = (running.get(reader.name) ?? 1) - 1;
      if (left > 0) running.set(reader.name, left);
      else running.delete(reader.name);
    }
  }
}

/** Every route here has them. */
function askingOf(request: FastifyRequest): Asking {
  return request.getDecorator<Asking>('asking');
}
