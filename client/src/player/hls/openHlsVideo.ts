import { Refusal } from '@framelock/server/protocol';
import { HlsMedia, type HlsMediaOptions } from './HlsMedia.ts';
import type { HlsVideo } from './HlsVideo.ts';
import { NativeHlsVideo } from './NativeHlsVideo.ts';

/** By Media Source Extensions where there are any. Rejects with a Refusal `unsupported` where nothing plays HLS. */
export async function openHlsVideo(options: HlsMediaOptions): Promise<HlsVideo> {
  if (await HlsMedia.supported()) return HlsMedia.create(options);
  if (!NativeHlsVideo.supported()) throw new Refusal('unsupported', 'this browser cannot play HLS');
  return new NativeHlsVideo(options);
}
