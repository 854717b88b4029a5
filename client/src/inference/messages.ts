import type { BrowserAnalysisReport, BrowserProvider, Gallery } from '@framelock/server/protocol';
import type { DetectedObject } from '@framelock/server/protocol/analysis';
import type { BrowserModelSpec } from './BrowserModelSpec.ts';

/** Page -> worker of frames. */
export type ToFrameWorker =
  | { kind: 'begin'; frames: ReadableStream<VideoFrame>; sink: WritableStream<VideoFrame> }
  /** Another camera, into the same sink. */
  | { kind: 'frames'; frames: ReadableStream<VideoFrame> }
  /** To the worker of the model; undefined = there is none just now. */
  | { kind: 'model'; port: MessagePort | undefined }
  /** What is named by that gallery goes out under this revision from now on. */
  | { kind: 'gallery'; version: number; revision: number }
  /** Where detections are sent; without it none are. */
  | { kind: 'publication'; publication: PublicationKey | undefined }
  | { kind: 'clock'; offsetMs: number }
  /** Encoded frames pass on; captured ones do no more. */
  | { kind: 'release' };

export interface PublicationKey {
  id: string;
  /** Of the description that viewers were told. */
  revision: number;
  /** Whose labels those are: see `FrameResult`. */
  galleryVersion: number;
  /** Which transform carries it: one for each connection. */
  connection: number;
}

export type FrameReport = Pick<
  BrowserAnalysisReport,
  'reason' | 'timing' | 'analysisFps' | 'sourceFps' | 'width' | 'height' | 'dropped' | 'stageMs'
>;

/** Worker of frames -> page. */
export type FromFrameWorker =
  | { kind: 'detections'; bytes: Uint8Array<ArrayBuffer> }
  | { kind: 'report'; report: FrameReport }
  /** A frame has been with the model for too long. */
  | { kind: 'stalled' };

export interface TransformOptions {
  connection: number;
}

/** Page -> worker of the model. */
export interface LoadModel {
  kind: 'load';
  spec: BrowserModelSpec;
  providers: BrowserProvider[];
  threads: number;
  frames: MessagePort;
}
export type ToModelWorker = LoadModel | { kind: 'gallery'; gallery: Gallery; version: number };

/** Worker of the model -> page. */
export type FromModelWorker =
  | {
      kind: 'ready';
      provider: BrowserProvider;
      threads: number;
      /** Why providers that were to be preferred are not used. */
      problems: string[];
    }
  | { kind: 'failed'; reason: string };

/** Between the two workers. */
export interface FrameToAnalyse {
  id: number;
  frame: VideoFrame;
  /** The first one of another camera: nothing in it is what was followed. */
  isNewScene: boolean;
}

export interface FrameResult {
  id: number;
  /** Named, without embeddings. */
  objects: DetectedObject[];
  trackIds: number[];
  /** Which gallery named them: counts up in the page; 0 = none. */
  galleryVersion: number;
  preparedMs: number;
  ranMs: number;
}
