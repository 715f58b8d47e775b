import { startEmulator } from '../emulator/server.ts';
import { pageCandidates } from '../src/collectors/revisions.ts';
import { instant, scopeTag, sessionId } from '../src/record.ts';
import { messagesPage } from '../src/zoom/schemas.ts';
import { ShapeWatch } from '../src/zoom/shape-watch.ts';
import { Client, sessionPath } from '../test/emulator/client.ts';
import { markdown } from './table.ts';

const ROUNDS = 60;
const NOON = Date.parse('2026-06-15T12:00:00Z');

/** (e) What the shape watch adds to the reading of message pages, by stage; best of many rounds on one core. */
export async function shapes(): Promise<string> {
  const pages = await messagePages();
  const watch = new ShapeWatch((unknown) => {
    throw new Error(`the emulated account sends ${unknown.name}`);
  });
  const session = { id: sessionId('bench'), type: 'Group', name: '', channelId: '' };
  const tag = scopeTag('bench', session.id);
  const best = { parse: Infinity, check: Infinity, watch: Infinity, candidates: Infinity };
  let rows = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    const spent = { parse: 0, check: 0, watch: 0, candidates: 0 };
    rows = 0;
    for (const text of pages) {
      const times = [performance.now()];
      const body = JSON.parse(text);
      times.push(performance.now());
      messagesPage.parse(body);
      times.push(performance.now());
      watch.look('report_chat_messages', '/report/chat/sessions/bench', body);
      times.push(performance.now());
      rows += pageCandidates(body, {
        session,
        tag,
        observedAt: instant(NOON),
        knownReactions: new Set(),
      }).rows;
      times.push(performance.now());
      for (const [at, stage] of (['parse', 'check', 'watch', 'candidates'] as const).entries())
        spent[stage] += (times[at + 1] ?? 0) - (times[at] ?? 0);
    }
    for (const stage of ['parse', 'check', 'watch', 'candidates'] as const)
      best[stage] = Math.min(best[stage], spent[stage]);
  }
  const whole = best.parse + best.check + best.watch + best.candidates;
  const row = (name: string, ms: number): string[] => [
    name,
    ((ms * 1000) / rows).toFixed(2),
    `${((100 * ms) / whole).toFixed(1)}%`,
  ];
  return markdown(
    ['step', 'µs a row', 'of the stage `parse`'],
    [
      row('JSON.parse', best.parse),
      row('schema', best.check),
      row('shape watch', best.watch),
      row('canonical JSON, hashes, keys', best.candidates),
    ],
  );
}

async function messagePages(): Promise<readonly string[]> {
  const emulator = await startEmulator({
    now: NOON,
    frozen: true,
    limits: false,
    source: { kind: 'generated', seed: 7, sessions: 5, messages: 60_000 },
  });
  try {
    emulator.act(3_000);
    const client = await Client.connect(emulator);
    const query = {
      ...{ from: '2026-05-20', to: '2026-06-16', page_size: 100, include_reactions: true },
      ...{ include_fields: 'edited_messages,deleted_messages', include_bot_message: true },
      include_custom_emoji_reactions: true,
    };
    const bodies: object[] = [];
    for (const { id } of emulator.sessions()) bodies.push(...(await client.pages(sessionPath(id), query)));
    return bodies.map((body) => JSON.stringify(body));
  } finally {
    await emulator.close();
  }
}
