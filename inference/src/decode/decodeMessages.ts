import type { VideoCodec } from '@framelock/server/protocol/tap';
import type { endOrder } from '../endThread.ts';
import type { InputSpec } from '@framelock/server/protocol/analysis';

/** Where sampled Frames go: the Detector's tensor slots, and the cell that says who owns the waiting one. */
export interface DecodeTarget {
  targetId: number;
  spec: InputSpec;
  buffer: SharedArrayBuffer;
  floatsPerSlot: number;
  cell: Int32Array<SharedArrayBuffer>;
  maxFps: number;
}

/** Main thread -> decode thread; each names its Stream (`id`), several of which share a thread. */
export type ToDecodeThread =
  | { type: 'open'; id: number; codec: VideoCodec }
  | { type: 'target'; id: number; target: DecodeTarget }
  | { type: 'slot'; id: number; targetId: number; slot: number }
  | { type: 'posters'; id: number; everyMs: number }
  | {
      type: 'frame';
      id: number;
      ticks: number;
      key: boolean;
      receivedAtMs: number;
      data: Uint8Array<ArrayBuffer>;
      unitBytes: number[];
    }
  | { type: 'close'; id: number }
  | typeof endOrder;

/** What one compressed Frame came to. */
export interface DecodedReport {
  type: 'decoded';
  id: number;
  /** False: the decoder refused it; Frames up to the next key frame are passed over. */
  ok: boolean;
  pictures: number;
  /** Pictures that were due for analysis and did not get there: replaced by a newer one, no slot, or no known arrival. */
  passedOver: number;
  /** Unix ms. */
  receivedAtMs: number;
  decodedAtMs: number;
  waiting?: WaitingPicture;
}

/** A picture that waits in the slot, to be taken by its generation. */
export interface WaitingPicture {
  targetId: number;
  slot: number;
  generation: number;
  ticks: number;
  width: number;
  height: number;
  receivedAtMs: number;
  decodedAtMs: number;
}

export type FromDecodeThread =
  | DecodedReport
  /** The decoder is there. */
  | { type: 'opened'; id: number }
  /** Nothing writes to slots of an older target any more. */
  | { type: 'targeted'; id: number; targetId: number }
  | { type: 'poster'; id: number; jpeg: Uint8Array<ArrayBuffer> }
  | { type: 'closed'; id: number }
  | { type: 'failed'; id: number; reason: string };
