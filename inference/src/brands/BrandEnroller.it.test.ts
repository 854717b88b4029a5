import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ModelCatalogue } from '../catalogue/ModelCatalogue.ts';
import { type DetectorLease, DetectorPool } from '../detect/DetectorPool.ts';
import { BrandEnroller } from './BrandEnroller.ts';
import { ReferenceDrawer } from './ReferenceDrawer.ts';
import { drawSvg, markAt } from './testScenes.ts';

/** Reference images in between the Frames of live Streams: in a thread of their own, one at a time. */
const triangle = 'M12 1 23 22H1z';
const square = 'M2 2h20v20H2zM7 7v10h10V7z';

let pool: DetectorPool;
let lease: DetectorLease;
let enroller: BrandEnroller;

beforeAll(async () => {
  const catalogue = await ModelCatalogue.create({ modelsDir: join(import.meta.dirname, 'no-such-folder') });
  pool = new DetectorPool({ catalogue, executionProvider: 'cpu', onFault: (_, reason) => console.error(reason) });
  lease = await pool.acquire('brands');
  enroller = new BrandEnroller({ detectorPool: pool, modelId: 'brands' });
});
afterAll(async () => {
  await enroller?.close();
  lease?.release();
  await pool?.close('the tests are over');
});

async function reference(path: string, colour: string, side = 640): Promise<Uint8Array> {
  const ground = `<rect width="${side}" height="${side}" fill="#fff"/>`;
  const { png } = await drawSvg(side, side, ground + markAt(path, side / 8, side / 8, side * 0.75, colour));
  return png;
}

describe('enrolment', () => {
  it('leaves the main thread to Frames: nearly all of its work is done elsewhere', async () => {
    const image = await reference(triangle, '#a61200');
    await enroller.enrol(image);
    const here = process.threadCpuUsage();
    const all = process.cpuUsage();
    for (let i = 0; i < 3; i++) await enroller.enrol(image);
    const { user, system } = process.threadCpuUsage(here);
    const whole = process.cpuUsage(all);
    expect((user + system) / (whole.user + whole.system)).toBeLessThan(0.25);
  });

  it('of many at once is that of one after another, and one that is damaged fails alone', async () => {
    const images = await Promise.all([reference(triangle, '#a61200'), reference(square, '#0044cc', 300)]);
    const alone = [await enroller.enrol(images[0]!), await enroller.enrol(images[1]!)];
    expect(alone[0]!.embeddings).not.toBe(alone[1]!.embeddings);
    const outcomes = await Promise.allSettled([
      enroller.enrol(images[0]!),
      enroller.enrol(images[0]!.slice(0, 70)),
      enroller.enrol(images[1]!),
      enroller.enrol(images[0]!, { x: 0, y: 0, w: 0.5, h: 0.5 }),
      enroller.enrol(images[0]!),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual([
      'fulfilled',
      'rejected',
      'fulfilled',
      'fulfilled',
      'fulfilled',
    ]);
    const [first, damaged, second, , last] = outcomes as { value?: unknown; reason?: unknown }[];
    expect([first!.value, second!.value, last!.value]).toEqual([alone[0], alone[1], alone[0]]);
    expect(damaged!.reason).toMatchObject({ code: 'unsupported' });
    expect(lease.detector.slots.used).toBe(0);
  });

  it('is refused when too many wait', async () => {
    const image = await reference(square, '#0044cc', 64);
    const busy = new BrandEnroller({ detectorPool: pool, modelId: 'brands', maxWaiting: 3 });
    const outcomes = await Promise.allSettled(Array.from({ length: 5 }, () => busy.enrol(image)));
    await busy.close();
    const refused = outcomes.filter(({ status }) => status === 'rejected') as PromiseRejectedResult[];
    expect(refused).toHaveLength(2);
    for (const { reason } of refused) expect(reason).toMatchObject({ code: 'unavailable' });
  });

  it('of an image that takes too long is refused and its thread ended; when the node closes, likewise', async () => {
    const image = await reference(triangle, '#a61200');
    const hasty = new ReferenceDrawer({ timeoutMs: 1 });
    await expect(hasty.open(image, undefined)).rejects.toMatchObject({ code: 'unsupported' });
    await hasty.close();
    const drawer = new ReferenceDrawer();
    const opening = drawer.open(image, undefined);
    const outcome = expect(opening).rejects.toMatchObject({ code: 'unavailable' });
    await drawer.close();
    await outcome;
    await expect(drawer.open(image, undefined)).rejects.toMatchObject({ code: 'unavailable' });
  });
});
