/** Above this the eye gains nothing from video, and the canvas costs memory and fill. */
const highestPixelRatio = 2;
const longestSidePx = 4096;

/** The canvas' backing store: its CSS size times the device's pixel ratio, followed through resizes and zooms. */
export class CanvasSurface {
  readonly canvas: HTMLCanvasElement;
  readonly context: CanvasRenderingContext2D;
  readonly #onResized: () => void;
  readonly #observer: ResizeObserver | undefined;
  #pixelRatio = 1;
  #ratioQuery: MediaQueryList | undefined;

  /** `onResized`: the canvas is empty now; draw again before the browser paints. */
  constructor(canvas: HTMLCanvasElement, onResized: () => void) {
    const context = canvas.getContext('2d', { alpha: false });
    if (!context) throw new Error('this browser gives no 2D canvas');
    this.canvas = canvas;
    this.context = context;
    this.#onResized = onResized;
    this.#fit();
    this.#observer = typeof ResizeObserver === 'undefined' ? undefined : new ResizeObserver(() => this.#refit());
    this.#observer?.observe(canvas);
    this.#watchPixelRatio();
  }

  /** Canvas pixels in a CSS pixel. */
  get pixelRatio(): number {
    return this.#pixelRatio;
  }

  #fit(): boolean {
    const { clientWidth, clientHeight } = this.canvas;
    if (clientWidth === 0 || clientHeight === 0) return false;
    const ratio = Math.min(
      highestPixelRatio,
      globalThis.devicePixelRatio || 1,
      longestSidePx / Math.max(clientWidth, clientHeight),
    );
    const [width, height] = [Math.round(clientWidth * ratio), Math.round(clientHeight * ratio)];
    this.#pixelRatio = ratio;
    if (this.canvas.width === width && this.canvas.height === height) return false;
    this.canvas.width = width;
    this.canvas.height = height;
    return true;
  }

  #refit(): void {
    if (this.#fit()) this.#onResized();
  }

  /** A zoom or another screen changes the ratio without changing the CSS size. The query names one ratio, so it is remade. */
  #watchPixelRatio(): void {
    this.#ratioQuery?.removeEventListener('change', this.#onPixelRatio);
    this.#ratioQuery = globalThis.matchMedia?.(`(resolution: ${globalThis.devicePixelRatio}dppx)`);
    this.#ratioQuery?.addEventListener('change', this.#onPixelRatio);
  }

  readonly #onPixelRatio = (): void => {
    this.#watchPixelRatio();
    this.#refit();
  };

  close(): void {
    this.#observer?.disconnect();
    this.#ratioQuery?.removeEventListener('change', this.#onPixelRatio);
  }
}
