import type { Browser } from 'playwright-core';
import type { ProofClipOptions } from '../clip/ProofClip.ts';
import { openBrowser } from './openBrowser.ts';
import { openClip } from './openClip.ts';
import { Product } from './Product.ts';

/** The product, and a browser whose camera shows a proof clip. */
export class Stage {
  readonly product: Product;
  readonly browser: Browser;
  readonly clip: ProofClipOptions;
  readonly #closeClip: () => Promise<void>;

  private constructor(product: Product, browser: Browser, clip: Awaited<ReturnType<typeof openClip>>) {
    this.product = product;
    this.browser = browser;
    this.clip = clip;
    this.#closeClip = () => clip.close();
  }

  static async create(
    environment: Record<string, string> = {},
    clipOptions: Partial<ProofClipOptions> = {},
  ): Promise<Stage> {
    const clip = await openClip(clipOptions);
    try {
      const product = await Product.create(environment);
      try {
        return new Stage(product, await openBrowser({ cameraFile: clip.path }), clip);
      } catch (error) {
        await product.close();
        throw error;
      }
    } catch (error) {
      await clip.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.browser.close();
    await this.product.close();
    await this.#closeClip();
  }
}
