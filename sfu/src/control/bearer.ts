import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/** Compares hashes, so that the time taken tells neither content nor length of the secret. */
export function hasBearer(request: IncomingMessage, secret: string): boolean {
  const given = /^Bearer (.{1,512})$/.exec(request.headers.authorization ?? '')?.[1];
  return given !== undefined && timingSafeEqual(hashOf(given), hashOf(secret));
}

function hashOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
