import type * as MessagePack from '@msgpack/msgpack';
import { codeCells, codeStrip } from '../clip/pictureCode.ts';

/** What one composited canvas showed, read from its pixels alone, beside what the player says it drew. */
export interface ProofRecord {
  kind: 'exact' | 'interpolated' | 'extrapolated' | 'unanalysed';
  rtp: number;
  /** On the clock of the detections, by the player's word; null = it knows none. */
  analysedRtp: number | null;
  /** Size of the decoded picture. */
  pictureWidth: number;
  pictureHeight: number;
  /** Mean luma of each cell of the number strip. */
  cells: number[];
  /** Outline of all coloured pixels, as fractions of the picture (stroke's middle): x1, y1, x2, y2. */
  box: [number, number, number, number] | null;
  drawnAtMs: number;
  /**
   * Start of the display frame after the one in which it was drawn, Unix ms: the composited canvas is with the display by
   * then. Nothing until it came.
   */
  displayedAtMs?: number;
  width: number;
  height: number;
}

export interface ProofPage {
  records: ProofRecord[];
  /** RTP timestamps of the detection messages that arrived. */
  messages: number[];
  /** Which layer sizes were shown. */
  sizes: Record<string, number>;
}

interface DrawnEvent {
  rtpTimestamp: number;
  analysedRtpTimestamp: number | null;
  kind: ProofRecord['kind'];
  pictureWidth: number;
  pictureHeight: number;
  pictureRect: { x: number; y: number; width: number; height: number };
  drawnAtMs: number;
}

declare global {
  interface Window {
    proof: ProofPage;
    proofShift: boolean;
  }
}

/**
 * Runs in the page before its scripts. Taps the detection messages as they arrive, and with `shift` gives each frame's
 * message the objects of the frame before it: detections one frame late, the fault that the proof must notice. Messages
 * whose predecessor is not the frame just before are withheld then. Needs `MessagePack` (its UMD build) in the page.
 */
export function tapDetectionMessages(shift: boolean): void {
  window.proof = { records: [], messages: [], sizes: {} };
  interface Message {
    rtp: number;
    o: unknown[];
  }
  const { decode, encode } = (globalThis as unknown as { MessagePack: typeof MessagePack }).MessagePack;
  let last: Message | undefined;
  const rewrite = (data: ArrayBuffer): ArrayBuffer | undefined => {
    const message = decode(new Uint8Array(data)) as Message;
    const before = last;
    last = message;
    if (!shift) {
      window.proof.messages.push(message.rtp);
      return data;
    }
    const ticks = before ? (message.rtp - before.rtp) | 0 : 0;
    if (!before || ticks <= 0 || ticks > 4500) return undefined;
    window.proof.messages.push(message.rtp);
    return encode({ ...message, o: before.o }, { forceFloat32: false }).slice().buffer;
  };
  const add = RTCDataChannel.prototype.addEventListener;
  RTCDataChannel.prototype.addEventListener = function (
    this: RTCDataChannel,
    type: string,
    listener: unknown,
    options?: unknown,
  ) {
    if (type !== 'message' || this.label !== 'detections')
      return add.call(this, type, listener as EventListener, options as boolean);
    return add.call(this, type, (event) => {
      const data = rewrite((event as MessageEvent<ArrayBuffer>).data);
      if (data) (listener as (event: Event) => void).call(this, new MessageEvent('message', { data }));
    });
  } as typeof add;
  // HLS: the same messages come in sidecars, those of a Part or Segment together.
  interface Sidecar {
    d: Uint8Array[];
  }
  const request = window.fetch.bind(window);
  window.fetch = async (input, init) => {
    const response = await request(input, init);
    const url = typeof input === 'string' ? input : input instanceof URL ? input.href : input.url;
    if (!response.ok || !new URL(url, location.href).pathname.endsWith('.det')) return response;
    const sidecar = decode(await response.arrayBuffer()) as Sidecar;
    const d = sidecar.d.flatMap((bytes) => {
      const data = rewrite(bytes.slice().buffer);
      return data ? [new Uint8Array(data)] : [];
    });
    return new Response(encode({ ...sidecar, d }, { forceFloat32: false }).slice().buffer, response);
  };
}

