import { CaptureProblem } from './CaptureProblem.ts';

type CapturingVideo = HTMLVideoElement & { captureStream?(): MediaStream; mozCaptureStream?(): MediaStream };

/** A video file of the person at the page, played in a loop and captured. */
export class FileSource {
  readonly stream: MediaStream;
  readonly #video: HTMLVideoElement;
  readonly #url: string;
  #closed = false;

  static async create(file: File | undefined): Promise<FileSource> {
    if (!file) throw new CaptureProblem('notFound', 'Choose a video file first.');
    const video: CapturingVideo = document.createElement('video');
    const url = URL.createObjectURL(file);
    try {
      video.src = url;
      video.loop = true;
      video.playsInline = true;
      // Not `muted`: that would capture silence. Volume 0 keeps the sound in the capture only.
      video.volume = 0;
      await video.play();
      const stream = video.captureStream?.() ?? video.mozCaptureStream?.();
      if (!stream?.getVideoTracks()[0]) throw new CaptureProblem('unsupported', 'This browser cannot send a file.');
      return new FileSource(stream, video, url);
    } catch (error) {
      URL.revokeObjectURL(url);
      if (error instanceof CaptureProblem) throw error;
      throw new CaptureProblem('unsupported', `This browser cannot play ${file.name}.`, error);
    }
  }

  private constructor(stream: MediaStream, video: HTMLVideoElement, url: string) {
    this.stream = stream;
    this.#video = video;
    this.#url = url;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#video.pause();
    this.#video.removeAttribute('src');
    this.#video.load();
    URL.revokeObjectURL(this.#url);
  }
}
