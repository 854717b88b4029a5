import { rtpTicksBetween, videoClockRate } from '../index.ts';
import type { DetectedObject } from './DetectedObject.ts';

/** An ObjectTrack that was not seen for this long is over, RTP ticks. */
const forgetAfterTicks = videoClockRate;
const maxTracks = 1000;
/** Overlap of an object with a track's predicted box that makes them the same for certain. */
const minIou = 0.2;
/** Otherwise its centre may lie this many box lengths from the prediction, and its sides differ by this factor. */
const maxJump = 2;
const maxGrowth = 1.8;

type TrackedBox = Omit<DetectedObject, 'score' | 'embedding'>;

interface ObjectTrack {
  id: number;
  /** A copy: whoever names an object afterwards changes its label. */
  box: TrackedBox;
  /** Of the centre, 0..1 of the picture per tick. */
  velocityX: number;
  velocityY: number;
  seenAtTicks: number;
}

/**
 * Gives the objects of one Publication's analysed Frames lasting ids: greedy matching of the best pairs first, by
 * overlap with each track's box moved on at its last speed, then by nearness for objects faster than their own width.
 */
export class Tracker {
  #tracks: ObjectTrack[] = [];
  #nextId = 1;

  /** Track ids (from 1), one for each object in its order. Call with analysed Frames in their order. */
  update(objects: readonly DetectedObject[], rtpTicks: number): number[] {
    this.#tracks = this.#tracks.filter((track) => {
      const ageTicks = rtpTicksBetween(rtpTicks, track.seenAtTicks);
      return ageTicks >= 0 && ageTicks <= forgetAfterTicks;
    });
    const ids = new Array<number>(objects.length).fill(0);
    const taken = new Set<ObjectTrack>();
    for (const { track, index } of this.#pairs(objects, rtpTicks)) {
      if (ids[index] !== 0 || taken.has(track)) continue;
      taken.add(track);
      ids[index] = track.id;
      follow(track, objects[index]!, rtpTicks);
    }
    for (const [index, box] of objects.entries()) {
      if (ids[index] !== 0) continue;
      const id = this.#nextId++;
      ids[index] = id;
      this.#tracks.push({ id, box: boxOf(box), velocityX: 0, velocityY: 0, seenAtTicks: rtpTicks });
    }
    if (this.#tracks.length > maxTracks) this.#tracks.splice(0, this.#tracks.length - maxTracks);
    return ids;
  }

  #pairs(objects: readonly DetectedObject[], rtpTicks: number) {
    const pairs: { track: ObjectTrack; index: number; likeness: number }[] = [];
    for (const track of this.#tracks) {
      const predicted = predict(track, rtpTicks);
      for (const [index, object] of objects.entries()) {
        if (object.label !== track.box.label) continue;
        const likeness = likenessOf(predicted, object);
        if (likeness > 0) pairs.push({ track, index, likeness });
      }
    }
    return pairs.sort((a, b) => b.likeness - a.likeness);
  }
}

const boxOf = ({ label, x, y, w, h }: DetectedObject): TrackedBox => ({ label, x, y, w, h });

function predict({ box, velocityX, velocityY, seenAtTicks }: ObjectTrack, rtpTicks: number): TrackedBox {
  const ticks = rtpTicksBetween(rtpTicks, seenAtTicks);
  return { ...box, x: box.x + velocityX * ticks, y: box.y + velocityY * ticks };
}

function follow(track: ObjectTrack, box: DetectedObject, rtpTicks: number): void {
  const ticks = rtpTicksBetween(rtpTicks, track.seenAtTicks);
  if (ticks > 0) {
    track.velocityX = (box.x + box.w / 2 - track.box.x - track.box.w / 2) / ticks;
    track.velocityY = (box.y + box.h / 2 - track.box.y - track.box.h / 2) / ticks;
  }
  track.box = boxOf(box);
  track.seenAtTicks = rtpTicks;
}

/** 1..2 for boxes that overlap enough, 0..1 for near ones of like size, 0 for strangers. */
function likenessOf(a: TrackedBox, b: TrackedBox): number {
  const width = Math.min(a.x + a.w, b.x + b.w) - Math.max(a.x, b.x);
  const height = Math.min(a.y + a.h, b.y + b.h) - Math.max(a.y, b.y);
  const overlap = width > 0 && height > 0 ? width * height : 0;
  const iou = overlap / (a.w * a.h + b.w * b.h - overlap);
  if (iou >= minIou) return 1 + iou;
  if (Math.max(a.w / b.w, b.w / a.w, a.h / b.h, b.h / a.h) > maxGrowth) return 0;
  const dx = (a.x + a.w / 2 - b.x - b.w / 2) / Math.max(a.w, b.w);
  const dy = (a.y + a.h / 2 - b.y - b.h / 2) / Math.max(a.h, b.h);
  return Math.max(0, 1 - Math.hypot(dx, dy) / maxJump);
}
