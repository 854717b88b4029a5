import type { AnalysisView, DetectionMessage, ModelDescription } from '@framelock/server/protocol';
import type { Consumer } from 'mediasoup-client/types';
import { decodeDetections } from '../player/overlay/decodeDetections.ts';
import { Reconnector, type LinkEnd } from '../rtc/Reconnector.ts';
import { ViewerLink } from '../rtc/ViewerLink.ts';
import { installWrtc, type VideoSink } from './installWrtc.ts';
import { signalingUrlOf } from './signalingUrlOf.ts';

export interface HeadlessViewerOptions {
  /** e.g. `http://127.0.0.1:8080`. */
  serverUrl: string;
  streamId: string;
  token?: string;
  onDetections?(message: DetectionMessage): void;
  onProblem?(problem: LinkEnd): void;
}

/** A viewer in Node, for tests, load and a look from the command line: counts, shows nothing, recovers like the Player. */
export class HeadlessViewer {
  /** Decoded pictures, valid detection messages of the current Publications, and other messages, since it began. */
  frames = 0;
  detections = 0;
  malformed = 0;
  detectionBytes = 0;
  width = 0;
  height = 0;
  publicationId: string | undefined;
  analysis: AnalysisView | undefined;
  modelDescription: ModelDescription | undefined;
  readonly #reconnector: Reconnector<ViewerLink>;
  #sink: VideoSink | undefined;
  #closed = false;

  /** Resolves when joined; rejects with the Refusal that no retry can change. */
  static create(options: HeadlessViewerOptions): Promise<HeadlessViewer> {
    installWrtc();
    return new Promise((resolve, reject) => {
      const viewer: HeadlessViewer = new HeadlessViewer(options, () => resolve(viewer), reject);
    });
  }

  private constructor(options: HeadlessViewerOptions, onJoined: () => void, onFailed: (error: Error) => void) {
    this.#reconnector = new Reconnector({
      connect: () => this.#connect(options),
      onConnected: onJoined,
      onLost: (end) => options.onProblem?.(end),
      onFailed: (end) => {
        options.onProblem?.(end);
        onFailed(new Error(end.reason));
      },
    });
  }

  get reconnections(): number {
    return this.#reconnector.reconnections;
  }

  get closed(): boolean {
    return this.#closed;
  }

  #connect({ serverUrl, streamId, token, onDetections }: HeadlessViewerOptions): Promise<ViewerLink> {
    return ViewerLink.create({
      streamId,
      ...(token ? { token } : {}),
      signalingUrl: signalingUrlOf(serverUrl),
      onPublication: (publication) => (this.publicationId = publication?.id),
      onVideo: (consumer) => this.#watch(consumer),
      onAudio: () => undefined,
      onAnalysis: (analysis) => (this.analysis = analysis),
      onModelDescription: (description) => (this.modelDescription = description),
      onDetections: (bytes, publicationId) => {
        const message = decodeDetections(bytes);
        if (message?.pub !== publicationId) return void this.malformed++;
        this.detections++;
        this.detectionBytes += bytes.byteLength;
        onDetections?.(message);
      },
    });
  }

  #watch(consumer: Consumer): void {
    this.#sink?.stop();
    const sink = new (installWrtc().RTCVideoSink)(consumer.track);
    sink.onframe = ({ frame }) => {
      this.frames++;
      this.width = frame.width;
      this.height = frame.height;
    };
    this.#sink = sink;
  }

  close(reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#sink?.stop();
    this.#reconnector.link?.close(reason);
    this.#reconnector.close();
  }

  dump(): Record<string, unknown> {
    const { frames, detections, malformed, width, height, publicationId, reconnections, analysis } = this;
    return { frames, detections, malformed, width, height, publicationId, reconnections, analysis };
  }
}
