import '../src/detect/noTelemetry.ts';
import { closeSync, openSync, readFileSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import * as ort from 'onnxruntime-node';
import { floatsPerPicture, type InputSpec } from '@framelock/server/protocol/analysis';
import type { VideoCodec } from '@framelock/server/protocol/tap';
import { PictureScaler } from '../src/decode/PictureScaler.ts';
import { VideoDecoder } from '../src/decode/VideoDecoder.ts';
import { TensorSlots } from '../src/detect/TensorSlots.ts';

/**
 * For evaluate.py: the last picture of each clip through the product's own decoder, scaler and runtime.
 *
 *     node inference/training/detectClips.ts <brands.onnx> <folder>
 *
 * Reads `clips.json` ([{codec, packetBytes: [..]}]) and `clips.bin` (their packets, one after the other) in the folder;
 * writes `rows.bin`, float32 little endian [clips][marks][6 + 128]: the model's detections with their embeddings.
 */
const [modelFile, folder] = process.argv.slice(2);
if (!modelFile || !folder) throw new Error('usage: node detectClips.ts <brands.onnx> <folder>');

interface Clip {
  codec: VideoCodec;
  packetBytes: number[];
}

const clips = JSON.parse(readFileSync(join(folder, 'clips.json'), 'utf8')) as Clip[];
const spec: InputSpec = {
  ...{ width: 640, height: 384, resize: 'letterbox', channels: 'rgb', pad: 114 },
  scale: [1 / 255, 1 / 255, 1 / 255],
  bias: [0, 0, 0],
};
const session = await ort.InferenceSession.create(modelFile, { intraOpNumThreads: 1, interOpNumThreads: 1 });
const slots = new TensorSlots(1, floatsPerPicture(spec));
const scaler = new PictureScaler(spec, slots.buffer, slots.floatsPerSlot);
// A copy: onnxruntime-node takes no shared memory.
const images = new ort.Tensor('float32', new Float32Array(slots.floatsPerSlot), [1, 3, spec.height, spec.width]);
const query = new ort.Tensor('float32', new Float32Array(4), [1, 1, 4]);
const input = openSync(join(folder, 'clips.bin'), 'r');
const output = openSync(join(folder, 'rows.bin'), 'w');

function readPacket(bytes: number): Buffer {
  const packet = Buffer.alloc(bytes);
  if (readSync(input, packet, 0, bytes, null) !== bytes) throw new Error('clips.bin ends too early');
  return packet;
}

for (const [number, { codec, packetBytes }] of clips.entries()) {
  const decoder = VideoDecoder.create(codec);
  let pictures = 0;
  for (const [index, bytes] of packetBytes.entries()) {
    decoder.decode([readPacket(bytes)], index === 0, index * 3000, (picture) => {
      pictures++;
      if (index === packetBytes.length - 1) scaler.scaleInto(0, picture);
    });
  }
  decoder.close();
  if (pictures !== packetBytes.length) throw new Error(`clip ${number}: ${pictures} of ${packetBytes.length} pictures`);
  (images.data as Float32Array).set(slots.view(0));
  const { detections, embeddings } = await session.run({ images, query });
  const [boxes, vectors] = [detections!.data as Float32Array, embeddings!.data as Float32Array];
  const marks = detections!.dims[1]!;
  const rows = new Float32Array(marks * 134);
  for (let mark = 0; mark < marks; mark++) {
    rows.set(boxes.subarray(mark * 6, mark * 6 + 6), mark * 134);
    rows.set(vectors.subarray(mark * 128, mark * 128 + 128), mark * 134 + 6);
  }
  writeSync(output, rows);
}
closeSync(input);
closeSync(output);
scaler.close();
await session.release();
