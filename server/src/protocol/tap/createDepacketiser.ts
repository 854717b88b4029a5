import { Av1Assembly } from './Av1Assembly.ts';
import { Depacketiser, type DepacketiserEvents, type FrameAssembly, type VideoCodec } from './Depacketiser.ts';
import { H264Assembly } from './H264Assembly.ts';
import { Vp8Assembly } from './Vp8Assembly.ts';
import { Vp9Assembly } from './Vp9Assembly.ts';

const assemblies: Record<VideoCodec, new () => FrameAssembly> = {
  h264: H264Assembly,
  vp8: Vp8Assembly,
  vp9: Vp9Assembly,
  av1: Av1Assembly,
};

export function createDepacketiser(codec: VideoCodec, events: DepacketiserEvents): Depacketiser {
  return new Depacketiser(new assemblies[codec](), events);
}
