import { expect, it } from 'vitest';
import { AppearancePictures } from './AppearancePictures.ts';
import type { AnalysedPicture } from './cropThumbnail.ts';

const spec = {
  ...{ width: 64, height: 64, resize: 'stretch', channels: 'rgb', pad: 0 },
  ...{ scale: [1 / 255, 1 / 255, 1 / 255], bias: [0, 0, 0] },
} as AnalysedPicture['spec'];
const picture = { tensor: new Float32Array(3 * 64 * 64).fill(0.5), spec, frameWidth: 64, frameHeight: 64 };
const box = { x: 0.2, y: 0.2, w: 0.4, h: 0.4 };

it('ends with a first and a last picture, when it is over before either was encoded', () => {
  const pictures = new AppearancePictures();
  pictures.crop(picture, box, 0);
  pictures.crop(picture, box, 600);
  pictures.end();
  let made = 0;
  while (pictures.due(700) > 0 && made < 10) {
    pictures.encode(() => Uint8Array.of(++made), 700);
  }
  expect(made).toBe(2);
  expect(pictures.take(1, 700)).toEqual({ firstJpeg: btoa('\u0001'), lastJpeg: btoa('\u0002') });
});
