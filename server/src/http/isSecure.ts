import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';

/** Whether a request came by TLS, to us or to the proxy in front of us: then its cookies are for TLS only. */
export function isSecure({ socket, headers }: Pick<IncomingMessage, 'socket' | 'headers'>): boolean {
  if ((socket as TLSSocket).encrypted) return true;
  return headers['x-forwarded-proto']?.toString().split(',', 1)[0]?.trim() === 'https';
}
