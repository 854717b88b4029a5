import { expect, test } from 'vitest';
import { H264Samples } from './H264Samples.ts';

const start = Buffer.from([0, 0, 0, 1]);
/** Baseline, 320x192; a picture parameter set; an IDR slice. */
const sps = Buffer.from('6742c00dd9028190', 'hex');
const pps = Buffer.from('68ce3c80', 'hex');
const idr = Buffer.from('65888400', 'hex');
const unitOf = (...nals: Buffer[]): Buffer => Buffer.concat(nals.flatMap((nal) => [start, nal]));

function read(unit: Buffer) {
  const formats: unknown[] = [];
  const samples = new H264Samples({ onVideoFormat: (format) => formats.push(format), onVideo: () => {} });
  const access = samples.read(unit);
  return { formats, objection: samples.objection(access), format: samples.format };
}

test('parameter sets longer than any real one are no format: MP4 has 16 bits for their length', () => {
  const long = Buffer.concat([pps, Buffer.alloc(70_000, 0x41)]);
  const { objection, format } = read(unitOf(sps, long, idr));
  expect(objection).toBe('its H264 header is too long');
  expect(format).toBeUndefined();
});

test('a header that cannot be read is no format either', () => {
  const { objection, format } = read(unitOf(Buffer.from('67ff', 'hex'), pps, idr));
  expect(objection).toBe('its H264 header cannot be read');
  expect(format).toBeUndefined();
});
