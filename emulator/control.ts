/** The verbs of the emulator over HTTP, below `/_emulator/`, for tests that run it as a process of its own. */
import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { z } from 'zod';
import { deedSchema } from './act.ts';
import { addContentControl } from './content-control.ts';
import type { Emulator } from './emulator.ts';
import { faultSchema } from './faults.ts';
import { settingChangesSchema } from './settings.ts';
import { switchesSchema } from './switches.ts';

const clockBody = z.strictObject({ advanceMs: z.number() });
const actBody = z.union([z.strictObject({ count: z.number().int().nonnegative() }), deedSchema]);
const actingBody = z.strictObject({
  perSecond: z.number().nonnegative(),
  only: z.literal('live').optional(),
});
const faultsBody = z.union([faultSchema, z.array(faultSchema)]);

/** Adds the control endpoints; `emulator` is what they drive. */
export function addControlEndpoints(app: FastifyInstance, emulator: () => Emulator): void {
  app.get('/_emulator/clock', () => ({ now: emulator().now() }));
  app.post('/_emulator/clock', (request) => {
    emulator().moveClock(clockBody.parse(request.body).advanceMs);
    return { now: emulator().now() };
  });
  app.post('/_emulator/act', (request) => {
    const body = actBody.parse(request.body);
    if ('verb' in body) return { id: emulator().perform(body) };
    emulator().act(body.count);
    return {};
  });
  app.post('/_emulator/acting', (request) => {
    const { perSecond, only } = actingBody.parse(request.body);
    if (perSecond === 0) emulator().stopActing();
    else emulator().startActing(perSecond, { only });
    return {};
  });
  app.post('/_emulator/faults', (request) => {
    for (const fault of [faultsBody.parse(request.body)].flat()) emulator().inject(fault);
    return {};
  });
  app.get('/_emulator/faults', () => emulator().faultsHit());
  app.delete('/_emulator/faults', () => {
    emulator().clearFaults();
    return {};
  });
  app.put('/_emulator/switches', (request) =>
    emulator().setSwitches(switchesSchema.partial().parse(request.body)),
  );
  app.put('/_emulator/settings', (request) =>
    emulator().setSettings(settingChangesSchema.parse(request.body)),
  );
  app.get('/_emulator/stats', () => emulator().stats());
  app.get('/_emulator/sessions', () => emulator().sessions());
  app.get('/_emulator/truth', (_request, reply) => sendLines(reply, emulator().truth()));
  app.get('/_emulator/truth/membership-changes', (_request, reply) =>
    sendLines(reply, emulator().membershipChanges()),
  );
  app.get('/_emulator/truth/context', () => emulator().context());
  addContentControl(app, emulator);
  app.setErrorHandler((error, _request, reply) => {
    const wrongBody = error instanceof z.ZodError;
    const message = error instanceof Error ? error.message : String(error);
    return reply.code(wrongBody ? 400 : 500).send({ message: wrongBody ? z.prettifyError(error) : message });
  });
}

/** Sends one JSON text a line, as many as there are, without holding them all. */
function sendLines(reply: FastifyReply, rows: Iterable<object>): FastifyReply {
  function* lines(): Generator<string> {
    for (const row of rows) yield `${JSON.stringify(row)}\n`;
  }
  return reply.type('application/x-ndjson').send(Readable.from(lines()));
}
