import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FrameKeys } from './FrameKeys.ts';

interface Pipeline {
  frames: number;
  fps: number;
  /** Of capture times, ms. */
  jitterMs: number;
  /** The encoder's delay, ms: least, and how much it varies. */
  delayMs: number;
  delayJitterMs: number;
  /** Share of frames that the encoder drops. */
  drops: number;
  /** RTP of time 0. */
  begin: number;
  /** By how much the capture clock runs wrong against RTP, ppm. */
  driftPpm: number;
  /** Where the RTP clock jumps, and by how many ms. */
  jump?: { atFrame: number; ms: number };
  /** Share of frames after which libwebrtc sends the picture once more, in between, under the time of then. */
  repeats?: number;
  seed: number;
}

/** A camera, an encoder that keeps order, and what the keys said of each frame against the truth. */
function run(pipeline: Pipeline) {
  const { frames, fps, jitterMs, delayMs, delayJitterMs, drops, begin, driftPpm, jump, repeats = 0 } = pipeline;
  let state = pipeline.seed >>> 0 || 1;
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  const keys = new FrameKeys();
  const outputs: { id: number; rtp: number; atMs: number }[] = [];
  /** Of each encoded captured frame. */
  const truth = new Map<number, number>();
  const verdicts = { right: 0, wrong: 0, came: 0 };
  let lastOutMs = 0;
  const drain = (untilMs: number): void => {
    while (outputs[0] && outputs[0].atMs <= untilMs) {
      const { id, rtp, atMs } = outputs.shift()!;
      if (id >= 0) verdicts.came++;
      if (id >= 0) truth.set(id, rtp);
      for (const key of keys.encoded(rtp, atMs)) {
        if (truth.get(key.id) === key.rtpTimestamp) verdicts.right++;
        else verdicts.wrong++;
      }
    }
  };
  const encode = (id: number, capturedMs: number, jumpMs: number): void => {
    if (random() < drops) return;
    const rtp = (begin + Math.round(capturedMs * (1 + driftPpm / 1e6) + jumpMs) * 90) >>> 0;
    lastOutMs = Math.max(lastOutMs + 0.1, capturedMs + delayMs + random() * delayJitterMs);
    outputs.push({ id, rtp, atMs: lastOutMs });
  };
  let pilotUs: number | undefined;
  let repeatMs = Infinity;
  for (let id = 0; id < frames; id++) {
    const capturedMs = 1_000 + (id * 1000) / fps + random() * jitterMs;
    const jumpMs = jump && id >= jump.atFrame ? jump.ms : 0;
    if (pilotUs !== undefined && pilotUs / 1000 < capturedMs) {
      drain(pilotUs / 1000);
      keys.pilotWritten(pilotUs, pilotUs / 1000);
      encode(-1, pilotUs / 1000, jumpMs);
    }
    if (repeatMs < capturedMs - 5) encode(-1, repeatMs, jumpMs);
    repeatMs = random() < repeats ? capturedMs + 700 / fps : Infinity;
    drain(capturedMs);
    const timestampUs = Math.round(capturedMs * 1000);
    keys.written(id, timestampUs, capturedMs);
    pilotUs = keys.pilotAfter();
    encode(id, capturedMs, jumpMs);
  }
  drain(Infinity);
  return { ...verdicts, keys };
}

const calm: Pipeline = {
  ...{ frames: 400, fps: 30, jitterMs: 1, delayMs: 5, delayJitterMs: 5, drops: 0, begin: 1_000, driftPpm: 0, seed: 7 },
};

