import { eventViewSchema, Refusal, type EventView } from '@framelock/server/protocol';
import { backoffMs } from '../rtc/backoffMs.ts';
import { accessToken } from './accessToken.ts';
import { SseParser } from './SseParser.ts';

export interface EventStreamOptions {
  streamId?: string | undefined;
  onEvent(event: EventView): void;
  /** `live`: it listens. `away`: it tries again. `none`: this server has no such thing, or does not let us. */
  onState(state: EventStreamState): void;
}
export type EventStreamState = 'live' | 'away' | 'none';

/**
 * Events as they happen, until closed. By `fetch` and not by EventSource, which can send no bearer; goes on after the
 * last event that it got.
 */
export function openEventStream(options: EventStreamOptions): { close(): void } {
  const controller = new AbortController();
  const { signal } = controller;
  let lastId = '';
  let attempt = 0;

  async function listen(): Promise<void> {
    const query = options.streamId ? `?${new URLSearchParams({ streamId: options.streamId })}` : '';
    const headers: Record<string, string> = { accept: 'text/event-stream' };
    if (accessToken.value) headers['authorization'] = `Bearer ${accessToken.value}`;
    if (lastId) headers['last-event-id'] = lastId;
    const response = await fetch(`/api/v1/events/stream${query}`, { headers, signal, cache: 'no-store' });
    const isEvents = response.headers.get('content-type')?.startsWith('text/event-stream') ?? false;
    if (response.ok && isEvents && response.body) {
      options.onState('live');
      attempt = 0;
      const parser = new SseParser(({ id, data }) => {
        if (id) lastId = id;
        const parsed = eventViewSchema.safeParse(jsonOf(data));
        if (parsed.success) options.onEvent(parsed.data);
      });
      const text = response.body.pipeThrough(new TextDecoderStream());
      for await (const piece of chunksOf(text)) parser.add(piece);
      return;
    }
    await response.body?.cancel();
    if (response.status >= 400 && response.status < 500 && response.status !== 429) {
      throw new Refusal('notFound', 'there are no events to listen to');
    }
  }

  async function run(): Promise<void> {
    while (!signal.aborted) {
      try {
        await listen();
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof Refusal) return options.onState('none');
      }
      if (signal.aborted) return;
      options.onState('away');
      await new Promise((resolve) => setTimeout(resolve, backoffMs(attempt++)));
    }
  }
  void run();
  return { close: () => controller.abort() };
}

async function* chunksOf(stream: ReadableStream<string>): AsyncGenerator<string> {
  const reader = stream.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    yield value;
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
