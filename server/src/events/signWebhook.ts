import { createHmac, randomBytes } from 'node:crypto';

const prefix = 'whsec_';

/** 256 bits. */
export const newWebhookSecret = (): string => prefix + randomBytes(32).toString('base64');

/** Standard Webhooks 1.0.0, "Signature scheme": `v1,` and Base64 of HMAC-SHA256 over `id.timestamp.body`. */
export function signWebhook(
  secret: string,
  message: { id: string; timestampS: number; body: string | Uint8Array },
): string {
  const { id, timestampS, body } = message;
  const key = Buffer.from(secret.startsWith(prefix) ? secret.slice(prefix.length) : secret, 'base64');
  return `v1,${createHmac('sha256', key).update(`${id}.${timestampS}.`).update(body).digest('base64')}`;
}
