import { request as requestHttp, type IncomingMessage } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { LookupFunction } from 'node:net';
import type { EventTargetRow } from '@framelock/db';
import { checkedAddress, type Resolve } from './checkedAddress.ts';
import { retryAfterMs } from './retryDelay.ts';
import type { Message, Outcome, Sender } from './Sender.ts';
import { signWebhook } from './signWebhook.ts';
import { hostOf, webhookSettingsSchema } from './TargetSettings.ts';

const defaultTimeoutMs = 10_000;
/** Of an answer: enough for its words, and no more is taken. */
const maxAnswerBytes = 4 * 1024;
const maxWords = 200;

export interface WebhookSenderOptions {
  allowPrivate: boolean;
  resolve?: Resolve;
  timeoutMs?: number;
}

/**
 * POSTs to webhooks after Standard Webhooks 1.0.0. Any 2xx is an acceptance; redirects are not followed, since they could
 * lead where the URL itself may not.
 */
export class WebhookSender implements Sender {
  readonly #options: WebhookSenderOptions;
  readonly #closing = new AbortController();

  constructor(options: WebhookSenderOptions) {
    this.#options = options;
  }

  async send(target: EventTargetRow, message: Message): Promise<Outcome> {
    const { timeoutMs = defaultTimeoutMs } = this.#options;
    try {
      return await this.#post(target, message, AbortSignal.any([AbortSignal.timeout(timeoutMs), this.#closing.signal]));
    } catch (error) {
      const { name, message: words } = error as Error;
      const isTimeout = name === 'AbortError' || name === 'TimeoutError';
      return { ok: false, status: null, error: isTimeout ? `no answer within ${timeoutMs / 1000} s` : words };
    }
  }

  async #post(target: EventTargetRow, message: Message, signal: AbortSignal): Promise<Outcome> {
    const { url: text, headers } = webhookSettingsSchema.parse(target.settings);
    const url = new URL(text);
    const { allowPrivate, resolve } = this.#options;
    const checking = checkedAddress(hostOf(url), { allowPrivate, ...(resolve ? { resolve } : {}) });
    const { address, family } = await within(signal, checking);
    // Whoever asks for an address gets the one that was checked. The name stays in `Host` and in TLS.
    const lookup = ((_host, options, callback) =>
      options.all ? callback(null, [{ address, family }]) : callback(null, address, family)) as LookupFunction;
    const timestampS = Math.floor(Date.now() / 1000);
    const signature = signWebhook(target.secret ?? '', { id: message.id, timestampS, body: message.body });
    const answer = await new Promise<IncomingMessage>((done, fail) => {
      const request = (url.protocol === 'https:' ? requestHttps : requestHttp)(url, {
        ...{ method: 'POST', lookup, signal, agent: false },
        headers: {
          ...headers,
          'content-type': 'application/json',
          'content-length': message.body.byteLength,
          'user-agent': 'Framelock-Webhooks/1',
          'webhook-id': message.id,
          'webhook-timestamp': String(timestampS),
          'webhook-signature': signature,
        },
      });
      request.on('response', done).on('error', fail);
      request.end(message.body);
    });
    return outcomeOf(answer, await wordsOf(answer));
  }

  /** What is under way fails. */
  close(): Promise<void> {
    this.#closing.abort();
    return Promise.resolve();
  }
}

/** The resolver itself can't be aborted. */
function within<T>(signal: AbortSignal, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
    promise.then(resolve, reject);
  });
}

function outcomeOf({ statusCode: status = 0, headers }: IncomingMessage, words: string): Outcome {
  if (status >= 200 && status < 300) return { ok: true, status };
  const said = words === '' ? '' : `: ${words}`;
  if (status === 410) return { ok: false, status, error: `410 Gone${said}`, gone: true };
  if (status >= 300 && status < 400) {
    return { ok: false, status, error: `it answered ${status} and redirects are not followed: give the final URL` };
  }
  return {
    ok: false,
    status,
    error: `it answered ${status}${said}`,
    retryAfterMs: retryAfterMs(headers['retry-after']),
  };
}

/** The beginning of what a receiver says, on one line. A status is an answer also where its body never ends. */
async function wordsOf(answer: IncomingMessage): Promise<string> {
  let text = '';
  let bytes = 0;
  try {
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      text += chunk.toString('latin1');
      if (bytes >= maxAnswerBytes) break;
    }
  } catch {
    // Cut off, or too slow.
  }
  answer.destroy();
  return Buffer.from(text, 'latin1')
    .toString('utf8')
    .replace(/[\p{C}\s]+/gu, ' ')
    .trim()
    .slice(0, maxWords);
}
