import { videoClockRate } from '../../rtpTime.ts';
import { type Random, seededRandom } from '../../tap/testPackets.ts';
import type { DetectedObject } from '../DetectedObject.ts';
import type { IdentifiedBox } from './evaluateTracks.ts';

/** For tests and benches: sequences as a detector would see them, with their truth, in the manner of the MOT challenge. */
export interface SceneOptions {
  seed: number;
  objects: number;
  seconds: number;
  /** Analysed Frames per second; each gap is drawn between the two. */
  fps: readonly [number, number];
  /** Of the picture's height; each object's own is drawn between the two. */
  height?: readonly [number, number];
  /** Lengths per second, typical. */
  speed?: number;
  /** How much of its speed an object changes in a second. */
  restless?: number;
  /** Share of visible objects that the detector does not see. */
  missed?: number;
  /** Of nothing, per Frame. */
  falsePositives?: number;
  /** Standard deviation of a box's edges, of its sides. */
  jitter?: number;
  /** How often an object goes behind something, per second, and for how long, seconds. */
  hiddenEvery?: number;
  hiddenFor?: readonly [number, number];
  /** Other objects everywhere, seconds. */
  cutEvery?: number;
  labels?: number;
}

export interface SceneFrame {
  rtpTicks: number;
  /** What can be seen, by identity. */
  truth: IdentifiedBox[];
  /** Best score first, as Models give them. */
  objects: DetectedObject[];
  /** The first one after a cut. */
  isCut: boolean;
}

const base = { seconds: 30, fps: [15, 15] } as const;

/** What tests and the bench hold Trackers against, from easy to hard. */
export const trackScenes = {
  easy: { ...base, objects: 10 },
  crossings: { ...base, objects: 20, speed: 2, height: [0.15, 0.3] },
  occlusions: { ...base, objects: 12, hiddenEvery: 0.25, hiddenFor: [0.3, 1] },
  longOcclusions: { ...base, objects: 12, hiddenEvery: 0.25, hiddenFor: [0.8, 1], restless: 0.2 },
  missesAndFalse: { ...base, objects: 15, missed: 0.15, falsePositives: 2 },
  jitter: { ...base, objects: 15, jitter: 0.07 },
  varyingFps: { ...base, objects: 15, fps: [4, 30], missed: 0.05, falsePositives: 0.5 },
  fewFps: { ...base, objects: 10, fps: [3, 5], speed: 2 },
  fast: { ...base, objects: 6, fps: [10, 15], speed: 8 },
  cuts: { ...base, objects: 8, cutEvery: 4 },
  crowd: { ...base, objects: 50, labels: 3, hiddenEvery: 0.1, falsePositives: 1, fps: [8, 20] },
} satisfies Record<string, Omit<SceneOptions, 'seed'>>;
export type SceneName = keyof typeof trackScenes;

interface Thing {
  id: number;
  label: number;
  x: number;
  y: number;
  w: number;
  h: number;
  vx: number;
  vy: number;
  growth: number;
  nextHiddenAt: number;
  hiddenUntil: number;
  isNearer: number;
  /** Others leave the picture, and another one comes. */
  turnsBack: boolean;
}

/** Of an object that something nearer covers: from the first on it is half seen, from the second on not at all. */
const halfCovered = 0.3;
const covered = 0.65;
const stepSeconds = 1 / 60;

export function makeScene(options: SceneOptions): SceneFrame[] {
  const random = seededRandom(options.seed);
  const { cutEvery = Infinity } = options;
  const ids = { next: 1 };
  let things = Array.from({ length: options.objects }, () => newThing(random, options, ids.next++, 0));
  const frames: SceneFrame[] = [];
  let cuts = 0;
  let now = 0;
  let simulated = 0;
  let ticks = 2 ** 32 - 3 * videoClockRate; // so that most scenes go over the wrap
  while (now < options.seconds) {
    const isCut = now >= (cuts + 1) * cutEvery;
    if (isCut) {
      cuts++;
      things = things.map(() => newThing(random, options, ids.next++, now));
    }
    for (; simulated < now; simulated += stepSeconds) {
      things = things.map((thing) => {
        move(thing, random, options, simulated);
        const isGone = thing.x < -thing.w / 2 || thing.x > 1 + thing.w / 2 || thing.y < 0 || thing.y > 1;
        return isGone ? newThing(random, options, ids.next++, now) : thing;
      });
    }
    const visible = things.filter((thing) => now >= thing.hiddenUntil && coverOf(thing, things) < covered);
    const truth = visible.map(boxOf).filter(({ w, h }, i) => w * h > 0.3 * visible[i]!.w * visible[i]!.h);
    const objects = detect(visible, things, random, options);
    frames.push({ rtpTicks: ticks >>> 0, truth, objects, isCut });
    const gap = 1 / between(random, options.fps);
    now += gap;
    ticks += Math.round(gap * videoClockRate);
  }
  return frames;
}

const between = (random: Random, [from, to]: readonly [number, number]): number => from + random() * (to - from);
/** Nearly normal, of deviation 1. */
const normal = (random: Random): number => (random() + random() + random() + random() - 2) * Math.sqrt(3);

