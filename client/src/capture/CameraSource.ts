import { TypedEmitter } from '../signaling/TypedEmitter.ts';
import { CaptureProblem } from './CaptureProblem.ts';
import { FileSource } from './FileSource.ts';

export { CaptureProblem } from './CaptureProblem.ts';

export interface CameraSourceOptions {
  kind: 'camera' | 'screen' | 'file';
  deviceId?: string;
  /** Wanted size, pixels, and rate; the device gives its nearest. Default 1280 x 720 at 30. */
  width?: number;
  height?: number;
  frameRate?: number;
  audio: boolean;
  /** For kind `file`: a video the browser can play; it loops. */
  file?: File;
  /** `motion` keeps the rate, `detail` the sharpness. Default: motion, and detail for a screen. */
  contentHint?: 'motion' | 'detail' | 'text';
}

export interface CaptureDevice {
  deviceId: string;
  kind: 'camera' | 'microphone';
  /** Empty until the page may use a camera. */
  label: string;
}

export interface CameraSourceEvents {
  /** A track ended by itself: device unplugged, permission taken back, screen sharing stopped. */
  ended: CaptureProblem;
}

/** One source of pictures (and sound) in this page: camera, screen or a file. Owns its tracks and stops them. */
export class CameraSource {
  readonly stream: MediaStream;
  readonly kind: CameraSourceOptions['kind'];
  readonly #events = new TypedEmitter<CameraSourceEvents>();
  readonly #file: FileSource | undefined;
  #closed = false;

  /** Rejects with a CaptureProblem. A missing microphone is no reason to have no picture: then audioTrack is undefined. */
  static async create(options: CameraSourceOptions): Promise<CameraSource> {
    try {
      if (options.kind === 'file') {
        const file = await FileSource.create(options.file);
        return new CameraSource(options, file.stream, file);
      }
      return new CameraSource(options, await capture(options));
    } catch (error) {
      throw CaptureProblem.from(error);
    }
  }

  private constructor(options: CameraSourceOptions, stream: MediaStream, file?: FileSource) {
    this.kind = options.kind;
    this.stream = stream;
    this.#file = file;
    const video = stream.getVideoTracks()[0];
    if (!video) throw new CaptureProblem('notFound');
    video.contentHint = options.contentHint ?? (options.kind === 'screen' ? 'detail' : 'motion');
    if (!options.audio) {
      for (const track of stream.getAudioTracks()) {
        track.stop();
        stream.removeTrack(track);
      }
    }
    for (const track of stream.getTracks()) track.addEventListener('ended', () => this.#onEnded(track));
  }

  get videoTrack(): MediaStreamTrack {
    return this.stream.getVideoTracks()[0]!;
  }

  get audioTrack(): MediaStreamTrack | undefined {
    return this.stream.getAudioTracks()[0];
  }

  get closed(): boolean {
    return this.#closed;
  }

  on<E extends keyof CameraSourceEvents>(event: E, listener: (data: CameraSourceEvents[E]) => void): () => void {
    return this.#events.on(event, listener);
  }

  #onEnded(track: MediaStreamTrack): void {
    if (this.#closed) return;
    const what =
      this.kind === 'screen'
        ? 'Screen sharing was stopped.'
        : track.kind === 'audio'
          ? 'The microphone was disconnected.'
          : 'The camera was disconnected.';
    this.#events.emit('ended', new CaptureProblem('ended', what));
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const track of this.stream.getTracks()) track.stop();
    this.#file?.close();
    this.#events.clear();
  }
}

/** Cameras and microphones of this machine; labels only once the page was allowed one. */
export async function listDevices(): Promise<CaptureDevice[]> {
  const all = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
  return all.flatMap(({ deviceId, kind, label }): CaptureDevice[] => {
    if (kind === 'videoinput') return [{ deviceId, kind: 'camera', label }];
    if (kind === 'audioinput') return [{ deviceId, kind: 'microphone', label }];
    return [];
  });
}

/** Calls back when a device is plugged in or out; answers the function that stops it. */
export function onDevicesChanged(listener: () => void): () => void {
  const devices = navigator.mediaDevices;
  if (!devices) return () => undefined;
  devices.addEventListener('devicechange', listener);
  return () => devices.removeEventListener('devicechange', listener);
}

async function capture(options: CameraSourceOptions): Promise<MediaStream> {
  if (!globalThis.isSecureContext) throw new CaptureProblem('insecure');
  const devices = navigator.mediaDevices;
  if (!devices) throw new CaptureProblem('unsupported');
  const { width = 1280, height = 720, frameRate = 30, deviceId, audio } = options;
  if (options.kind === 'screen') {
    if (!('getDisplayMedia' in devices)) throw new CaptureProblem('unsupported', 'This browser cannot share a screen.');
    return devices.getDisplayMedia({ video: { frameRate: { ideal: frameRate } }, audio });
  }
  const video: MediaTrackConstraints = {
    width: { ideal: width },
    height: { ideal: height },
    frameRate: { ideal: frameRate },
    ...(deviceId ? { deviceId: { exact: deviceId } } : { facingMode: 'environment' }),
  };
  if (!audio) return devices.getUserMedia({ video });
  try {
    return await devices.getUserMedia({ video, audio: { echoCancellation: true, noiseSuppression: true } });
  } catch (error) {
    // With no microphone the whole request is refused: ask for the picture alone, whose own refusal then says why.
    if (CaptureProblem.from(error).code === 'insecure') throw error;
    return devices.getUserMedia({ video });
  }
}
