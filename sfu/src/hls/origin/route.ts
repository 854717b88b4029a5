import { hlsNames } from '@framelock/server/protocol';
import { parseFileName, type FileKind } from '../store/fileNames.ts';
import type { DeliveryDirectives } from './PackagedPublications.ts';

export type RouteKind = 'multivariant' | 'live' | 'plain' | 'download' | FileKind;
export const routeKinds: readonly RouteKind[] = [
  'multivariant',
  'live',
  'plain',
  'download',
  'init',
  'segment',
  'part',
  'segmentSidecar',
  'partSidecar',
  'thumbnail',
  'model',
];

export interface Route {
  kind: RouteKind;
  streamId: string;
  /** undefined: of the Stream's live Publication. */
  publicationId: string | undefined;
  name: string;
}

export const downloadName = 'download.mp4';
/** Ids as idSchema has them. What is percent-encoded, doubled or dotted is not ours. */
const pathPattern = /^\/hls\/([A-Za-z0-9_-]{1,64})\/(?:([A-Za-z0-9_-]{1,64})\/)?([a-z0-9-]{1,40}\.[a-z0-9]{3,4})$/;
const playlists: Readonly<Record<string, RouteKind>> = {
  [hlsNames.multivariant]: 'multivariant',
  [hlsNames.lowLatency]: 'live',
  [hlsNames.plain]: 'plain',
  [downloadName]: 'download',
};

/** undefined: there is nothing of that path. */
export function parseRoute(pathname: string): Route | undefined {
  const found = pathPattern.exec(pathname);
  if (!found) return undefined;
  const [, streamId = '', publicationId, name = ''] = found;
  const playlist = Object.hasOwn(playlists, name) ? playlists[name] : undefined;
  if (!publicationId) {
    const isOfStream = playlist === 'multivariant' || playlist === 'plain';
    return isOfStream ? { kind: playlist, streamId, publicationId: undefined, name } : undefined;
  }
  const kind = playlist ?? parseFileName(name)?.kind;
  return kind ? { kind, streamId, publicationId, name } : undefined;
}

const directivePattern = /(?:^|&)_HLS_(msn|part|skip)=([^&]*)/g;
const decimal = /^\d{1,10}$/;

/** Other parameters are other people's. undefined: a directive that makes no sense, which is 400 (RFC 8216bis 6.2.5.2). */
export function parseDirectives(query: string): DeliveryDirectives | undefined {
  const directives: DeliveryDirectives = { msn: undefined, part: undefined, skip: false };
  if (!query.includes('_HLS_')) return directives;
  for (const [, key, value = ''] of query.matchAll(directivePattern)) {
    if (key === 'skip') {
      if (value !== 'YES' && value !== 'v2') return undefined;
      directives.skip = true;
    } else if (!decimal.test(value)) return undefined;
    else if (key === 'msn') directives.msn = Number(value);
    else directives.part = Number(value);
  }
  // A part alone says nothing of which Segment's.
  return directives.part !== undefined && directives.msn === undefined ? undefined : directives;
}
