import type { CreateRule, CreateTarget, CreatedStream, ZoneSettings } from '@framelock/server/protocol';
import type { Product } from './Product.ts';
import { setSource, sourceIs } from './streamSource.ts';

export interface Furnished {
  /** The test picture with markers, zones drawn, recorded. */
  live: CreatedStream;
  idle: CreatedStream;
  /** Of the first Recording that has an end. */
  recordingId: string;
}

const zones: ZoneSettings = {
  zones: [
    {
      ...{ id: 'door', name: 'Door', colour: '#3ddba4', anchor: 'centre', labels: null, dwellSeconds: 2 },
      polygon: [
        { x: 0.06, y: 0.2 },
        { x: 0.44, y: 0.2 },
        { x: 0.44, y: 0.86 },
        { x: 0.06, y: 0.86 },
      ],
    },
  ],
  lines: [
    {
      ...{ id: 'gate', name: 'Gate', colour: '#f5b544', anchor: 'centre', labels: null },
      ...{ from: { x: 0.62, y: 0.08 }, to: { x: 0.62, y: 0.92 } },
    },
  ],
  scale: null,
};

/** Fills a product as one that is in use: for tests and pictures of every page. */
export async function furnish(product: Product): Promise<Furnished> {
  const live = await product.createStream('Front door');
  const idle = await product.createStream('Loading bay');
  await send(product, 'PUT', `streams/${live.id}/zones`, zones);
  await send(product, 'PATCH', `streams/${live.id}`, { recording: true });
  const closed = await send<{ target: { id: string } }>(product, 'POST', 'targets', {
    ...{ kind: 'webhook', name: 'Night shift', url: 'http://127.0.0.1:9/hooks/framelock' },
  } satisfies CreateTarget);
  await send(product, 'POST', 'targets', {
    ...{ kind: 'mqtt', name: 'Building', url: 'mqtt://127.0.0.1:9', topicPrefix: 'site/cameras' },
  } satisfies CreateTarget);
  const rules: CreateRule[] = [
    {
      ...{ name: 'Somebody waits at the door', streamId: live.id, targetIds: [closed.target.id], cooldownSeconds: 60 },
      condition: { kind: 'dwell', seconds: 2, zoneId: 'door' },
    },
    { name: 'Through the gate', streamId: live.id, condition: { kind: 'zone', on: ['crossedIn'], zoneId: 'gate' } },
    { name: 'Camera lost', targetIds: [closed.target.id], condition: { kind: 'streamDown' } },
  ];
  for (const rule of rules) await send(product, 'POST', 'rules', rule);
  // Two Publications: the first one's Recording is over while the second is live.
  await setSource(product, live.id, { type: 'test' });
  await sourceIs(product, live.id, 'running');
  await new Promise((resolve) => setTimeout(resolve, 8_000)); // what is recorded, and what the history holds of it
  await setSource(product, live.id, { type: 'test' });
  await sourceIs(product, live.id, 'running');
  await new Promise((resolve) => setTimeout(resolve, 6_000));
  const { recordings } = await send<{ recordings: { id: string }[] }>(product, 'GET', 'recordings');
  return { live, idle, recordingId: recordings.at(-1)?.id ?? 'none' };
}

async function send<T>(product: Product, method: string, path: string, body?: unknown): Promise<T> {
  const response = await fetch(`${product.url}/api/v1/${path}`, {
    method,
    ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  return (text === '' ? undefined : JSON.parse(text)) as T;
}
