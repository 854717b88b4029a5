import { rtpTicksBetween, videoClockRate } from '@framelock/server/protocol';
import type { DrawnBox, PictureRect } from './DrawnRecord.ts';

/** How much of its past an object draws behind it. */
const trailTicks = videoClockRate;
/** Of one object: 60 pictures a second, and some. */
const positions = 72;
const maxTrails = 300;
/** A trail fades in so many steps, each one stroke. */
const fadeSteps = 5;

/** Last places of one ObjectTrack, the oldest first from `head` on, in rings that are used again. */
class Trail {
  readonly xs = new Float32Array(positions);
  readonly ys = new Float32Array(positions);
  readonly rtps = new Float64Array(positions);
  head = 0;
  length = 0;
  color = '';

  add(x: number, y: number, rtp: number): void {
    const at = (this.head + this.length) % positions;
    this.xs[at] = x;
    this.ys[at] = y;
    this.rtps[at] = rtp;
    if (this.length < positions) this.length++;
    else this.head = (this.head + 1) % positions;
  }

  forgetBefore(rtp: number): void {
    while (this.length > 0 && rtpTicksBetween(rtp, this.rtps[this.head]!) > trailTicks) {
      this.head = (this.head + 1) % positions;
      this.length--;
    }
  }
}

/** The way that each object went in the last second, as it was drawn. */
export class TrailLayer {
  readonly #trails = new Map<number, Trail>();
  readonly #unused: Trail[] = [];
  #publicationId = '';
  #rtp: number | undefined;

  /** Once for each picture. Objects without an ObjectTrack have no past. */
  add(publicationId: string, rtp: number, boxes: readonly DrawnBox[]): void {
    const passed = this.#rtp === undefined ? 0 : rtpTicksBetween(rtp, this.#rtp);
    if (publicationId !== this.#publicationId || passed < 0 || passed > trailTicks) this.clear();
    this.#publicationId = publicationId;
    this.#rtp = rtp;
    for (let i = 0; i < boxes.length; i++) {
      const box = boxes[i]!;
      if (box.trackId === 0) continue;
      let trail = this.#trails.get(box.trackId);
      if (!trail) {
        if (this.#trails.size >= maxTrails) continue;
        trail = this.#unused.pop() ?? new Trail();
        this.#trails.set(box.trackId, trail);
      }
      trail.color = box.color;
      trail.add(box.x + box.w / 2, box.y + box.h, rtp);
    }
    for (const [trackId, trail] of this.#trails) {
      trail.forgetBefore(rtp);
      if (trail.length > 0) continue;
      this.#trails.delete(trackId);
      this.#release(trail);
    }
  }

  #release(trail: Trail): void {
    trail.head = trail.length = 0;
    this.#unused.push(trail);
  }

  clear(): void {
    for (const trail of this.#trails.values()) this.#release(trail);
    this.#trails.clear();
    this.#rtp = undefined;
  }

  draw(context: CanvasRenderingContext2D, rect: PictureRect, lineWidth: number): void {
    if (this.#trails.size === 0 || this.#rtp === undefined) return;
    context.save();
    context.beginPath();
    context.rect(rect.x, rect.y, rect.width, rect.height);
    context.clip();
    context.lineWidth = lineWidth * 1.5;
    context.lineJoin = 'round';
    context.lineCap = 'round';
    for (const trail of this.#trails.values()) this.#drawOne(context, rect, trail, this.#rtp);
    context.restore();
  }

  #drawOne(context: CanvasRenderingContext2D, rect: PictureRect, trail: Trail, now: number): void {
    context.strokeStyle = trail.color;
    let step = -1;
    for (let i = 1; i < trail.length; i++) {
      const from = (trail.head + i - 1) % positions;
      const to = (trail.head + i) % positions;
      const age = rtpTicksBetween(now, trail.rtps[to]!) / trailTicks;
      const nextStep = Math.min(fadeSteps - 1, Math.floor((1 - age) * fadeSteps));
      if (nextStep !== step) {
        if (step >= 0) context.stroke();
        step = nextStep;
        context.globalAlpha = (step + 1) / (fadeSteps + 0.5);
        context.beginPath();
        context.moveTo(rect.x + trail.xs[from]! * rect.width, rect.y + trail.ys[from]! * rect.height);
      }
      context.lineTo(rect.x + trail.xs[to]! * rect.width, rect.y + trail.ys[to]! * rect.height);
    }
    if (step >= 0) context.stroke();
  }
}
