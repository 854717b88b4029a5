import { addPicture, emptyAccuracy, shares, type AccuracyShares } from './accuracy.ts';
import { MarkerDetector } from './MarkerDetector.ts';
import { backgrounds, syntheticScene, type Background, type SceneOptions } from './syntheticScene.ts';

/** Backgrounds that neither repeat at the markers' size nor hold rings. */
export const fairBackgrounds: Background[] = ['plain', 'gradient', 'noise', 'clouds', 'text'];
export const hostileBackgrounds: Background[] = backgrounds.filter((name) => !fairBackgrounds.includes(name));

/** Accuracy over `pictures` seeded scenes per background. */
export async function measureBand(
  detector: MarkerDetector,
  over: Background[],
  pictures: number,
  options: Partial<SceneOptions>,
): Promise<AccuracyShares> {
  const accuracy = emptyAccuracy();
  for (const background of over) {
    for (let seed = 0; seed < pictures; seed++) {
      const size = { width: 1280, height: 720, markers: 6, diameter: [36, 300] as [number, number] };
      const scene = syntheticScene({ ...size, ...options, background, seed: seed * 977 + background.charCodeAt(0) });
      addPicture(accuracy, scene.markers, await detector.detect(scene.picture));
    }
  }
  return shares(accuracy);
}

/** Prints the README's table: `node inference/models/marker/measureMarkers.ts [pictures per background]`. */
if (import.meta.main) {
  const pictures = Number(process.argv[2] ?? 6);
  const detector = await MarkerDetector.create();
  const row = async (name: string, over: Background[], options: Partial<SceneOptions>) => {
    const got = await measureBand(detector, over, pictures, options);
    const figures = [got.truth, got.recall.toFixed(3), got.labelled.toFixed(3), got.meanOverlap.toFixed(3)];
    console.log(
      `| ${[name, ...figures, got.overlapOf99.toFixed(3), got.scoreOf99.toFixed(2), got.falsePositives].join(' | ')} |`,
    );
  };
  console.log('| what | markers | recall | label right | mean IoU | IoU of 99 % | score of 99 % | false positives |');
  console.log('|---|---|---|---|---|---|---|---|');
  for (const range of [
    [25, 30],
    [30, 36],
    [36, 44],
    [44, 60],
    [60, 100],
    [100, 200],
    [200, 350],
    [350, 480],
  ] as [number, number][]) {
    const name = `${range[0]}..${range[1]} px in 1280x720 (${Math.round(range[0] * 0.4)}..${Math.round(range[1] * 0.4)} in the input)`;
    await row(name, fairBackgrounds, { diameter: range });
  }
  await row('18..150 px in 640x360', fairBackgrounds, { width: 640, height: 360, diameter: [18, 150] });
  for (const degrees of [20, 35, 45, 55]) {
    await row(`tilted up to ${degrees} degrees`, fairBackgrounds, { maxTilt: (degrees * Math.PI) / 180 });
  }
  await row('noise sigma 15 of 255', fairBackgrounds, { noise: 15 });
  await row('blur sigma 2 px', fairBackgrounds, { blur: 2 });
  await row('contrast 30 %', fairBackgrounds, { contrast: 0.3 });
  await row('contrast 12 %', fairBackgrounds, { contrast: 0.12 });
  await row('black ring touches the edge, margin cut off', fairBackgrounds, { atEdge: true });
  for (const background of hostileBackgrounds) await row(`on ${background}`, [background], {});
  for (const background of hostileBackgrounds)
    await row(`on ${background}, 60..300 px`, [background], { diameter: [60, 300] });
  for (const background of backgrounds) await row(`${background} without markers`, [background], { markers: 0 });
  await detector.close();
}
