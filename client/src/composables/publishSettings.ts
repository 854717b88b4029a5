import type { LocationQuery } from 'vue-router';

export const codecs = ['vp8', 'vp9', 'h264', 'av1'] as const;
export type Codec = (typeof codecs)[number];
export const codecNames: Record<Codec, string> = { vp8: 'VP8', vp9: 'VP9', h264: 'H.264', av1: 'AV1' };

export const heights = [360, 480, 720, 1080] as const;
export const frameRates = [15, 24, 30, 60] as const;
/** bit/s; 0 = the browser's own choice. */
export const bitrates = [0, 500_000, 1_000_000, 2_000_000, 4_000_000, 8_000_000] as const;

export interface PublishSettings {
  width: number;
  height: number;
  frameRate: number;
  codec: Codec;
  maxBitrateBps: number;
  audio: boolean;
  /** The model runs in this page, not on the server. */
  computeHere: boolean;
  /** Of the bundled ones; nothing = the best that is there. */
  computeModelId: string;
}

/** `codec` only until the browser was asked: see `preferredCodec`. */
export const defaultPublishSettings: PublishSettings = {
  width: 1280,
  height: 720,
  frameRate: 30,
  codec: 'vp8',
  maxBitrateBps: 0,
  audio: true,
  computeHere: false,
  computeModelId: '',
};

/** What this browser says of encoding a codec at the size that is published (Media Capabilities, `type: webrtc`). */
export interface EncodingAbility {
  supported: boolean;
  smooth: boolean;
  powerEfficient: boolean;
}

/**
 * The codec to begin with: H264 where the browser encodes it smoothly, since HLS then copies it where anything else is
 * encoded again on the server; else VP8, which every browser encodes. `powerEfficient` (an encoder in hardware) is not
 * asked for: software H264 costs about what software VP8 does.
 */
export function preferredCodec(abilities: Partial<Record<Codec, EncodingAbility>>): Codec {
  const { h264 } = abilities;
  return h264?.supported && h264.smooth ? 'h264' : 'vp8';
}

export interface AskedByUrl extends Partial<PublishSettings> {
  autostart: boolean;
  /** A scalability mode, e.g. `L3T3_KEY`. */
  svc?: string;
}

/** `?autostart=1[&analysis=browser[&model=]][&codec=][&width=&height=&fps=][&svc=][&bitrate=]`; what is not understood is left out. */
export function readPublishQuery(query: LocationQuery): AskedByUrl {
  const codec = codecs.find((name) => name === first(query['codec'])?.toLowerCase());
  const width = whole(query['width'], 16, 7680);
  const height = whole(query['height'], 16, 4320);
  const frameRate = whole(query['fps'], 1, 120);
  const maxBitrateBps = whole(query['bitrate'], 30_000, 100_000_000);
  const svc = first(query['svc']);
  const autostart = first(query['autostart']);
  const analysis = first(query['analysis']);
  const computeModelId = first(query['model']);
  return {
    autostart: autostart === '1' || autostart === 'true',
    ...(codec ? { codec } : {}),
    ...(width ? { width } : {}),
    ...(height ? { height } : {}),
    ...(frameRate ? { frameRate } : {}),
    ...(maxBitrateBps ? { maxBitrateBps } : {}),
    ...(analysis === 'browser' || analysis === 'node' ? { computeHere: analysis === 'browser' } : {}),
    ...(computeModelId && /^[\w-]{1,64}$/.test(computeModelId) ? { computeModelId } : {}),
    ...(svc && /^[LS][1-3]T[1-3]h?(_KEY(_SHIFT)?)?$/.test(svc) ? { svc } : {}),
  };
}

/** `next` without what is still only what the URL asked for: of that the settings of before stay. */
export function toRemember(
  next: PublishSettings,
  before: PublishSettings,
  asked: Partial<PublishSettings>,
): PublishSettings {
  const keys = Object.keys(asked) as (keyof PublishSettings)[];
  const same = keys.filter((key) => key in before && next[key] === asked[key]);
  return { ...next, ...Object.fromEntries(same.map((key) => [key, before[key]])) };
}

/** 16:9 of a height, even as encoders want it. */
export function widthOf(height: number): number {
  return Math.round((height * 16) / 9 / 2) * 2;
}

function first(value: LocationQuery[string] | undefined): string | undefined {
  return (Array.isArray(value) ? value[0] : value) ?? undefined;
}

function whole(value: LocationQuery[string] | undefined, least: number, most: number): number | undefined {
  const number = Number(first(value));
  return Number.isInteger(number) && number >= least && number <= most ? number : undefined;
}
