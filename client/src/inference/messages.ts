import type { BrowserAnalysisReport, BrowserProvider, Gallery } from '@framelock/server/protocol';
import type { BrowserModelSpec } from './BrowserModelSpec.ts';

/** Page -> worker of frames. */
export type ToFrameWorker =
  | {
      kind: 'begin';
      frames: ReadableStream<VideoFrame>;
      sink: WritableStream<VideoFrame>;
      /** To the worker of the model. */
      model: MessagePort;
      brands: { unknownThreshold: number; matchThreshold: number } | undefined;
    }
  /** Another camera, into the same sink. */
  | { kind: 'frames'; frames: ReadableStream<VideoFrame> }
  | { kind: 'gallery'; gallery: Gallery; revision: number }
  /** Where detections are sent; without it none are. */
  | { kind: 'publication'; publication: PublicationKey | undefined }
  | { kind: 'clock'; offsetMs: number };

export interface PublicationKey {
  id: string;
  /** Of the description that viewers were told. */
  revision: number;
  /** Which transform carries it: one for each connection. */
  connection: number;
}

export type FrameReport = Pick<
  BrowserAnalysisReport,
  'reason' | 'timing' | 'analysisFps' | 'sourceFps' | 'width' | 'height' | 'dropped' | 'stageMs'
>;

/** Worker of frames -> page. */
export type FromFrameWorker =
  { kind: 'detections'; bytes: Uint8Array<ArrayBuffer> } | { kind: 'report'; report: FrameReport } | { kind: 'ended' };

export interface TransformOptions {
  connection: number;
}

/** Page -> worker of the model. */
export interface LoadModel {
  spec: BrowserModelSpec;
  providers: BrowserProvider[];
  threads: number;
  frames: MessagePort;
}

/** Worker of the model -> page. */
export type FromModelWorker =
  { kind: 'ready'; provider: BrowserProvider; threads: number } | { kind: 'failed'; reason: string };

/** Between the two workers. */
export interface FrameToAnalyse {
  id: number;
  frame: VideoFrame;
}

export interface FrameResult {
  id: number;
  packed: Float32Array;
  count: number;
  embeddings?: Float32Array;
  preparedMs: number;
  ranMs: number;
}
