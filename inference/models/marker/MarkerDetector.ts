import '../../src/detect/noTelemetry.ts';
import { readFileSync } from 'node:fs';
import ort from 'onnxruntime-node';
import type { Picture } from './drawMarker.ts';
import { letterboxOf, modelInput, readDetections, type FoundMarker } from './modelInput.ts';
import { modelSize } from './pyramid.ts';

/** The committed model on whole pictures, for tests and figures; the pipeline has its own Detector. */
export class MarkerDetector {
  readonly #session: ort.InferenceSession;

  private constructor(session: ort.InferenceSession) {
    this.#session = session;
  }

  static async create(): Promise<MarkerDetector> {
    const bytes = readFileSync(new URL('marker.onnx', import.meta.url));
    return new MarkerDetector(await ort.InferenceSession.create(bytes, { intraOpNumThreads: 1, interOpNumThreads: 1 }));
  }

  /** Rows of each input [3, 288, 512], one batch. */
  async run(inputs: Float32Array[]): Promise<Float32Array[]> {
    const size = 3 * modelSize.width * modelSize.height;
    const batch = new Float32Array(size * inputs.length);
    inputs.forEach((input, at) => batch.set(input, at * size));
    const dims = [inputs.length, 3, modelSize.height, modelSize.width];
    const { detections } = await this.#session.run({ images: new ort.Tensor('float32', batch, dims) });
    const rows = detections!.data as Float32Array;
    return inputs.map((_, at) => rows.slice(at * modelSize.rows * 6, (at + 1) * modelSize.rows * 6));
  }

  async detect(picture: Picture, minScore = 0.5): Promise<FoundMarker[]> {
    const [rows] = await this.run([modelInput(picture)]);
    return readDetections(rows!, letterboxOf(picture.width, picture.height), minScore);
  }

  async close(): Promise<void> {
    await this.#session.release();
  }
}
