import type { DeliveryFigures, EventTargetRow } from '@framelock/db';
import { z } from 'zod';
import { type EventTarget, Refusal } from '../protocol/index.ts';
import { bareHost } from './checkedAddress.ts';
import { isPrivateHost } from '../sources/sourceUrl.ts';

export const webhookSettingsSchema = z.object({
  url: z.string(),
  headers: z.record(z.string(), z.string()).default({}),
});
export const mqttSettingsSchema = z.object({
  url: z.string(),
  topicPrefix: z.string(),
  username: z.string().nullable(),
  caPem: z.string().nullable(),
});

/** What the request itself sets. */
const ownHeaders = new Set([
  ...['host', 'content-length', 'content-type', 'transfer-encoding', 'connection', 'user-agent', 'expect', 'te'],
  ...['upgrade', 'trailer', 'keep-alive', 'webhook-id', 'webhook-timestamp', 'webhook-signature', 'accept-encoding'],
]);

export function checkHeaders(headers: Record<string, string>): void {
  const taken = Object.keys(headers).find((name) => ownHeaders.has(name.toLowerCase()));
  if (taken !== undefined) throw new Refusal('badRequest', `headers: ${taken} is set by the delivery itself`);
}

/** Refuses what is no URL for this kind, carries a password, or names a forbidden address; names are resolved later. */
export function checkTargetUrl(kind: EventTargetRow['kind'], text: string, allowPrivate: boolean): void {
  const schemes = kind === 'webhook' ? ['https:', 'http:'] : ['mqtt:', 'mqtts:'];
  const url = URL.canParse(text) && !/[\s\\]/.test(text) ? new URL(text) : undefined;
  if (!url || !schemes.includes(url.protocol) || url.hostname === '') {
    throw new Refusal('badRequest', `url: it is no ${schemes.map((scheme) => `${scheme}//`).join(' or ')} URL`);
  }
  if (url.username !== '' || url.password !== '') {
    const instead = kind === 'webhook' ? 'send it in a header' : 'there are fields for name and password';
    throw new Refusal('badRequest', `url: a password in it would be shown to everybody who may see it: ${instead}`);
  }
  if (url.hash !== '') throw new Refusal('badRequest', 'url: what is behind # is never sent');
  const host = hostOf(url);
  if (!allowPrivate && isPrivateHost(host)) {
    throw new Refusal(
      'badRequest',
      `url: ${host} is an address of this machine or of a private network, which targets may not reach here: ` +
        'set TARGET_ALLOW_PRIVATE=true where that is meant',
    );
  }
}

/** Of mqtt, which is no special scheme, URL leaves numbers as they are written. */
export function hostOf(url: URL): string {
  const host = bareHost(url.hostname);
  const special = `http://${url.hostname}/`;
  return URL.canParse(special) ? bareHost(new URL(special).hostname) : host;
}

export function targetView(row: EventTargetRow, figures: DeliveryFigures | undefined): EventTarget {
  const { id, name, enabled, problem, createdAt } = row;
  const facts = {
    ...{ id, name, enabled, problem, waiting: figures?.waiting ?? 0, dead: figures?.dead ?? 0 },
    createdAt: createdAt.toISOString(),
    lastDeliveredAt: figures?.lastDeliveredAt?.toISOString() ?? null,
  };
  if (row.kind === 'webhook') {
    const { url, headers } = webhookSettingsSchema.parse(row.settings);
    return { kind: 'webhook', ...facts, url, headerNames: Object.keys(headers) };
  }
  const { url, topicPrefix, username, caPem } = mqttSettingsSchema.parse(row.settings);
  return { kind: 'mqtt', ...facts, url, topicPrefix, username, caPem, hasPassword: row.secret !== null };
}
