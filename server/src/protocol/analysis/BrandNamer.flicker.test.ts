import { describe, expect, it } from 'vitest';
import { embeddingDimensions, type Gallery } from '../brands.ts';
import { BrandNamer } from './BrandNamer.ts';
import { ExposureMeter } from './ExposureMeter.ts';
import { GalleryIndex, normalise, writeEmbeddings } from './GalleryIndex.ts';

/** Names that come and go for single Frames, and how soon a mark that is there has its own. Seeded: all runs are equal. */
const matchThreshold = 0.7;
const frameTicks = 6_000;
const brandCount = 200;

let seed = 0;
const random = (): number => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647;
const gauss = (): number => Math.sqrt(-2 * Math.log(random())) * Math.cos(2 * Math.PI * random());

function direction(): Float32Array {
  const vector = Float32Array.from({ length: embeddingDimensions }, gauss);
  normalise(vector, 0);
  return vector;
}

/** A unit vector with this cosine to `towards`, else in any direction. */
function like(towards: Float32Array, cosine: number): Float32Array {
  const other = direction();
  const along = other.reduce((sum, value, i) => sum + value * towards[i]!, 0);
  for (let i = 0; i < other.length; i++) other[i]! -= along * towards[i]!;
  normalise(other, 0);
  const sine = Math.sqrt(1 - cosine * cosine);
  return Float32Array.from(towards, (value, i) => value * cosine + other[i]! * sine);
}

seed = 11;
const marks = Array.from({ length: brandCount }, direction);
function galleryOf(views: Float32Array[]): Gallery {
  const brands = views.map((view, i) => {
    return { id: `b${i}`, name: `Brand ${i}`, threshold: null, embeddings: writeEmbeddings(view) };
  });
  return { revision: 1, modelSha256: '0'.repeat(64), brands };
}
const index = new GalleryIndex(galleryOf(marks), matchThreshold);

interface Seen {
  trackId: number;
  embedding: Float32Array;
}

/** Labels by track id, of one Frame. */
function nameFrame(namer: BrandNamer, frame: number, seen: Seen[]): Map<number, number> {
  const box = { label: 0, score: 0.9, x: 0.4, y: 0.4, w: 0.1, h: 0.1 };
  const objects = seen.map(({ embedding }) => ({ ...box, embedding }));
  const trackIds = seen.map(({ trackId }) => trackId);
  namer.name(objects, trackIds, frame * frameTicks);
  return new Map(trackIds.map((id, i) => [id, objects[i]!.label]));
}
const create = (of = index): BrandNamer => new BrandNamer(of, { unknownThreshold: 0.5 });
/** As seen on a clip: wrong names were at most 0.1 above the threshold, and there for one Frame. */
const noise = (): Float32Array => like(marks[Math.floor(random() * brandCount)]!, matchThreshold + 0.1 * random());