describe('keys of frames', () => {
  it('all frames after the proof have theirs', () => {
    const { right, wrong, keys } = run(calm);
    expect(wrong).toBe(0);
    expect(keys.timing).toBe('known');
    expect(right).toBeGreaterThan(330);
  });

  it('across the wrap of RTP timestamps', () => {
    const { right, wrong } = run({ ...calm, begin: 2 ** 32 - 500_000 });
    expect(wrong).toBe(0);
    expect(right).toBeGreaterThan(330);
  });

  it('with an encoder that is slower than a frame takes, and drops some', () => {
    const { right, wrong, keys } = run({ ...calm, frames: 900, delayMs: 45, delayJitterMs: 20, drops: 0.01 });
    expect(wrong).toBe(0);
    // Each frame was written: none is missing but those that the encoder dropped.
    expect(right).toBeGreaterThan(850);
    expect(keys.counts.droppedByEncoder).toBeGreaterThan(0);
  });

  it('at 60 frames a second, and where the encoder’s delay varies by more than a frame', () => {
    const busy = { ...calm, frames: 900, delayJitterMs: 60, drops: 0.05 };
    for (const pipeline of [busy, { ...busy, fps: 60, delayJitterMs: 30 }]) {
      const { right, wrong, came } = run(pipeline);
      expect(wrong).toBe(0);
      expect(right / came).toBeGreaterThan(0.9);
    }
  });

  it('sends no pilots once the timing is known and nothing is doubtful', () => {
    expect(run({ ...calm, frames: 3_000 }).keys.counts.pilots).toBeLessThanOrEqual(5);
  });

  it('begins anew with another capture, and where its clock goes back', () => {
    const { keys } = run(calm);
    keys.written(10_000, 1_000_000, 20_000);
    expect(keys.timing).toBe('checking');
    expect(keys.counts.doubts).toBe(1);
  });

  it('follows a clock that drifts', () => {
    const { right, wrong, keys } = run({ ...calm, frames: 3_000, driftPpm: 500 });
    expect(wrong).toBe(0);
    expect(right).toBeGreaterThan(2_900);
    expect(keys.counts.doubts).toBe(0);
  });

  it('a jump of the clock by exactly one frame gives no wrong key: it is noticed, and proven anew', () => {
    for (const ms of [1000 / 30, -1000 / 30, 2000 / 30, 500, -500]) {
      const { wrong, keys } = run({ ...calm, frames: 600, jitterMs: 0, jump: { atFrame: 200, ms } });
      expect({ ms, wrong }).toEqual({ ms, wrong: 0 });
      expect(keys.counts).toMatchObject({ doubts: 1, proofs: 2 });
      expect(keys.timing).toBe('known');
    }
  });

  it('pictures that the encoder repeats by itself are nobody’s', () => {
    const { right, wrong, keys } = run({ ...calm, frames: 1500, repeats: 0.01 });
    expect(wrong).toBe(0);
    expect(right).toBeGreaterThan(300);
    expect(keys.counts.strangers).toBeGreaterThan(0);
  });

  it('a frame that came out under another timestamp is not found again in a later one', () => {
    const from = { frames: 500, jitterMs: 0, drops: 0, begin: 0, driftPpm: 0, delayMs: 0, delayJitterMs: 0 };
    // A repeated picture, 45 ms on, where the clock went 40 ms back; and the frame written next, 120 ms on.
    const repeated = { ...from, fps: 24, repeats: 0.02, seed: 1657097863, jump: { atFrame: 303, ms: -40 } };
    const next = { ...from, fps: 25, seed: 0, jump: { atFrame: 29, ms: -114.5 } };
    for (const pipeline of [repeated, next]) {
      const { wrong, right, keys } = run(pipeline);
      expect(wrong).toBe(0);
      expect(right).toBeGreaterThan(300);
      expect(keys.timing).toBe('known');
    }
  });

  it('layers of one picture, which have its timestamp, are one frame', () => {
    const { keys } = run(calm);
    const id = 10_000;
    keys.written(id, 30_000_000, 30_000);
    const rtp = 1_000 + 30_000 * 90;
    expect(keys.encoded(rtp, 30_005)).toEqual([{ id, rtpTimestamp: rtp }]);
    expect(keys.encoded(rtp, 30_006)).toEqual([]);
  });

  it('says that it can’t know where the timestamps have nothing to do with the capture', () => {
    const keys = new FrameKeys();
    for (let id = 0; id < 900; id++) {
      const atMs = id * 33;
      keys.written(id, atMs * 1000, atMs);
      const pilotUs = keys.pilotAfter();
      if (pilotUs !== undefined) keys.pilotWritten(pilotUs, pilotUs / 1000);
      expect(keys.encoded((id * 7919 * 90 * 13) >>> 0, atMs + 5)).toEqual([]);
    }
    expect(keys.timing).toBe('unknown');
    expect(keys.reason).toMatch(/could not be proven yet/);
  });

  it('says that the browser is to blame only where encoded frames have no timestamp', () => {
    const silent = new FrameKeys();
    const paused = new FrameKeys();
    for (let atMs = 0; atMs < 15_000; atMs += 33) {
      for (const keys of [silent, paused]) {
        keys.written(atMs, atMs * 1000, atMs);
      }
      expect(silent.encoded(undefined, atMs + 5)).toEqual([]);
    }
    expect(silent.reason).toMatch(/does not tell/);
    expect(paused.reason).toMatch(/could not be proven yet/);
  });

  const anything = {
    frames: fc.constant(500),
    fps: fc.constantFrom(10, 15, 24, 25, 30, 50, 60),
    jitterMs: fc.double({ min: 0, max: 6, noNaN: true }),
    drops: fc.constantFrom(0, 0.01, 0.1, 0.5),
    begin: fc.nat(2 ** 32 - 1),
    driftPpm: fc.constantFrom(0, 100, -300),
    repeats: fc.constantFrom(0, 0, 0.02),
    seed: fc.nat(),
  };
  /** The same pipelines in each run. */
  const seed = 20_261_122;
  const ms = (max: number) => fc.double({ min: 0, max, noNaN: true });

  it('never a wrong key, however long the encoder takes and whatever it drops', () => {
    const pipelines = fc.record({ ...anything, delayMs: ms(700), delayJitterMs: ms(400) });
    fc.assert(
      fc.property(pipelines, (pipeline) => run(pipeline).wrong === 0),
      { numRuns: 1500, seed },
    );
  });

  it('never a wrong key when the clock jumps by anything', () => {
    const jumps = fc.oneof(
      fc.double({ min: -2000, max: 2000, noNaN: true }),
      fc.constantFrom(1000 / 30, -1000 / 30, 40, -40, 20, -20),
    );
    const jump = fc.record({ atFrame: fc.nat(500), ms: jumps });
    const once = { ...anything, repeats: fc.constant(0) };
    const pipelines = fc.record({ ...once, jump, delayMs: ms(60), delayJitterMs: ms(35) });
    fc.assert(
      fc.property(pipelines, (pipeline) => run(pipeline).wrong === 0),
      { numRuns: 1500, seed },
    );
  });

  it('is noticed soon where a jump by one frame, a dropped frame and a repeated picture come together', () => {
    const from = { frames: 500, jitterMs: 0, driftPpm: 0, repeats: 0.02, delayMs: 0, delayJitterMs: 0 };
    const proving = { ...from, fps: 50, drops: 0.1, begin: 0, seed: 1756475890, jump: { atFrame: 34, ms: 20 } };
    const proven = { ...from, fps: 25, drops: 0.5, begin: 3344726903, seed: 306304785, jump: { atFrame: 311, ms: 40 } };
    for (const pipeline of [proving, proven]) {
      const { wrong, right, keys } = run(pipeline);
      expect(wrong).toBeLessThan(5);
      expect(right).toBeGreaterThan(40);
      expect(keys.counts.doubts).toBeGreaterThan(0);
      expect(run({ ...pipeline, repeats: 0 }).wrong).toBe(0);
      expect(run({ ...pipeline, drops: 0 }).wrong).toBe(0);
    }
  });
});
