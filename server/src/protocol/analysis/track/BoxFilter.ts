/**
 * Kalman filter of one box: constant velocity of its centre's x and y, of the logarithm of its length (square root of
 * the area) and of the logarithm of its shape (width / height). With white noise as acceleration and noise that does
 * not mix them, the eight-dimensional filter of SORT (Bewley et al. 2016, arXiv:1602.00763) falls apart into four of two
 * dimensions each, which is exact and takes no matrices. Logarithms keep sides positive and make growth symmetric.
 *
 * State is in a caller's Float64Array, `filterFloats` from `at` on: per axis value, speed per second, variance of the
 * value, covariance, variance of the speed. Time is in seconds of media, so the rate of analysis may vary (Bar-Shalom,
 * Li, Kirubarajan, Estimation with Applications to Tracking and Navigation, 6.2.2: continuous white noise acceleration).
 */
export const filterFloats = 20;
const axisFloats = 5;

/** Floats of a prediction: x1, y1, x2, y2, then the variances of the centre's x and y that a measurement would have. */
export const predictionFloats = 6;

/** Of the logarithms; a shape is less sure than a size, for it is what partial cover changes. */
const sizeJitter = 1;
const shapeJitter = 2;
const startGrowth = 0.5;
const growthAgility = 0.5;
/** A growth seen in a few Frames says nothing of a second later: sizes are predicted no further than this, seconds. */
const growthHorizon = 0.25;
/** Sides smaller than this are taken as this: 0 has no logarithm. */
const minSide = 1e-4;

export interface FilterNoise {
  /** Lengths, lengths/s and lengths/s per square root of a second: see TrackParameters. */
  jitter: number;
  startSpeed: number;
  agility: number;
  agilityOfSpeed: number;
}

/** x, y = top left corner; 0..1 of the picture, as in DetectedObject. */
export interface FilterBox {
  x: number;
  y: number;
  w: number;
  h: number;
}

const side = (value: number): number => Math.max(minSide, value);
const logLengthOf = ({ w, h }: FilterBox): number => Math.log(side(w) * side(h)) / 2;
const logShapeOf = ({ w, h }: FilterBox): number => Math.log(side(w) / side(h));

/** First sight of a box: where it is, and that its speed is unknown. */
export function startFilter(state: Float64Array, at: number, box: FilterBox, noise: FilterNoise): void {
  const logLength = logLengthOf(box);
  const length = Math.exp(logLength);
  const { jitter } = noise;
  startAxis(state, at, box.x + box.w / 2, jitter * length, noise.startSpeed * length);
  startAxis(state, at + axisFloats, box.y + box.h / 2, jitter * length, noise.startSpeed * length);
  startAxis(state, at + 2 * axisFloats, logLength, jitter * sizeJitter, startGrowth);
  startAxis(state, at + 3 * axisFloats, logShapeOf(box), jitter * shapeJitter, startGrowth);
}

function startAxis(state: Float64Array, at: number, value: number, deviation: number, speedDeviation: number): void {
  state[at] = value;
  state[at + 1] = 0;
  state[at + 2] = deviation * deviation;
  state[at + 3] = 0;
  state[at + 4] = speedDeviation * speedDeviation;
}

/** Where the box will be `seconds` after it was last measured; the state stays as it is. */
export function predictBox(
  state: Float64Array,
  at: number,
  seconds: number,
  noise: FilterNoise,
  into: Float64Array,
  intoAt: number,
): void {
  const sizeAt = at + 2 * axisFloats;
  const shapeAt = at + 3 * axisFloats;
  const growthSeconds = Math.min(seconds, growthHorizon);
  const logLength = state[sizeAt]! + state[sizeAt + 1]! * growthSeconds;
  const logShape = state[shapeAt]! + state[shapeAt + 1]! * growthSeconds;
  const halfWidth = Math.exp(logLength + logShape / 2) / 2;
  const halfHeight = Math.exp(logLength - logShape / 2) / 2;
  const x = state[at]! + state[at + 1]! * seconds;
  const y = state[at + axisFloats]! + state[at + axisFloats + 1]! * seconds;
  into[intoAt] = x - halfWidth;
  into[intoAt + 1] = y - halfHeight;
  into[intoAt + 2] = x + halfWidth;
  into[intoAt + 3] = y + halfHeight;
  const length = Math.exp(state[sizeAt]!);
  const measured = (noise.jitter * length) ** 2;
  const acceleration = agilityOf(state, at, length, noise) ** 2;
  into[intoAt + 4] = varianceAfter(state, at, seconds, acceleration) + measured;
  into[intoAt + 5] = varianceAfter(state, at + axisFloats, seconds, acceleration) + measured;
}

/** What moves fast changes its speed fast, too. Picture widths per second and square root of a second. */
function agilityOf(state: Float64Array, at: number, length: number, noise: FilterNoise): number {
  const speed = Math.hypot(state[at + 1]!, state[at + axisFloats + 1]!);
  return noise.agility * length + noise.agilityOfSpeed * speed;
}

function varianceAfter(state: Float64Array, at: number, seconds: number, acceleration: number): number {
  const grown = state[at + 2]! + seconds * (2 * state[at + 3]! + seconds * state[at + 4]!);
  return grown + (acceleration * seconds ** 3) / 3;
}

/** Takes a measurement in, `seconds` after the last one. `doubt`: times the usual jitter, 1 for a sure detection. */
export function correctFilter(
  state: Float64Array,
  at: number,
  seconds: number,
  box: FilterBox,
  noise: FilterNoise,
  doubt: number,
): void {
  const length = Math.exp(state[at + 2 * axisFloats]!);
  const jitter = noise.jitter * doubt;
  const agility = agilityOf(state, at, length, noise);
  correctAxis(state, at, seconds, box.x + box.w / 2, jitter * length, agility);
  correctAxis(state, at + axisFloats, seconds, box.y + box.h / 2, jitter * length, agility);
  correctAxis(state, at + 2 * axisFloats, seconds, logLengthOf(box), jitter * sizeJitter, growthAgility);
  correctAxis(state, at + 3 * axisFloats, seconds, logShapeOf(box), jitter * shapeJitter, growthAgility);
}

function correctAxis(
  state: Float64Array,
  at: number,
  seconds: number,
  measured: number,
  deviation: number,
  agility: number,
): void {
  const q = agility * agility;
  const speed = state[at + 1]!;
  const value = state[at]! + speed * seconds;
  const variance = varianceAfter(state, at, seconds, q);
  const covariance = state[at + 3]! + seconds * state[at + 4]! + (q * seconds * seconds) / 2;
  const speedVariance = state[at + 4]! + q * seconds;
  const total = variance + deviation * deviation;
  const gain = variance / total;
  const speedGain = covariance / total;
  const surprise = measured - value;
  state[at] = value + gain * surprise;
  state[at + 1] = speed + speedGain * surprise;
  state[at + 2] = (1 - gain) * variance;
  state[at + 3] = (1 - gain) * covariance;
  state[at + 4] = speedVariance - speedGain * covariance;
}
