import { createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { readEvent } from '../../src/webhooks/event.ts';
import { judgeSignature, validationAnswer } from '../../src/webhooks/signature.ts';

const NOW = Date.parse('2026-06-15T12:00:00Z');
const SECRET = 'hush';
const BODY = Buffer.from('{"event":"chat_message.sent","payload":{"text":"grüße 👋"}}');
const MINUTE = 60_000;

function sign(body: Buffer, at: number | string = NOW / 1000, secret = SECRET) {
  const hmac = createHmac('sha256', secret).update(`v0:${at}:`).update(body).digest('hex');
  return { signature: `v0=${hmac}`, timestamp: String(at), body };
}

describe('a signature', () => {
  test.each([-5 * MINUTE, 0, 5 * MINUTE])('is good over the bytes as they came, %d ms off', (off) => {
    expect(judgeSignature(sign(BODY, (NOW + off) / 1000), SECRET, NOW)).toBe('good');
  });

  test.each([
    (NOW - 5 * MINUTE) / 1000 - 1,
    (NOW + 5 * MINUTE) / 1000 + 1,
    0,
    NOW,
    'yesterday',
    '',
    'NaN',
    'Infinity',
  ])('is stale at %s', (at) => {
    expect(judgeSignature(sign(BODY, at), SECRET, NOW)).toBe('stale');
  });

  const good = sign(BODY);
  test.each<[string, Parameters<typeof judgeSignature>[0]]>([
    ['another secret', sign(BODY, undefined, 'hash')],
    ['no signature', { ...good, signature: undefined }],
    ['no timestamp', { ...good, timestamp: undefined }],
    ['another moment', { ...good, timestamp: String(NOW / 1000 + 1) }],
    ['other bytes', { ...good, body: Buffer.from(BODY.toString('latin1')) }],
    [
      'the same JSON written anew',
      { ...good, body: Buffer.from(JSON.stringify(JSON.parse(`${BODY}`), null, 1)) },
    ],
    ['another version', { ...good, signature: good.signature.replace('v0', 'v1') }],
    ['a part', { ...good, signature: good.signature.slice(0, -2) }],
    ['more', { ...good, signature: `${good.signature}00` }],
    ['nothing', { ...good, signature: 'v0=' }],
    ['no hex', { ...good, signature: `v0=${'x'.repeat(64)}` }],
  ])('is wrong with %s', (_what, signed) => {
    expect(judgeSignature(signed, SECRET, NOW)).toBe('wrong');
  });

  test('is wrong where there is no secret to sign with', () => {
    expect(judgeSignature(sign(BODY, undefined, ''), '', NOW)).toBe('wrong');
  });
});

describe('validation', () => {
  test('is answered with the HMAC of the token', () => {
    const encryptedToken = createHmac('sha256', SECRET).update('qgg8vlvZRS6UYooatFL8Aw').digest('hex');
    expect(validationAnswer('qgg8vlvZRS6UYooatFL8Aw', SECRET)).toEqual({
      plainToken: 'qgg8vlvZRS6UYooatFL8Aw',
      encryptedToken,
    });
  });

  test.each(['', `v0:1781524800:${BODY}`, 'v0:', 'a'.repeat(129), 'a b'])(
    'does not sign what may be a webhook: %j',
    (token) => {
      expect(validationAnswer(token, SECRET)).toBeUndefined();
    },
  );
});

describe('an event', () => {
  const event = (name: string, object: object, account = 'acct') =>
    readEvent(Buffer.from(JSON.stringify({ event: name, payload: { account_id: account, object } })), 'acct');

  test.each<[string, object, string[]]>([
    ['chat_message.sent', { id: 'm', session_id: 'chan', channel_id: 'chan' }, ['chan']],
    ['team_chat.channel_message_deleted', { message_id: 'm', channel_id: 'chan' }, ['chan']],
    ['team_chat.dm_message_posted', { message_id: 'm', session_id: 'a:b' }, ['a:b']],
    ['chat_channel.updated', { id: 'chan', name: 'n' }, ['chan']],
  ])('%s names %j', (name, object, names) => {
    expect(event(name, object)).toEqual({ kind: 'activity', names });
  });

  test.each<[string, object, string?]>([
    ['chat_message.sent', { session_id: 'chan' }, 'another account'],
    ['user.created', { id: 'user', email: 'a@b.example' }],
    ['team_chat.dm_message_deleted', { message_id: 'm', contact_id: 'c' }],
    ['chat_message.sent', { session_id: 7, channel_id: '' }],
    ['chat_message.sent', { session_id: 'x'.repeat(300) }],
  ])('%s of %j names no session', (name, object, account) => {
    expect(event(name, object, account)).toEqual({ kind: 'other' });
  });

  test.each(['', 'not json', '[]', '"text"', 'null', '{}', '{"event":1,"payload":{}}', '{"event":"x"}'])(
    'is not %j',
    (text) => {
      expect(readEvent(Buffer.from(text), 'acct')).toBeUndefined();
    },
  );
});
