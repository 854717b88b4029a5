import type { BrandNamer, DetectedObject, NamedMark } from '@framelock/server/protocol/analysis';
import type { AnalysedPicture } from '../exposure/cropThumbnail.ts';
import type { ExposureReporter } from '../exposure/ExposureReporter.ts';

/** What a brand model adds to the analysis of one Publication: names, and for how long each was on screen. */
export class BrandAnalysis {
  readonly #openExposure: () => ExposureReporter;
  #exposure: ExposureReporter | undefined;
  readonly #marks: NamedMark[] = [];

  constructor(options: { openExposure(): ExposureReporter }) {
    this.#openExposure = options.openExposure;
  }

  /** Names the marks of a Frame in place and meters them. Call with Frames in their order, while the tensor is theirs. */
  analyse(
    namer: BrandNamer,
    objects: DetectedObject[],
    trackIds: number[],
    ticks: number,
    wallMs: number,
    picture: AnalysedPicture,
  ): void {
    namer.name(objects, trackIds, ticks);
    // Until the server has told which brands are wanted, the bundled ones are only shown.
    if (namer.index.revision === 0) return;
    this.#exposure ??= this.#openExposure();
    const marks = this.#marks;
    marks.length = 0;
    for (const [i, { label, score, x, y, w, h }] of objects.entries()) {
      const brand = namer.index.brands[label - 1];
      if (!brand) continue;
      const trackId = trackIds[i]!;
      const leadTicks = namer.leadTicksOf(trackId);
      marks.push({ trackId, brandId: brand.id, name: brand.name, score, x, y, w, h, leadTicks });
    }
    this.#exposure.update({ marks, rtpTicks: ticks, wallMs, picture });
  }

  close(): void {
    this.#exposure?.finish();
  }
}
