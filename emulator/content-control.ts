/** The verbs for files, forwards, legal holds and webhooks over HTTP, below `/_emulator/`. */
import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { z } from 'zod';
import { fileConditionSchema } from './chat-files.ts';
import type { Emulator } from './emulator.ts';
import { holdDeedSchema } from './legal-hold.ts';

const fileBody = z.strictObject({ fileId: z.string(), condition: fileConditionSchema });
const forwardBody = z.strictObject({ forwardId: z.string(), resolvable: z.boolean() });
const webhookBody = z.strictObject({ url: z.url(), secret: z.string().min(1) });

/** Adds the control endpoints; `emulator` is what they drive. */
export function addContentControl(app: FastifyInstance, emulator: () => Emulator): void {
  app.get('/_emulator/truth/files', (_request, reply) => sendLines(reply, emulator().files()));
  app.post('/_emulator/files', (request) => {
    const { fileId, condition } = fileBody.parse(request.body);
    emulator().setFile(fileId, condition);
    return {};
  });
  app.get('/_emulator/truth/forwarded', (_request, reply) => sendLines(reply, emulator().forwarded()));
  app.post('/_emulator/forwarded', (request) => {
    const { forwardId, resolvable } = forwardBody.parse(request.body);
    emulator().setForward(forwardId, resolvable);
    return {};
  });
  app.get('/_emulator/truth/matters', () => emulator().matters());
  app.get('/_emulator/truth/hold-files', (_request, reply) => sendLines(reply, emulator().holdFiles()));
  app.post('/_emulator/holds', (request) => ({ id: emulator().hold(holdDeedSchema.parse(request.body)) }));
  app.get('/_emulator/truth/webhooks', () => emulator().webhooks());
  app.put('/_emulator/webhooks', (request) => {
    emulator().aimWebhooks(webhookBody.parse(request.body));
    return {};
  });
  app.delete('/_emulator/webhooks', () => {
    emulator().aimWebhooks(undefined);
    return {};
  });
  app.post('/_emulator/webhooks/validate', () => emulator().validateWebhook());
}

function sendLines(reply: FastifyReply, rows: Iterable<object> | AsyncIterable<object>): FastifyReply {
  async function* lines(): AsyncGenerator<string> {
    for await (const row of rows) yield `${JSON.stringify(row)}\n`;
  }
  return reply.type('application/x-ndjson').send(Readable.from(lines()));
}
