import { hlsNames } from '@framelock/server/protocol';

export type FileKind = 'init' | 'segment' | 'part' | 'segmentSidecar' | 'partSidecar' | 'thumbnail' | 'model';

export interface FileName {
  kind: FileKind;
  /** msn, or the number of an init section or a model. */
  number: number;
  /** Of a Part and its sidecar; 0 otherwise. */
  part: number;
}

const number = '(0|[1-9]\\d{0,9})';
const patterns: readonly (readonly [FileKind, RegExp])[] = [
  ['part', new RegExp(`^part-${number}-${number}\\.m4s$`)],
  ['partSidecar', new RegExp(`^part-${number}-${number}\\.det$`)],
  ['segment', new RegExp(`^seg-${number}\\.m4s$`)],
  ['segmentSidecar', new RegExp(`^seg-${number}\\.det$`)],
  ['init', new RegExp(`^init-${number}\\.mp4$`)],
  ['thumbnail', new RegExp(`^thumb-${number}\\.jpg$`)],
  ['model', new RegExp(`^model-${number}\\.json$`)],
];

/** A file of `hlsNames`, or undefined: nothing else in a Publication's folder is anybody's. */
export function parseFileName(name: string): FileName | undefined {
  for (const [kind, pattern] of patterns) {
    const found = pattern.exec(name);
    if (found) return { kind, number: Number(found[1]), part: Number(found[2] ?? 0) };
  }
  return undefined;
}

export const contentTypeOf: Readonly<Record<FileKind, string>> = {
  init: 'video/mp4',
  segment: 'video/iso.segment',
  part: 'video/iso.segment',
  segmentSidecar: 'application/msgpack',
  partSidecar: 'application/msgpack',
  thumbnail: 'image/jpeg',
  model: 'application/json',
};
export const playlistContentType = 'application/vnd.apple.mpegurl';
/** A name is written once and never changes. */
export const immutableCacheControl = 'public, max-age=31536000, immutable';

export const partNames = (msn: number, part: number): [media: string, sidecar: string] => {
  const media = hlsNames.part(msn, part);
  return [media, hlsNames.sidecarOf(media)];
};
export const segmentNames = (msn: number): [media: string, sidecar: string, thumbnail: string] => {
  const media = hlsNames.segment(msn);
  return [media, hlsNames.sidecarOf(media), hlsNames.thumbnail(msn)];
};