/** What `readEveryComposite` is told: it runs in the page, where nothing of this module is. */
export const readerArguments = {
  strip: codeStrip,
  cellCount: codeCells,
  /** false: only the number strip is read, which costs little; `box` is null then. */
  boxes: true,
};

/** Runs in the watch page once the player is there: reads the composited canvas after every composite. */
export function readEveryComposite({ strip, cellCount, boxes }: typeof readerArguments): void {
  const canvas = document.querySelector('canvas')!;
  const framelock = (window as unknown as { framelock: { player: PlayerLike } }).framelock;
  interface PlayerLike {
    on(event: 'drawn', listener: (drawn: DrawnEvent) => void): void;
    setOverlay(options: object): void;
  }
  const saturated = (pixels: Uint8ClampedArray, at: number) => {
    const [r, g, b] = [pixels[at]!, pixels[at + 1]!, pixels[at + 2]!];
    return Math.max(r, g, b) - Math.min(r, g, b) > 70;
  };
  const readBox = (pixels: Uint8ClampedArray, width: number, height: number): ProofRecord['box'] => {
    let [x1, y1, x2, y2] = [width, height, -1, -1];
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        if (!saturated(pixels, (y * width + x) * 4)) continue;
        if (x < x1) x1 = x;
        if (x > x2) x2 = x;
        if (y < y1) y1 = y;
        y2 = y;
      }
    }
    if (x2 < 0) return null;
    const middle = Math.floor((y1 + y2) / 2);
    let stroke = 0;
    while (x1 + stroke <= x2 && saturated(pixels, (middle * width + x1 + stroke) * 4)) stroke++;
    const inset = stroke / 2;
    return [(x1 + inset) / width, (y1 + inset) / height, (x2 + 1 - inset) / width, (y2 + 1 - inset) / height];
  };
  const readCells = (pixels: Uint8ClampedArray, width: number, height: number): number[] => {
    const cells: number[] = [];
    const y = Math.round(((strip.top + strip.bottom) / 2) * height);
    const cell = ((strip.right - strip.left) * width) / cellCount;
    for (let i = 0; i < cellCount; i++) {
      const x = strip.left * width + (i + 0.5) * cell;
      let [sum, count] = [0, 0];
      for (let px = Math.round(x - cell / 5); px <= x + cell / 5; px++) {
        for (let py = y - 1; py <= y + 1; py++, count++) sum += pixels[(py * width + px) * 4 + 1]!;
      }
      cells.push(sum / count);
    }
    return cells;
  };
  const read = (drawn: DrawnEvent) => {
    const { x, y, width, height } = drawn.pictureRect;
    const [w, h] = [Math.round(width), Math.round(height)];
    const rows = boxes ? h : Math.ceil((strip.bottom + strip.top) * h);
    const { data } = canvas.getContext('2d')!.getImageData(Math.round(x), Math.round(y), w, rows);
    window.proof.sizes[`${w}x${h}`] = (window.proof.sizes[`${w}x${h}`] ?? 0) + 1;
    const record: ProofRecord = {
      kind: drawn.kind,
      rtp: drawn.rtpTimestamp,
      analysedRtp: drawn.analysedRtpTimestamp,
      pictureWidth: drawn.pictureWidth,
      pictureHeight: drawn.pictureHeight,
      cells: readCells(data, w, h),
      box: boxes ? readBox(data, w, h) : null,
      drawnAtMs: drawn.drawnAtMs,
      width: w,
      height: h,
    };
    window.proof.records.push(record);
    // Twice: callbacks of video frames run before those of the same display frame.
    const displayed = () => (record.displayedAtMs = performance.timeOrigin + performance.now());
    requestAnimationFrame(() => requestAnimationFrame(displayed));
  };
  if (boxes) framelock.player.setOverlay({ labels: false });
  framelock.player.on('drawn', read);
}
