import { hlsNames, Refusal } from '../protocol/index.ts';

/** What is asked for below `/hls/`. */
export interface HlsPath {
  streamId: string;
  /** Nothing: the multivariant playlist of whatever is live (`plain.m3u8`: without Parts). */
  publicationId: string | undefined;
  name: string;
  /** As the origin knows it, with the delivery directives of playlists (RFC 8216bis 6.2.5) and nothing else. */
  originPath: string;
  /** It waits at the origin until what it asks for is there. */
  blocks: boolean;
  /** `?token=`, for players that can't send headers. */
  token: string | undefined;
}

const shape = /^\/hls\/([A-Za-z0-9_-]{1,64})\/(?:([A-Za-z0-9_-]{1,64})\/)?([A-Za-z0-9_-][A-Za-z0-9._-]{0,79})$/;
/** Names of `hlsNames`: playlists, media, sidecars, thumbnails, models. Not the MP4, which costs an FFmpeg and is the API's. */
const served = /^(?!download\.)[A-Za-z0-9_-]+\.(?:m3u8|m4s|mp4|det|jpg|json)$/;
/** In this order, each once: other orders and names would make one playlist many. */
const directives = ['_HLS_msn=', '_HLS_part=', '_HLS_skip='] as const;
const directiveValue = /^[A-Za-z0-9.-]{0,16}$/;

/**
 * Reads a request's path as it came, without decoding: nothing that needs escapes is a name of ours. Refuses what has no
 * such shape. Other queries than the directives are dropped, so that they can't make one playlist many.
 */
export function readHlsPath(url: string): HlsPath {
  const mark = url.indexOf('?');
  const path = mark < 0 ? url : url.slice(0, mark);
  const match = shape.exec(path);
  if (!match || !served.test(match[3]!)) throw new Refusal('notFound', 'there is nothing at this path');
  const [, streamId, publicationId, name] = match as unknown as [string, string, string | undefined, string];
  if (publicationId === undefined && name !== hlsNames.multivariant && name !== hlsNames.plain) {
    throw new Refusal('notFound', `a Stream has ${hlsNames.multivariant} and ${hlsNames.plain} here, and nothing else`);
  }
  const parts = mark < 0 ? [] : url.slice(mark + 1).split('&', 64);
  const asked = isPlaylist(name) ? directivesOf(parts) : [];
  return {
    streamId,
    publicationId,
    name,
    originPath: asked.length > 0 ? `${path}?${asked.join('&')}` : path,
    blocks: asked.some((part) => part.startsWith('_HLS_msn=')),
    token: tokenOf(parts),
  };
}

function directivesOf(parts: readonly string[]): string[] {
  return directives.flatMap((name) => {
    const part = parts.find((one) => one.startsWith(name));
    return part !== undefined && directiveValue.test(part.slice(name.length)) ? [part] : [];
  });
}

export const isPlaylist = (name: string): boolean => name.endsWith('.m3u8');

function tokenOf(parts: readonly string[]): string | undefined {
  const part = parts.find((one) => one.startsWith('token='));
  if (part === undefined || part.length > 2_000) return undefined;
  try {
    return decodeURIComponent(part.slice('token='.length).replaceAll('+', ' '));
  } catch {
    return undefined;
  }
}
