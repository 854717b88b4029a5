import { Av1Assembly } from './Av1Assembly.ts';
import { Depacketiser, type DepacketiserEvents, type FrameAssembly, type TapCodec } from './Depacketiser.ts';
import { H264Assembly } from './H264Assembly.ts';
import { OpusAssembly } from './OpusAssembly.ts';
import { Vp8Assembly } from './Vp8Assembly.ts';
import { Vp9Assembly } from './Vp9Assembly.ts';

const assemblies: Record<TapCodec, new () => FrameAssembly> = {
  h264: H264Assembly,
  vp8: Vp8Assembly,
  vp9: Vp9Assembly,
  av1: Av1Assembly,
  opus: OpusAssembly,
};

export function createDepacketiser(codec: TapCodec, events: DepacketiserEvents): Depacketiser {
  return new Depacketiser(new assemblies[codec](), events);
}
