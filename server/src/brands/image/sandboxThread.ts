import { parentPort, workerData } from 'node:worker_threads';
import decodeJpeg, { init as initJpeg } from '@jsquash/jpeg/decode.js';
import initPng, { decode as decodePng, encode as encodePng } from '@jsquash/png/codec/pkg/squoosh_png.js';
import { initWasm as initResvg, Resvg } from '@resvg/resvg-wasm';
import { type PictureBox, Refusal } from '../../protocol/index.ts';
import { checkSvg } from './checkSvg.ts';
import { minSourceSide, readImageHeader } from './imageHeader.ts';
import { cropAndFit, isEmpty, type PixelRect, type Pixels, unmultiply } from './pixels.ts';
import type { KeptImage, SandboxAnswer, SandboxModules, SandboxRequest } from './sandboxMessages.ts';

/** What is around a marked box is kept too, this share of it on each side: a detector sees marks in their surroundings. */
const margin = 0.5;

/** The thread in which pictures of strangers are decoded: WebAssembly only, its memory limited, ended when it takes long. */
const port = parentPort!;

// Both decoders make one, as in browsers; Node has none.
Object.assign(globalThis, {
  ImageData: function (this: Pixels, data: Uint8ClampedArray, width: number, height: number) {
    Object.assign(this, { data, width, height });
  },
});
const modules = workerData as SandboxModules;
await Promise.all([
  initResvg(modules.resvg),
  (initJpeg as (module: WebAssembly.Module) => Promise<void>)(modules.jpeg),
  initPng(modules.png),
]);

async function keep({ image, box, maxSide }: SandboxRequest): Promise<KeptImage> {
  const { kind } = readImageHeader(image);
  const pixels = kind === 'svg' ? drawSvg(checkSvg(image), maxSide) : await decode(kind, image);
  const crop = cropOf(pixels, box);
  const fitted = cropAndFit(pixels, crop, maxSide);
  const { width, height } = fitted;
  if (width < minSourceSide || height < minSourceSide) {
    throw new Refusal('unsupported', `${width} x ${height} pixels of it are left: it is too long and thin`);
  }
  if (isEmpty(fitted)) {
    const hint = kind === 'svg' ? ' (words have to be turned into paths: there are no fonts here)' : '';
    throw new Refusal('unsupported', `there is nothing to be seen in the picture${hint}`);
  }
  const png = encodePng(new Uint8Array(fitted.data.buffer), width, height, 8);
  return { png, width, height, box: box && boxIn(crop, box, pixels) };
}

async function decode(kind: 'png' | 'jpeg', image: Uint8Array): Promise<Pixels> {
  if (kind === 'png') return decodePng(image);
  // It turns the picture as EXIF says; the name of its option says the opposite.
  return decodeJpeg(image.buffer as ArrayBuffer, { preserveOrientation: true });
}

function drawSvg(svg: string, maxSide: number): Pixels {
  const font = { loadSystemFonts: false };
  const { width, height } = new Resvg(svg, { font });
  const mode = width >= height ? 'width' : 'height';
  const { pixels, ...size } = rendered(new Resvg(svg, { font, fitTo: { mode, value: maxSide } }));
  return { data: unmultiply(pixels), ...size };
}

function rendered(svg: InstanceType<typeof Resvg>) {
  const image = svg.render();
  return { pixels: image.pixels, width: image.width, height: image.height };
}

/** The box with its surroundings, in whole pixels; the whole picture without a box. */
function cropOf({ width, height }: Pixels, box: PictureBox | undefined): PixelRect {
  if (!box) return { x: 0, y: 0, width, height };
  const [boxWidth, boxHeight] = [Math.round(box.w * width), Math.round(box.h * height)];
  if (boxWidth < minSourceSide || boxHeight < minSourceSide) {
    throw new Refusal(
      'unsupported',
      `the box is ${boxWidth} x ${boxHeight} pixels: at least ${minSourceSide} a side are needed`,
    );
  }
  // A little more and less: 299.9999999 is 300.
  const x = Math.max(0, Math.floor((box.x - box.w * margin) * width + 1e-6));
  const y = Math.max(0, Math.floor((box.y - box.h * margin) * height + 1e-6));
  const right = Math.min(width, Math.ceil((box.x + box.w * (1 + margin)) * width - 1e-6));
  const bottom = Math.min(height, Math.ceil((box.y + box.h * (1 + margin)) * height - 1e-6));
  return { x, y, width: right - x, height: bottom - y };
}

/** The same box, in shares of the crop. */
function boxIn(crop: PixelRect, box: PictureBox, { width, height }: Pixels): PictureBox {
  const x = Math.max(0, (box.x * width - crop.x) / crop.width);
  const y = Math.max(0, (box.y * height - crop.y) / crop.height);
  return {
    ...{ x, y },
    w: Math.min((box.w * width) / crop.width, 1 - x),
    h: Math.min((box.h * height) / crop.height, 1 - y),
  };
}

/** What the decoders say is of use to nobody who is not at home in them, save for a few words of resvg's. */
function refusalOf(error: unknown): string {
  const words = error instanceof Error ? error.message : String(error);
  if (/^Target size/.test(words)) return 'the SVG is too long and thin';
  if (/invalid size/.test(words)) return 'the SVG has no size: give it a viewBox, or width and height';
  if (/nodes limit/i.test(words)) return 'the SVG unfolds to too many elements';
  if (/^SVG data parsing/.test(words)) return `the SVG can't be read: ${words.replace(/^.*cause /, '').slice(0, 100)}`;
  return "the picture can't be decoded: it is damaged, or needs too much memory";
}

port.on('message', (request: SandboxRequest) => {
  void keep(request).then(
    (kept) => port.postMessage({ id: request.id, kept } satisfies SandboxAnswer),
    (error: unknown) => {
      const refusal = error instanceof Refusal ? error.message : refusalOf(error);
      port.postMessage({ id: request.id, refusal, spent: !(error instanceof Refusal) } satisfies SandboxAnswer);
    },
  );
});
port.postMessage('ready');
