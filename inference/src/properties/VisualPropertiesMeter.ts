import { rtpTicksBetween, videoClockRate, type VisualProperties } from '@framelock/server/protocol';
import type { AnalysedPicture } from '../exposure/cropThumbnail.ts';
import { ColourHistogram } from './ColourHistogram.ts';
import { fewestEdges, PictureSample, sampleCells } from './PictureSample.ts';
import { type SceneChange, SceneDetector } from './SceneDetector.ts';

/** Movement is what changed within this, RTP ticks, so that it does not depend on the rate of analysis; a bit early will do. */
const motionTicks = videoClockRate / 10;
const motionEarlyTicks = videoClockRate / 100;
/** Over a longer gap than this nothing moved, it is another picture. */
const longestMotionTicks = videoClockRate;
/** Squares of second differences over 1 pixel by those over 2: 1/16 where brightness only bends, 1/2 where it leaps. */
const blurred = 1 / 16;
const crisp = 1 / 2;
const maxCuts = 4;

export interface VisualPropertiesMeterOptions {
  /** A second of media time is over. Called inside `update` of the Frame after it, and by `finish`. */
  onSecond(properties: VisualProperties): void;
}

/**
 * Describes the analysed Frames of one Publication second by second (visualProperties.ts), from what the Model saw, in
 * 64 x 36 places. About 0.2 ms a Frame, and 1 ms more for the one a second after which colours are chosen; the others
 * make no objects.
 */
export class VisualPropertiesMeter {
  readonly #onSecond: (properties: VisualProperties) => void;
  readonly #sample = new PictureSample();
  readonly #scenes = new SceneDetector();
  readonly #still: SceneChange = { cut: false, changedShare: 0 };
  /** What movement is told by: the picture about 0.1 s before. */
  readonly #reference = new PictureSample();
  #referenceTicks = NaN;
  readonly #colours = new ColourHistogram();
  readonly #cuts: number[] = [];
  /** Frames ever; media time on a line of its own, and where the present second begins on it. */
  #number = 0;
  #ticks = 0;
  #beginTicks = 0;
  #lastRtp = 0;
  #firstRtp = 0;
  #frames = 0;
  #brightness = 0;
  #contrast = 0;
  #saturation = 0;
  #motion = 0;
  #motions = 0;
  #fine = 0;
  #coarse = 0;
  #edges = 0;

  constructor({ onSecond }: VisualPropertiesMeterOptions) {
    this.#onSecond = onSecond;
  }

  /**
   * Each analysed Frame, in order; the picture is read at once. `rtpTicks`: u32, or unwrapped. Tells whether it is the
   * first of another scene, in an object that the next call changes. A Frame of the same timestamp as the one before is
   * passed over.
   */
  update(picture: AnalysedPicture, rtpTicks: number): SceneChange {
    const gap = this.#number === 0 ? 0 : rtpTicksBetween(rtpTicks, this.#lastRtp);
    if (this.#number > 0 && gap === 0) return this.#still;
    this.#number++;
    if (gap < 0) {
      // Another clock: nothing before can be compared.
      this.#scenes.forget();
      this.#referenceTicks = NaN;
      this.#end();
      this.#beginTicks = this.#ticks;
    } else this.#ticks += gap;
    const seconds = Math.floor((this.#ticks - this.#beginTicks) / videoClockRate);
    if (seconds > 0) {
      this.#end();
      this.#beginTicks += seconds * videoClockRate;
    }
    this.#lastRtp = rtpTicks >>> 0;
    if (this.#frames === 0) this.#firstRtp = this.#lastRtp;
    return this.#add(picture);
  }

  #add(picture: AnalysedPicture): SceneChange {
    const sample = this.#sample;
    sample.fill(picture);
    this.#frames++;
    this.#brightness += sample.mean / 255;
    this.#contrast += sample.deviation / 127.5;
    this.#saturation += sample.chroma / (255 * sampleCells);
    this.#fine += sample.fine;
    this.#coarse += sample.coarse;
    this.#edges += sample.edges;
    this.#colours.add(sample);
    this.#addMotion();
    const scene = this.#scenes.compare(sample, this.#ticks);
    if (scene.cut && this.#cuts.length < maxCuts) this.#cuts.push(this.#lastRtp);
    return scene;
  }

  #addMotion(): void {
    const gap = this.#ticks - this.#referenceTicks;
    if (gap < motionTicks - motionEarlyTicks) return;
    if (gap <= longestMotionTicks) {
      this.#motion += this.#sample.changeSince(this.#reference);
      this.#motions++;
    }
    this.#reference.copyPixels(this.#sample);
    this.#referenceTicks = this.#ticks;
  }

  #end(): void {
    const frames = this.#frames;
    if (frames === 0) return;
    const share = (value: number): number => Math.max(0, Math.min(1, value));
    const isTold = this.#edges >= fewestEdges * frames && this.#coarse > 0;
    const properties: VisualProperties = {
      ...{ rtpTimestamp: this.#firstRtp, lastRtpTimestamp: this.#lastRtp, frames },
      brightness: share(this.#brightness / frames),
      contrast: share(this.#contrast / frames),
      saturation: share(this.#saturation / frames),
      motion: this.#motions > 0 ? share(this.#motion / this.#motions) : null,
      sharpness: isTold ? share((this.#fine / this.#coarse - blurred) / (crisp - blurred)) : null,
      cuts: this.#cuts.slice(),
      colours: this.#colours.dominant(),
    };
    this.#frames = this.#motions = this.#edges = this.#cuts.length = 0;
    this.#brightness = this.#contrast = this.#saturation = this.#motion = this.#fine = this.#coarse = 0;
    this.#colours.clear();
    this.#onSecond(properties);
  }

  /** The analysis is over: what there is of the present second is told. */
  finish(): void {
    this.#end();
  }
}
