import {
  errorBodySchema,
  hlsNames,
  modelDescriptionSchema,
  Refusal,
  refusalStatus,
  streamViewSchema,
  zoneSettingsSchema,
  zonesNowSchema,
  type ModelDescription,
  type RefusalCode,
  type StreamView,
  type ZoneSettings,
  type ZonesNow,
} from '@framelock/server/protocol';
import { isOurs } from '../../api/isOurs.ts';
import type { z } from 'zod';
import { unixNowMs } from '../../signaling/ClockOffset.ts';
import { DateClock } from './DateClock.ts';

const timeoutMs = 10_000;

/** Which Publication a playlist is of, and where its files lie. */
export interface FoundPlaylist {
  publicationId: string;
  /** URL of the Publication's folder. */
  folder: string;
}

/** What HLS playback asks by HTTP. Rejects with a Refusal; `unavailable` where no server answers. */
export class HlsApi {
  readonly #token: string | undefined;
  readonly #closed = new AbortController();
  readonly clock = new DateClock();

  constructor(token: string | undefined) {
    this.#token = token;
  }

  async getStream(streamId: string): Promise<StreamView> {
    return this.#ask(`/api/v1/streams/${encodeURIComponent(streamId)}`, streamViewSchema);
  }

  async getZones(streamId: string): Promise<ZoneSettings> {
    return this.#ask(`/api/v1/streams/${encodeURIComponent(streamId)}/zones`, zoneSettingsSchema);
  }

  async getZonesNow(streamId: string): Promise<ZonesNow> {
    return this.#ask(`/api/v1/streams/${encodeURIComponent(streamId)}/zones/live`, zonesNowSchema);
  }

  async #ask<T extends z.ZodType>(path: string, schema: T): Promise<z.output<T>> {
    const response = await this.#get(path);
    if (!response.ok) throw await refusalFrom(response);
    const parsed = schema.safeParse(await response.json().catch(() => undefined));
    if (!parsed.success) throw new Refusal('internal', "the server's answer is not understood; is it another version?");
    return parsed.data;
  }

  /** The media playlist of a multivariant one; a number = not there yet, ask again after so many ms. */
  async findPlaylist(url: string): Promise<FoundPlaylist | number> {
    const response = await this.#get(url);
    if (response.status === 503) return retryAfterMs(response.headers.get('retry-after'));
    if (!response.ok) throw await refusalFrom(response);
    return readFolder(await response.text(), response.url);
  }

  async getModel(folder: string, revision: number): Promise<ModelDescription | undefined> {
    const response = await this.#get(new URL(hlsNames.model(revision), folder).href);
    if (!response.ok) return undefined;
    return modelDescriptionSchema.safeParse(await response.json().catch(() => undefined)).data;
  }

  async #get(url: string): Promise<Response> {
    const headers: HeadersInit = this.#token && isOurs(url) ? { authorization: `Bearer ${this.#token}` } : {};
    const signal = AbortSignal.any([this.#closed.signal, AbortSignal.timeout(timeoutMs)]);
    const sentAtMs = unixNowMs();
    try {
      const response = await fetch(url, { headers, signal, cache: 'no-store' });
      // A CDN's clock is not the server's, and a cached answer's date is that of its making.
      if (isOurs(url) && !response.headers.has('age')) {
        this.clock.add(response.headers.get('date'), sentAtMs, unixNowMs());
      }
      return response;
    } catch {
      throw new Refusal('unavailable', "can't reach the Framelock server");
    }
  }

  close(): void {
    this.#closed.abort();
  }
}

/** RFC 9110 section 10.2.3, seconds only; between 0.2 and 10 s. */
export function retryAfterMs(value: string | null): number {
  const seconds = value === null ? NaN : Number(value);
  return Number.isFinite(seconds) ? Math.min(10_000, Math.max(200, seconds * 1000)) : 1_000;
}

/** The first URI of a multivariant playlist is a media playlist, `…/<publicationId>/live.m3u8`. */
export function readFolder(playlist: string, url: string): FoundPlaylist {
  const isMultivariant = playlist.includes('#EXT-X-STREAM-INF');
  const uri = isMultivariant ? playlist.split(/\r?\n/).find((line) => line.trim() !== '' && !line.startsWith('#')) : '';
  const folder = new URL('.', new URL(uri?.trim() ?? '', url));
  const publicationId = folder.pathname.split('/').at(-2) ?? '';
  return { publicationId: decodeURIComponent(publicationId), folder: folder.href };
}

async function refusalFrom(response: Response): Promise<Refusal> {
  const parsed = errorBodySchema.safeParse(await response.json().catch(() => undefined));
  if (parsed.success) return new Refusal(parsed.data.error.code, parsed.data.error.message);
  const found = Object.entries(refusalStatus).find(([, status]) => status === response.status);
  return new Refusal(
    (found?.[0] as RefusalCode | undefined) ?? 'unavailable',
    `the server answered ${response.status}`,
  );
}