function newThing(random: Random, options: SceneOptions, id: number, now: number): Thing {
  const { height = [0.08, 0.2], speed = 1, labels = 1 } = options;
  const h = between(random, height);
  const w = h * between(random, [0.3, 1]) * (9 / 16);
  const length = Math.sqrt(w * h);
  const direction = random() * 2 * Math.PI;
  const pace = speed * length * (0.5 + random());
  return {
    ...{ id, label: Math.floor(random() * labels), w, h, growth: 0 },
    x: 0.05 + 0.9 * random(),
    y: 0.05 + 0.9 * random(),
    vx: pace * Math.cos(direction),
    vy: pace * Math.sin(direction) * 0.5,
    nextHiddenAt: now + hiddenAfter(random, options),
    hiddenUntil: 0,
    isNearer: random(),
    turnsBack: random() < 0.7,
  };
}

const hiddenAfter = (random: Random, { hiddenEvery = 0 }: SceneOptions): number =>
  hiddenEvery === 0 ? Infinity : 0.5 - Math.log(1 - random()) / hiddenEvery;

function move(thing: Thing, random: Random, options: SceneOptions, now: number): void {
  const { restless = 0.5, speed = 1, hiddenFor = [0.3, 1] } = options;
  const push = restless * speed * Math.sqrt(thing.w * thing.h) * Math.sqrt(stepSeconds);
  thing.vx += push * normal(random);
  thing.vy += push * normal(random) * 0.5;
  thing.x += thing.vx * stepSeconds;
  thing.y += thing.vy * stepSeconds;
  if (thing.turnsBack) {
    thing.vx += pullInside(thing.x, thing.vx) * stepSeconds;
    thing.vy += pullInside(thing.y, thing.vy) * stepSeconds;
  }
  thing.growth += 0.1 * normal(random) * Math.sqrt(stepSeconds) - thing.growth * stepSeconds;
  thing.w *= 1 + thing.growth * stepSeconds;
  thing.h *= 1 + thing.growth * stepSeconds;
  if (now < thing.nextHiddenAt) return;
  thing.hiddenUntil = now + between(random, hiddenFor);
  thing.nextHiddenAt = thing.hiddenUntil + hiddenAfter(random, options);
}

/** Back from the outer sixth, as strongly as would stop it at the edge. */
function pullInside(at: number, speed: number): number {
  const border = 0.16;
  const isLeaving = (at < border && speed <= 0) || (at > 1 - border && speed >= 0);
  if (!isLeaving) return 0;
  return (-Math.sign(speed) * Math.max(speed * speed, 1e-4)) / (2 * (border / 2));
}

/** Its largest share that one nearer thing hides. */
function coverOf(thing: Thing, things: readonly Thing[]): number {
  let most = 0;
  for (const other of things) {
    if (other.isNearer <= thing.isNearer) continue;
    const width = (thing.w + other.w) / 2 - Math.abs(thing.x - other.x);
    const height = (thing.h + other.h) / 2 - Math.abs(thing.y - other.y);
    const share = (Math.min(thing.w, other.w, width) * Math.min(thing.h, other.h, height)) / (thing.w * thing.h);
    if (width > 0 && height > 0) most = Math.max(most, share);
  }
  return most;
}

function boxOf({ id, x, y, w, h }: Thing): IdentifiedBox {
  return { id, ...clipped(x - w / 2, y - h / 2, x + w / 2, y + h / 2) };
}

function clipped(x1: number, y1: number, x2: number, y2: number) {
  const clip = (value: number) => Math.min(1, Math.max(0, value));
  const [left, top] = [clip(x1), clip(y1)];
  return { x: left, y: top, w: Math.max(0, clip(x2) - left), h: Math.max(0, clip(y2) - top) };
}

function detect(visible: readonly Thing[], things: readonly Thing[], random: Random, options: SceneOptions) {
  const { missed = 0.03, falsePositives = 0.2, jitter = 0.03, labels = 1 } = options;
  const objects: DetectedObject[] = [];
  for (const thing of visible) {
    const cover = coverOf(thing, things);
    const isHalf = cover > halfCovered;
    if (random() < (isHalf ? 3 * missed : missed)) continue;
    const blur = isHalf ? 2 * jitter : jitter;
    const { x, y, w, h } = boxOf(thing);
    const box = clipped(
      x + blur * w * normal(random),
      y + blur * h * normal(random),
      x + w + blur * w * normal(random),
      y + h + blur * h * normal(random),
    );
    if (box.w * box.h < 0.3 * thing.w * thing.h) continue;
    const score = isHalf ? between(random, [0.35, 0.6]) : between(random, [0.45, 0.98]);
    objects.push({ label: thing.label, score, ...box });
  }
  for (let due = falsePositives; random() < due; due--) {
    const [w, h] = [between(random, [0.02, 0.15]), between(random, [0.04, 0.25])];
    const [x, y] = [random() * (1 - w), random() * (1 - h)];
    objects.push({ label: Math.floor(random() * labels), score: between(random, [0.35, 0.65]), x, y, w, h });
  }
  return objects.sort((a, b) => b.score - a.score);
}
