import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { format, resolveConfig } from 'prettier';
import { markerGraph } from './markerGraph.ts';
import { markerSet } from './markerSet.ts';
import { modelSize } from './pyramid.ts';

/** What the catalogue and the `marker` family decoder need to know about `marker.onnx`. */
export function modelCard(bytes: Uint8Array): object {
  return {
    id: 'marker',
    name: 'Framelock markers',
    task: 'detect',
    family: 'marker',
    licence: 'Apache-2.0',
    file: 'marker.onnx',
    sha256: createHash('sha256').update(bytes).digest('hex'),
    bytes: bytes.length,
    opset: 16,
    input: {
      name: 'images',
      dims: ['batch', 3, modelSize.height, modelSize.width],
      type: 'float32',
      channels: 'RGB',
      range: [0, 1],
    },
    letterbox: { align: 'centre', pad: 114 / 255 },
    output: {
      name: 'detections',
      dims: ['batch', modelSize.rows, 6],
      columns: ['x1', 'y1', 'x2', 'y2', 'score', 'label'],
      note: 'Input pixels, pixel i covers [i, i + 1); sorted by score; duplicates are suppressed inside (score 0), so no NMS is needed. Boxes may reach beyond the input by a few pixels: clip them.',
    },
    scoreThreshold: 0.5,
    labels: markerSet.markers.map((marker) => marker.name),
  };
}

/** Writes marker.onnx and model.json beside this file: `node inference/models/marker/buildMarkerModel.ts`. */
if (import.meta.main) {
  const bytes = markerGraph(markerSet);
  writeFileSync(new URL('marker.onnx', import.meta.url), bytes);
  const path = new URL('model.json', import.meta.url);
  const options = await resolveConfig(path);
  writeFileSync(path, await format(JSON.stringify(modelCard(bytes)), { ...options, parser: 'json' }));
  console.log(`marker.onnx ${bytes.length} bytes, model.json ${readFileSync(path).length} bytes`);
}
