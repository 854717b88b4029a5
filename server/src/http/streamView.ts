import type { StreamRow } from '@framelock/db';
import type { Context } from 'hono';
import { hlsIsOff, type StreamView } from '../protocol/index.ts';
import type { Sources } from '../sources/Sources.ts';
import type { Streams } from '../streams/Streams.ts';
import { readStreamSettings } from '../streams/streamSettings.ts';
import { isSecure } from './isSecure.ts';

/** One Stream as the API shows it. `base` is the origin the request came to, e.g. `http://127.0.0.1:8080`. */
export function streamView(
  row: StreamRow,
  { streams, sources }: { streams: Streams; sources: Sources },
  base: string,
): StreamView {
  const live = streams.live(row.id);
  const publication = live?.publication ?? null;
  const settings = readStreamSettings(row.settings);
  const poster = streams.posters.get(row.id);
  return {
    id: row.id,
    name: row.name,
    createdAt: row.createdAt.toISOString(),
    state: publication ? 'live' : 'idle',
    publication,
    viewers: live?.viewers ?? 0,
    analysis: live?.analysisView ?? { state: 'off' },
    modelDescription: live?.modelDescription ?? null,
    modelId: row.modelId,
    source: sources.viewOf(row.id),
    settings,
    hls: hlsIsOff(settings) ? null : (live?.hls.view.hls ?? { state: 'idle' }),
    posterUrl: poster ? `${base}/api/v1/streams/${row.id}/poster?v=${poster.version}` : null,
    publishUrl: `${base}/publish/${row.id}`,
    whipUrl: `${base}/whip/${row.id}`,
    whepUrl: `${base}/whep/${row.id}`,
    watchUrl: `${base}/watch/${row.id}`,
    hlsUrl: `${base}/hls/${row.id}/index.m3u8`,
  };
}

/** The origin a request came to; a TLS proxy in front says so in X-Forwarded-Proto. */
export function originOfRequest({ req, env }: Context): string {
  const { incoming } = env as { incoming?: Parameters<typeof isSecure>[0] };
  return `${incoming && isSecure(incoming) ? 'https' : 'http'}://${req.header('host') ?? 'localhost'}`;
}
