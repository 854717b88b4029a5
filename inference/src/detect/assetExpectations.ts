/** Reads the test assets' SOURCES.md, whose blocks state what each model finds in each picture. For tests only. */

export interface ExpectedBox {
  label: string;
  score: number;
  /** x1, y1, x2, y2 in source pixels; may run past the picture. */
  corners: [number, number, number, number];
}

export interface Expectation {
  model: string;
  file: string;
  /** Decoded frame index from 0; undefined for still images. */
  frame: number | undefined;
  width: number;
  height: number;
  /** How many of each label score at least 0.4. `boxes` lists the best of them. */
  counts: Record<string, number>;
  boxes: ExpectedBox[];
}

const headLine = /^\w+ (\S+\.onnx) (\S+)@(?:n(\d+)|-) (\d+)x(\d+) n=\d+ (\{.*\})$/;
const boxLine = /^ {3}(.+?) (\d\.\d+) \[(-?\d+),(-?\d+),(-?\d+),(-?\d+)\]$/;

export function parseExpectations(sources: string): Expectation[] {
  const expectations: Expectation[] = [];
  for (const line of sources.split('\n')) {
    const head = headLine.exec(line);
    if (head) {
      const [, model, file, frame, width, height, counts] = head as unknown as [string, ...string[]];
      expectations.push({
        model: model!,
        file: file!,
        frame: frame === undefined ? undefined : Number(frame),
        width: Number(width),
        height: Number(height),
        counts: JSON.parse(counts!) as Record<string, number>,
        boxes: [],
      });
      continue;
    }
    const box = boxLine.exec(line);
    if (!box) continue;
    const [, label, score, ...corners] = box;
    expectations.at(-1)?.boxes.push({
      label: label!,
      score: Number(score),
      corners: corners.map(Number) as ExpectedBox['corners'],
    });
  }
  return expectations;
}
