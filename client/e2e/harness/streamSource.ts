import { errorBodySchema, sourceViewSchema, type SourceView } from '@framelock/server/protocol';
import { eventually } from './eventually.ts';
import type { Product } from './Product.ts';

/** `POST /api/v1/streams/:id/source`. */
export async function setSource(product: Product, streamId: string, spec: object): Promise<SourceView> {
  const response = await fetch(`${product.url}/api/v1/streams/${streamId}/source`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(spec),
  });
  const body: unknown = await response.json();
  if (!response.ok) throw new Error(errorBodySchema.parse(body).error.message);
  return sourceViewSchema.parse(body);
}

export async function deleteSource(product: Product, streamId: string): Promise<void> {
  const response = await fetch(`${product.url}/api/v1/streams/${streamId}/source`, { method: 'DELETE' });
  if (!response.ok) throw new Error(`DELETE source: ${response.status} ${await response.text()}`);
}

/** Waits for the Source to be in a state, and says with its own words why it is not. */
export async function sourceIs(product: Product, streamId: string, state: SourceView['state']): Promise<SourceView> {
  let source: SourceView | null = null;
  try {
    const ask = async () => ({ source } = await product.stream(streamId)).source?.state === state;
    await eventually(`the Source is ${state}`, ask, { withinMs: 60_000 });
  } catch (error) {
    throw new Error(`${(error as Error).message}; it is ${JSON.stringify(source)}`, { cause: error });
  }
  return source!;
}
