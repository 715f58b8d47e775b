/** Zoom's own SDK as the judge of the emulator: what it can list and page through is shaped as Zoom shapes it. */
import { type S2SAuthToken, TeamChatS2SAuthClient } from '@zoom/rivet/teamchat';
import { expect, test } from 'vitest';
import { startEmulator } from '../../emulator/server.ts';
import { NOON, requestToken } from './client.ts';

test('rivet lists the sessions and pages through their messages', async () => {
  const source = { kind: 'generated', seed: 11, sessions: 30, messages: 3000 } as const;
  const emulator = await startEmulator({ source, now: NOON, frozen: true, limits: false });
  const granted = (await requestToken(emulator.url)).json;
  const token: S2SAuthToken = {
    accessToken: granted.access_token,
    expirationTimeIso: new Date(Date.now() + 3_600_000).toISOString(),
    scopes: granted.scope.split(' '),
  };
  const options = {
    clientId: 'emulated-client',
    clientSecret: 'emulated-secret',
    accountId: 'emulated-account',
    disableReceiver: true as const,
    // rivet asks zoom.us for tokens whatever its baseUrl is, so it gets one from here.
    tokenStore: { getLatestToken: () => token, storeToken: () => {} },
    baseUrl: `${emulator.url}/v2`,
  };
  const { reports } = new TeamChatS2SAuthClient(options).endpoints;
  const query = { from: '2026-05-16', to: '2026-06-15' };

  const ids: string[] = [];
  for (let next_page_token = ''; ; ) {
    const { data = {}, trackingId } = await reports.getChatSessionsReports({
      query: { ...query, page_size: 7, next_page_token },
    });
    expect(trackingId).toMatch(/^v=2.0/);
    ids.push(...(data.sessions ?? []).map((session) => session.id ?? ''));
    next_page_token = data.next_page_token ?? '';
    if (next_page_token === '') break;
  }
  expect(new Set(ids).size).toBe(ids.length);

  let seen = 0;
  for (const id of ids) {
    const path = { sessionId: encodeURIComponent(encodeURIComponent(id)) };
    for (let next_page_token = ''; ; ) {
      const { data = {} } = await reports.getChatMessageReports({
        path,
        query: {
          ...query,
          page_size: 50,
          next_page_token,
          include_fields: 'edited_messages,deleted_messages',
          include_reactions: true,
        },
      });
      seen += data.messages?.length ?? 0;
      next_page_token = data.next_page_token ?? '';
      if (next_page_token === '') break;
    }
  }
  const expected = [...emulator.truth()].filter(
    (message) => message.sentAt >= Date.parse('2026-05-16') && message.versions.at(-1)?.kind !== 'deleted',
  );
  expect(seen).toBe(expected.length);
  await expect(reports.getChatMessageReports({ path: { sessionId: 'unknown' }, query })).rejects.toThrow(
    /404/,
  );
  await emulator.close();
});
