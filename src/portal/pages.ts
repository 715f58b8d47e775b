/** The pages: files of the program itself, which hold nothing of the archive. */
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance } from 'fastify';
import { ArchiverError } from '../errors.ts';
import { isPage } from './headers.ts';
import { Refusal } from './refusal.ts';

const INDEX = 'index.html';
/** Named by what they hold, so that another content has another name. */
const HASHED = /^\/assets\/[\w.-]+$/;
const FOR_EVER = 'public, max-age=31536000, immutable';

/**
 * Serves the files of a folder, and its `index.html` for every other path that is none of the API. Fails with
 * `config-invalid` where the pages were not built.
 */
export async function servePages(app: FastifyInstance, folder: string): Promise<void> {
  try {
    await access(join(folder, INDEX));
  } catch (cause) {
    throw new ArchiverError('config-invalid', 'the pages of the portal are not built', {
      cause,
      detail: `${folder}: run \`npm run build\``,
    });
  }
  await app.register(fastifyStatic, {
    root: folder,
    // Every file that is there has a route of its own, and no other file has any.
    wildcard: false,
    index: false,
    dotfiles: 'ignore',
    cacheControl: false,
    setHeaders(reply, path) {
      const below = path.slice(folder.length).replaceAll('\\', '/');
      reply.header('cache-control', HASHED.test(below) ? FOR_EVER : 'no-cache');
    },
  });
  app.setNotFoundHandler((request, reply) => {
    const [path = '/'] = request.url.split('?');
    const asksPage = request.method === 'GET' || request.method === 'HEAD';
    // A missing script must not be answered by a page.
    if (!asksPage || !isPage(path) || path.startsWith('/assets/')) throw new Refusal('not-found');
    return reply.header('cache-control', 'no-cache').sendFile(INDEX);
  });
}
