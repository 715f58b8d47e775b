/** Webhook deliveries: signed, repeated when the receiver fails, and each one on record. */
import { createHmac, randomUUID } from 'node:crypto';
import { MINUTE } from './dates.ts';
import type { Happening } from './happening.ts';
import type { Switches } from './switches.ts';
import { eventsOf, type WebhookEvent } from './webhook-events.ts';

/** Where events go and what they are signed with. */
export interface WebhookTarget {
  readonly url: string;
  readonly secret: string;
}

/** One attempt at a delivery. */
export interface WebhookAttempt {
  /** Emulated milliseconds. */
  readonly at: number;
  /** The status that came back; undefined when none came within three seconds. */
  readonly status: number | undefined;
}

/** One event on its way to the receiver. */
export interface TruthWebhook {
  readonly requestId: string;
  readonly event: string;
  /** The body as it was sent. */
  readonly body: string;
  readonly signature: Switches['webhookSignature'];
  readonly attempts: readonly WebhookAttempt[];
  /** `waiting` for its first or next attempt, `delivered`, or `lost`: refused, or failed four times. */
  readonly outcome: 'waiting' | 'delivered' | 'lost';
}

/** What the receiver made of `endpoint.url_validation`. */
export interface WebhookValidation {
  readonly status: number | undefined;
  /** Did it answer with the token and its right hash? */
  readonly valid: boolean;
}

interface Delivery {
  readonly requestId: string;
  readonly event: string;
  readonly body: string;
  readonly signature: Switches['webhookSignature'];
  readonly attempts: WebhookAttempt[];
  outcome: TruthWebhook['outcome'];
  failures: number;
  /** Emulated milliseconds. */
  dueAt: number;
}

const ANSWER_WITHIN_MS = 3_000;
/** After the first attempt and each further one, when it failed in a way that may pass. */
const RETRY_AFTER = [5 * MINUTE, 20 * MINUTE, 60 * MINUTE];
const STALE_BY = 10 * MINUTE;
const MOST_AT_ONCE = 4;

export class Webhooks {
  readonly #accountId: string;
  readonly #switches: Readonly<Switches>;
  readonly #now: () => number;
  readonly #deliveries: Delivery[] = [];
  #target: WebhookTarget | undefined;
  #queue: Delivery[] = [];
  #atOnce = 0;

  constructor(accountId: string, switches: Readonly<Switches>, now: () => number) {
    this.#accountId = accountId;
    this.#switches = switches;
    this.#now = now;
  }

  /** From now on events go there; undefined stops them. */
  aim(target: WebhookTarget | undefined): void {
    this.#target = target;
    for (const delivery of this.#queue) delivery.outcome = 'lost';
    this.#queue = [];
  }

  /** Tells the receiver, if there is one. */
  tell(happening: Happening): void {
    if (this.#target === undefined) return;
    for (const event of eventsOf(happening, this.#accountId)) {
      const body = encode(event, this.#switches.webhookBody);
      const signature = this.#switches.webhookSignature;
      const facts = { requestId: randomUUID(), event: event.event, body, signature };
      const delivery: Delivery = {
        ...facts,
        attempts: [],
        outcome: 'waiting',
        failures: 0,
        dueAt: this.#now(),
      };
      this.#deliveries.push(delivery);
      this.#queue.push(delivery);
    }
    this.sendDue();
  }

  /** Sends what is due. Time alone sends nothing: call it when the clock was moved. */
  sendDue(): void {
    const now = this.#now();
    while (this.#atOnce < MOST_AT_ONCE) {
      const place = this.#queue.findIndex(({ dueAt }) => dueAt <= now);
      const [delivery] = place < 0 ? [] : this.#queue.splice(place, 1);
      if (delivery === undefined) return;
      this.#atOnce += 1;
      void this.#deliver(delivery).finally(() => {
        this.#atOnce -= 1;
        this.sendDue();
      });
    }
  }

  /** Sends `endpoint.url_validation` and judges the answer. */
  async validate(): Promise<WebhookValidation> {
    const plainToken = randomUUID();
    const event = { event: 'endpoint.url_validation', event_ts: this.#now(), payload: { plainToken } };
    const body = encode(event, this.#switches.webhookBody);
    const response = await this.#post(body, randomUUID(), this.#switches.webhookSignature);
    if (response === undefined || this.#target === undefined) return { status: undefined, valid: false };
    const encryptedToken = createHmac('sha256', this.#target.secret).update(plainToken).digest('hex');
    const text = await response.text();
    const valid = response.status === 200 && isAnswer(text, { plainToken, encryptedToken });
    return { status: response.status, valid };
  }

  /** All deliveries so far, oldest first. */
  truth(): TruthWebhook[] {
    return this.#deliveries.map(({ dueAt: _dueAt, failures: _failures, attempts, ...facts }) => ({
      ...facts,
      attempts: [...attempts],
    }));
  }

  async #deliver(delivery: Delivery): Promise<void> {
    const { requestId, body, signature, attempts } = delivery;
    for (let left = this.#switches.webhookRepeats ? 2 : 1; left > 0; left -= 1) {
      const response = await this.#post(body, requestId, signature);
      await response?.body?.cancel();
      attempts.push({ at: this.#now(), status: response?.status });
    }
    const { status } = attempts.at(-1) ?? { status: undefined };
    const wait = RETRY_AFTER[delivery.failures];
    if (status === 200 || status === 204) {
      delivery.outcome = 'delivered';
    } else if (wait === undefined || (status !== undefined && status < 500)) {
      delivery.outcome = 'lost';
    } else {
      delivery.failures += 1;
      delivery.dueAt = this.#now() + wait;
      this.#queue.push(delivery);
    }
  }

  async #post(
    body: string,
    requestId: string,
    signature: Switches['webhookSignature'],
  ): Promise<Response | undefined> {
    if (this.#target === undefined) return undefined;
    const { url, secret } = this.#target;
    const headers = {
      'content-type': 'application/json; charset=utf-8',
      'x-zm-request-id': requestId,
      ...signatureHeaders(body, secret, signature, this.#now()),
    };
    try {
      return await fetch(url, {
        method: 'POST',
        headers,
        body,
        redirect: 'manual',
        signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
      });
    } catch {
      return undefined;
    }
  }
}

function signatureHeaders(
  body: string,
  secret: string,
  kind: Switches['webhookSignature'],
  now: number,
): Record<string, string> {
  const timestamp = String(Math.floor((kind === 'stale' ? now - STALE_BY : now) / 1000));
  if (kind === 'missing') return { 'x-zm-request-timestamp': timestamp };
  const key = kind === 'bad' ? `not ${secret}` : secret;
  const signature = createHmac('sha256', key).update(`v0:${timestamp}:${body}`).digest('hex');
  return { 'x-zm-request-timestamp': timestamp, 'x-zm-signature': `v0=${signature}` };
}

/** Receivers that read bytes in the wrong encoding, or write the JSON anew before they check it, fail on the second. */
function encode(event: WebhookEvent, body: Switches['webhookBody']): string {
  switch (body) {
    case 'compact':
      return JSON.stringify(event);
    case 'unusual':
      return JSON.stringify({ ...event, payload: { ...event.payload, note: 'naïve 👩‍💻 שלום' } }, null, 1);
    default:
      return body satisfies never;
  }
}

function isAnswer(text: string, expected: { plainToken: string; encryptedToken: string }): boolean {
  try {
    const given = JSON.parse(text) as Partial<typeof expected>;
    return given.plainToken === expected.plainToken && given.encryptedToken === expected.encryptedToken;
  } catch {
    return false;
  }
}