describe('BrandNamer, single Frames', () => {
  it('that look like a brand are no name: neither of a mark that is there for one Frame nor amid unknown ones', () => {
    seed = 5;
    const namer = create();
    const stranger = direction();
    let named = 0;
    for (let frame = 0; frame < 2_000; frame++) {
      const seen = [
        { trackId: 1_000 + frame, embedding: noise() },
        // The same unknown mark all the time, taken for some brand in every tenth Frame.
        { trackId: 1, embedding: frame % 10 === 9 ? noise() : like(stranger, 0.9) },
        // Another one that the detector finds now and then only, and never as the same.
        ...(frame % 3 === 0 ? [{ trackId: 2, embedding: noise() }] : []),
      ];
      for (const label of nameFrame(namer, frame, seen).values()) if (label > 0) named++;
    }
    expect(named).toBe(0);
  });

  it('do not take the name away that a mark has, nor give it another one', () => {
    seed = 6;
    const namer = create();
    const labels = new Set<number>();
    for (let frame = 0; frame < 2_000; frame++) {
      const embedding = frame > 5 && frame % 8 === 0 ? noise() : like(marks[7]!, 0.75 + 0.15 * random());
      labels.add(nameFrame(namer, frame, [{ trackId: 1, embedding }]).get(1)!);
      if (frame === 2) labels.clear();
    }
    expect([...labels]).toEqual([8]);
  });

  it('a mark that is there has its name by the third Frame, and at once where it is certain', () => {
    seed = 7;
    const after = new Map<number, number>();
    for (let mark = 0; mark < brandCount; mark++) {
      const namer = create();
      let frame = 0;
      for (let label = 0; label === 0; frame++) {
        const embedding = like(marks[mark]!, matchThreshold + 0.02 + 0.15 * random());
        label = nameFrame(namer, frame, [{ trackId: 1, embedding }]).get(1)!;
        if (label > 0) expect(label).toBe(mark + 1);
      }
      after.set(frame, (after.get(frame) ?? 0) + 1);
    }
    expect(Math.max(...after.keys())).toBeLessThanOrEqual(3);
    expect(after.get(2)).toBeGreaterThan(brandCount * 0.6);
    for (let mark = 0; mark < brandCount; mark++) {
      const certain = [{ trackId: 1, embedding: like(marks[mark]!, 0.85) }];
      expect(nameFrame(create(), 0, certain).get(1)).toBe(mark + 1);
    }
  });

  it('take a third one to tell two brands apart that are much alike', () => {
    seed = 8;
    const twin = like(marks[0]!, 0.995);
    const namer = create(new GalleryIndex(galleryOf([marks[0]!, twin]), matchThreshold));
    const labels = [0, 1, 2].map((frame) =>
      nameFrame(namer, frame, [{ trackId: 1, embedding: like(marks[0]!, 0.9) }]).get(1)!,
    );
    expect(labels.slice(0, 2)).toEqual([0, 0]);
    expect(labels[2]).toBeGreaterThan(0);
  });

  it('a mark that detectors miss in every second Frame is named all the same', () => {
    seed = 9;
    const namer = create();
    const labels = [0, 2, 4].map((frame) =>
      nameFrame(namer, frame, [{ trackId: 1, embedding: like(marks[3]!, 0.78) }]).get(1)!,
    );
    expect(labels.slice(1)).toEqual([4, 4]);
  });
});

describe('BrandNamer, with an ExposureMeter', () => {
  function meterTo(namer: BrandNamer) {
    const meter = new ExposureMeter({ newId: () => crypto.randomUUID() });
    const update = (frame: number, seen: Seen[]): void => {
      const labels = nameFrame(namer, frame, seen);
      const named = [...labels].flatMap(([trackId, label]) => {
        const brand = namer.index.brands[label - 1];
        const leadTicks = namer.leadTicksOf(trackId);
        const box = { x: 0.4, y: 0.4, w: 0.1, h: 0.1, score: 0.9 };
        return brand ? [{ trackId, brandId: brand.id, name: brand.name, ...box, leadTicks }] : [];
      });
      meter.update(named, frame * frameTicks, 1_700_000_000_000 + (frame * frameTicks) / 90, 640, 360);
    };
    const told = () => {
      meter.finish();
      return meter.takeReport(1, Infinity)?.appearances.map(({ brandId, seconds, fromMs }) => {
        return [brandId, Math.round(seconds * 1e6) / 1e6, Math.round(fromMs - 1_700_000_000_000)];
      });
    };
    return { update, told };
  }
  const weak = (mark: number) => [{ trackId: 1, embedding: like(marks[mark]!, 0.78) }];
  const unknown = direction();

  it('exposure counts from the first Frame of the ObjectTrack, not from the one that named it', () => {
    seed = 10;
    const { update, told } = meterTo(create());
    for (let frame = 0; frame < 15; frame++) update(frame, []);
    for (let frame = 15; frame < 45; frame++) update(frame, weak(3));
    for (let frame = 45; frame < 75; frame++) update(frame, []);
    expect(told()).toEqual([['b3', 2, Math.round((14.5 / 15) * 1000)]]);
  });

  it('but from no Frame before the first analysed one, and of one long unknown from the Frames that agreed', () => {
    seed = 10;
    const { update, told } = meterTo(create());
    for (let frame = 0; frame < 15; frame++) update(frame, weak(3));
    for (let frame = 15; frame < 45; frame++) update(frame, []);
    for (let frame = 45; frame < 75; frame++) update(frame, [{ trackId: 9, embedding: like(unknown, 0.95) }]);
    const seen: Seen[] = [{ trackId: 9, embedding: like(marks[5]!, 0.99) }];
    for (let frame = 75; frame < 105; frame++) update(frame, seen);
    for (let frame = 105; frame < 125; frame++) update(frame, []);
    const [first, second] = told()!;
    expect(first).toEqual(['b3', Math.round((14.5 / 15) * 1e6) / 1e6, 0]);
    expect(second![0]).toBe('b5');
    // The mean takes some Frames to turn.
    expect(second![1]).toBeGreaterThan(1.6);
    expect(second![1]).toBeLessThanOrEqual(2);
  });
});
