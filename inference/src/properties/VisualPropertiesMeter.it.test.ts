import { type VisualProperties, visualPropertiesSchema } from '@framelock/server/protocol';
import { floatsPerPicture } from '@framelock/server/protocol/analysis';
import { encodeClip, expectedBytes } from '@framelock/server/protocol/tap/testing';
import { spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { PictureScaler } from '../decode/PictureScaler.ts';
import { VideoDecoder } from '../decode/VideoDecoder.ts';
import { TensorSlots } from '../detect/TensorSlots.ts';
import { bytesSpec } from './testPictures.ts';
import { VisualPropertiesMeter } from './VisualPropertiesMeter.ts';

const [width, height, frames] = [640, 360, 30];

/** Every pixel of the clip, decoded by FFmpeg's program: another decoder, another scaler (none), other arithmetic. */
function measureAll(h264: Buffer) {
  const args = ['-v', 'error', '-f', 'h264', '-i', 'pipe:0', '-f', 'rawvideo', '-pix_fmt', 'rgb24', 'pipe:1'];
  const { stdout, stderr } = spawnSync(process.env.FFMPEG_BIN || 'ffmpeg', args, { input: h264, maxBuffer: 2 ** 28 });
  expect(String(stderr)).toBe('');
  const bytes = width * height * 3;
  expect(stdout.length).toBe(frames * bytes);
  let [brightness, contrast, saturation, motion, motions] = [0, 0, 0, 0, 0];
  for (let frame = 0; frame < frames; frame++) {
    let [sum, squares, chroma, changed] = [0, 0, 0, 0];
    for (let i = frame * bytes; i < (frame + 1) * bytes; i += 3) {
      const [r, g, b] = [stdout[i]!, stdout[i + 1]!, stdout[i + 2]!];
      const luma = 0.2126 * r + 0.7152 * g + 0.0722 * b;
      sum += luma;
      squares += luma * luma;
      chroma += Math.max(r, g, b) - Math.min(r, g, b);
      if (frame < 3 || frame % 3 !== 0) continue;
      const before = i - 3 * bytes;
      if ([0, 1, 2].some((c) => Math.abs(stdout[i + c]! - stdout[before + c]!) > 20)) changed++;
    }
    const pixels = bytes / 3;
    brightness += sum / pixels / 255 / frames;
    contrast += Math.sqrt(squares / pixels - (sum / pixels) ** 2) / 127.5 / frames;
    saturation += chroma / pixels / 255 / frames;
    if (frame < 3 || frame % 3 !== 0) continue;
    motion += changed / pixels;
    motions++;
  }
  return { brightness, contrast, saturation, motion: motion / motions };
}

it('tells of a decoded clip what all of its pixels tell', async () => {
  const clip = await encodeClip({ codec: 'h264', frames, width, height, keyEvery: 30, firstNumber: 1000 });
  const decoder = VideoDecoder.create('h264');
  const slots = new TensorSlots(1, floatsPerPicture(bytesSpec));
  const scaler = new PictureScaler(bytesSpec, slots.buffer, slots.floatsPerSlot);
  const told: VisualProperties[] = [];
  const meter = new VisualPropertiesMeter({ onSecond: (one) => told.push(visualPropertiesSchema.parse(one)) });
  for (const [i, frame] of clip.entries()) {
    decoder.decode([expectedBytes('h264', frame)], frame.key, i * 3000, (picture) => {
      scaler.scaleInto(0, picture);
      const { width: frameWidth, height: frameHeight } = picture;
      meter.update({ tensor: slots.view(0), spec: bytesSpec, frameWidth, frameHeight }, picture.ticks);
    });
  }
  meter.finish();
  scaler.close();
  decoder.close();

  expect(told).toHaveLength(1);
  const [one] = told as [VisualProperties];
  const all = measureAll(Buffer.concat(clip.map((frame) => expectedBytes('h264', frame))));
  expect(one.frames).toBe(frames);
  for (const key of ['brightness', 'contrast', 'saturation', 'motion'] as const) {
    expect(Math.abs(one[key]! - all[key]), `${key} ${one[key]} ${all[key]}`).toBeLessThan(0.03);
  }
  expect(one.cuts).toEqual([]);
  const near = (r: number, g: number, b: number): number =>
    one.colours
      .filter(({ colour }) => {
        const [cr, cg, cb] = [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16)) as [
          number,
          number,
          number,
        ];
        return Math.max(Math.abs(cr - r), Math.abs(cg - g), Math.abs(cb - b)) < 40;
      })
      .reduce((sum, { share }) => sum + share, 0);
  // 14 columns: one red, one blue, and of the others one half each is black and white. Borders are between two colours.
  const isAbout = (found: number, columns: number): void => {
    expect(found).toBeGreaterThan((0.6 * columns) / 14);
    expect(found).toBeLessThan((1.3 * columns) / 14);
  };
  isAbout(near(255, 0, 0), 1);
  isAbout(near(0, 0, 255), 1);
  isAbout(near(255, 255, 255), 6);
  isAbout(near(0, 0, 0), 6);
});
