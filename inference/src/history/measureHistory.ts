/**
 * What history costs an analysed Frame on the main thread, by 20 objects that walk about: median microseconds, and as
 * a ratio of what the Frame takes there anyway. `node inference/src/history/measureHistory.ts [objects]`
 */
import { zoneSettingsSchema } from '@framelock/server/protocol';
import { type DetectedObject, encodeDetections, SceneMeter, Tracker } from '@framelock/server/protocol/analysis';
import { seededRandom } from '@framelock/server/protocol/tap/testing';
import { bytesSpec, pictureOf } from '../properties/testPictures.ts';
import { VisualPropertiesMeter } from '../properties/VisualPropertiesMeter.ts';
import { AnalysisHistory } from './AnalysisHistory.ts';
import { HistoryReporters } from './HistoryReporters.ts';
import { describeModel } from './testHistory.ts';

const count = Number(process.argv[2] ?? 20);
const frames = 3_000;
const everyTicks = 6_000;
const picture = pictureOf((x, y) => [90 + 60 * x, 120 + 40 * y, 100 + ((x * 40) % 20)], { ...bytesSpec, height: 320 });
const corner = (x: number, y: number) => ({ x, y });
const zones = zoneSettingsSchema.parse({
  zones: [0, 1, 2, 3].map((i) => ({
    ...{ id: `zone${i}`, name: `Zone ${i}`, colour: '#ff0000', dwellSeconds: 2 },
    polygon: [corner(i / 4, 0.2), corner(i / 4 + 0.2, 0.2), corner(i / 4 + 0.2, 0.8), corner(i / 4, 0.8)],
  })),
  lines: [0, 1, 2, 3].map((i) => ({
    ...{ id: `line${i}`, name: `Line ${i}`, colour: '#00ff00' },
    ...{ from: corner(0.1 + i / 4, 0), to: corner(0.1 + i / 4, 1) },
  })),
});

const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1]!;
const quantile = (values: number[], share: number): number => values[Math.floor(values.length * share)]!;

async function measure(withZones: boolean) {
  const random = seededRandom(1);
  const walkers = Array.from({ length: count }, (_, i) => ({ x: random() * 0.8, y: i / count, dx: random() * 0.01 }));
  const histories = new HistoryReporters({ emit: () => {}, isHeard: () => true, onDropped: () => {} });
  histories.tick();
  const reporter = histories.open({ publicationId: 'bench', streamId: 'bench' });
  const history = new AnalysisHistory({ reporter, onZonesLive: () => {} });
  if (withZones) history.setZones(zones);
  const meter = new VisualPropertiesMeter({ onSecond: () => {} });
  const [tracker, scene, description] = [new Tracker(), new SceneMeter(), describeModel(1)];
  const times: Record<'anyway' | 'history' | 'pictures', number[]> = { anyway: [], history: [], pictures: [] };
  for (let i = 0; i < frames; i++) {
    const objects: DetectedObject[] = walkers.map((walker) => {
      walker.x += walker.dx;
      if (walker.x < 0.02 || walker.x > 0.9) walker.dx *= -1;
      return { label: 0, score: 0.7 + random() * 0.2, x: walker.x, y: walker.y * 0.9, w: 0.05, h: 0.08 };
    });
    const rtpTicks = i * everyTicks;
    const wallMs = 1_700_000_000_000 + rtpTicks / 90;
    const { tensor, spec, frameWidth, frameHeight } = picture;
    const begin = performance.now();
    const change = scene.measure(tensor, spec, frameWidth, frameHeight);
    const trackIds = tracker.update(objects, rtpTicks, { change });
    const { bytes } = encodeDetections({
      ...{ publicationId: 'bench', rtpTimestamp: rtpTicks, sequence: i, revision: 1, width: 1280, height: 720 },
      ...{ receivedAtMs: wallMs, decodedAtMs: wallMs, inferredAtMs: wallMs, sentAtMs: wallMs, objects, trackIds },
    });
    const encoded = performance.now();
    const seen = { message: bytes, objects, trackIds, rtpTicks, wallMs, picture };
    history.frame({ ...seen, description, naming: false, tracker });
    const told = performance.now();
    meter.update(picture, rtpTicks);
    const metered = performance.now();
    times.anyway.push((encoded - begin) * 1000);
    times.history.push((told - encoded) * 1000);
    times.pictures.push((metered - told) * 1000);
    if (i % 15 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  history.close();
  await histories.close();
  for (const list of Object.values(times)) list.splice(0, frames / 10);
  const anyway = median(times.anyway);
  const all = median(times.history);
  const visual = median(times.pictures);
  const round = (value: number): number => Math.round(value * 10) / 10;
  return {
    anywayUs: round(anyway),
    historyUs: round(all),
    historyP99Us: round(quantile(times.history, 0.99)),
    ofThatVisualPropertiesUs: round(visual),
    restUs: round(all - visual),
    ratio: round(all / anyway),
    restRatio: round((all - visual) / anyway),
  };
}

const plain = await measure(false);
const zoned = await measure(true);
console.log(JSON.stringify({ objects: count, frames, plain, 'with 4 zones and 4 lines': zoned }, null, 2));
