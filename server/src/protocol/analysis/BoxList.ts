/** Floats per box: x1, y1, x2, y2, score, label, row. */
export const boxStride = 7;

/** Candidate boxes of one picture, in pixels of the model's input. Grows when it must, is reused for the next picture. */
export class BoxList {
  data: Float32Array;
  length = 0;

  constructor(capacity = 256) {
    this.data = new Float32Array(capacity * boxStride);
  }

  /** `row`: where the Model's output has more about this box, such as its embedding. */
  push(x1: number, y1: number, x2: number, y2: number, score: number, label: number, row = 0): void {
    let at = this.length * boxStride;
    if (at === this.data.length) {
      const larger = new Float32Array(this.data.length * 2);
      larger.set(this.data);
      this.data = larger;
    }
    const { data } = this;
    data[at++] = x1;
    data[at++] = y1;
    data[at++] = x2;
    data[at++] = y2;
    data[at++] = score;
    data[at++] = label;
    data[at] = row;
    this.length++;
  }

  /** By centre and size, as most heads say it. */
  pushCentred(cx: number, cy: number, w: number, h: number, score: number, label: number): void {
    this.push(cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2, score, label);
  }

  clear(): void {
    this.length = 0;
  }
}
