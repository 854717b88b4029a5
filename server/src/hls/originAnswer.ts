import type { IncomingMessage } from 'node:http';
import { Refusal } from '../protocol/index.ts';
import { type Answer, notShareable, type Shared } from './SharedAnswers.ts';

/** What is between two hops (RFC 9110 7.6.1), and what only the server may say to its clients. */
const dropped = new Set([
  ...['connection', 'keep-alive', 'proxy-authenticate', 'proxy-authorization', 'te', 'trailer', 'transfer-encoding'],
  ...['upgrade', 'date', 'server', 'set-cookie', 'content-length', 'www-authenticate', 'x-content-type-options'],
]);

/** Flat. `isPrivate`: shared caches between us and the client must not keep what needs a token. */
export function headersOf(response: IncomingMessage, { isPrivate }: { isPrivate: boolean }): string[] {
  const headers: string[] = [];
  for (let i = 0; i < response.rawHeaders.length; i += 2) {
    const name = response.rawHeaders[i]!;
    const value = response.rawHeaders[i + 1]!;
    const lower = name.toLowerCase();
    if (dropped.has(lower) || lower.startsWith('access-control-') || lower.startsWith('cross-origin-')) continue;
    headers.push(name, isPrivate && lower === 'cache-control' ? value.replace(/\bpublic\b/gi, 'private') : value);
  }
  return headers;
}

/** Our own refusals are not the client's: 401 means that the node has another secret. */
export function refuseOwnFaults(response: IncomingMessage): void {
  if (response.statusCode !== 401 && response.statusCode !== 403) return;
  response.resume();
  throw new Refusal('unavailable', "the node did not take the server's token", { retryAfterS: 5 });
}

/** The whole answer, where it is no longer than `maxBytes`. */
export async function wholeAnswer(
  response: IncomingMessage,
  { isPrivate, maxBytes }: { isPrivate: boolean; maxBytes: number },
): Promise<Shared> {
  if (Number(response.headers['content-length'] ?? 0) > maxBytes) return tooLong(response);
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > maxBytes) return tooLong(response);
      chunks.push(chunk);
    }
  } catch {
    throw new Refusal('unavailable', 'the node broke off in the middle of this', { retryAfterS: 1 });
  }
  const status = response.statusCode ?? 503;
  const body = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
  const answer: Answer = {
    status,
    headers: headersOf(response, { isPrivate }),
    etag: response.headers.etag,
    body,
    immutable: status === 200 && /\bimmutable\b/i.test(response.headers['cache-control'] ?? ''),
  };
  return answer;
}

function tooLong(response: IncomingMessage): typeof notShareable {
  response.destroy();
  return notShareable;
}
