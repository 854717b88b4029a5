import { readFile } from 'node:fs/promises';
import type { BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CreatedStream } from '@framelock/server/protocol';
import { eventually } from './harness/eventually.ts';
import { messagePackScript } from './harness/messagePackScript.ts';
import { Stage } from './harness/Stage.ts';

/** The page of docs/WHEP.md, word for word: no code of ours is in it. */
async function documentedPage(): Promise<string> {
  const text = await readFile(new URL('../../docs/WHEP.md', import.meta.url), 'utf8');
  return /```html\n(.*?)```/s.exec(text)![1]!;
}

interface ShownPicture {
  rtp: number;
  detected: boolean;
}

describe('a player that is not ours watches by WHEP', () => {
  let stage: Stage;
  let html: string;

  beforeAll(async () => {
    [stage, html] = await Promise.all([Stage.create(), documentedPage()]);
  });
  afterAll(() => stage?.close());

  async function publish(context: BrowserContext, stream: CreatedStream, codec: string): Promise<Page> {
    const page = await context.newPage();
    await page.goto(`${stage.product.url}/publish/${stream.id}?autostart=1&codec=${codec}&width=640&height=360`);
    await eventually('it is live', async () => (await stage.product.stream(stream.id)).state === 'live');
    return page;
  }

  /** The documented page, with its player's connection and messages where the test sees them. */
  async function open(context: BrowserContext, stream: CreatedStream): Promise<Page> {
    const page = await context.newPage();
    const url = `${stage.product.url}/plain-player.html`;
    await page.route(url, (route) => route.fulfill({ contentType: 'text/html', body: html }));
    await page.route('https://unpkg.com/**', (route) => route.fulfill({ path: messagePackScript }));
    await page.addInitScript(() => {
      const window = globalThis as unknown as { peers: RTCPeerConnection[]; seen: Map<number, number> };
      window.peers = [];
      window.seen = new Map();
      const Native = RTCPeerConnection;
      globalThis.RTCPeerConnection = class extends Native {
        constructor(configuration?: RTCConfiguration) {
          super(configuration);
          window.peers.push(this);
        }
        override createDataChannel(label: string, options?: RTCDataChannelInit): RTCDataChannel {
          const channel = super.createDataChannel(label, options);
          channel.addEventListener('message', ({ data }: MessageEvent<ArrayBuffer>) => {
            const { MessagePack } = globalThis as unknown as {
              MessagePack: { decode(data: Uint8Array): { rtp: number; o: unknown[] } };
            };
            const { rtp, o } = MessagePack.decode(new Uint8Array(data));
            window.seen.set(rtp, o.length);
          });
          return channel;
        }
      };
    });
    const asked = new URLSearchParams({ url: stream.whepUrl, key: stream.streamKey }).toString();
    await page.goto(`${url}#${asked}`, { waitUntil: 'commit', timeout: 90_000 });
    return page;
  }

  /**
   * Pictures that the page shows from now on, until `wanted` of them had a detection message of that very timestamp. How
   * many frames are analysed is this machine's matter; two random timestamps are never the same.
   */
  async function shownPictures(page: Page, wanted: number): Promise<ShownPicture[]> {
    return page.evaluate(async (detected) => {
      const { seen } = globalThis as unknown as { seen: Map<number, number> };
      const video = document.querySelector('video')!;
      const timestamps: number[] = [];
      const giveUpMs = performance.now() + 90_000;
      await new Promise<void>((resolve) => {
        const take = (_: number, { rtpTimestamp }: VideoFrameCallbackMetadata): void => {
          timestamps.push(rtpTimestamp!);
          const isEnough = timestamps.length >= 60 && timestamps.filter((one) => seen.has(one)).length >= detected;
          if (isEnough || performance.now() > giveUpMs) return resolve();
          video.requestVideoFrameCallback(take);
        };
        video.requestVideoFrameCallback(take);
      });
      return timestamps.map((rtp) => ({ rtp, detected: seen.has(rtp) }));
    }, wanted);
  }

  const inbound = (page: Page, kind: string): Promise<Record<string, number | string> | undefined> =>
    page.evaluate(async (of) => {
      const { peers } = globalThis as unknown as { peers: RTCPeerConnection[] };
      const stats = await peers[0]!.getStats();
      const all = [...(stats as unknown as Map<string, Record<string, number | string>>).values()];
      const found = all.find((one) => one['type'] === 'inbound-rtp' && one['kind'] === of);
      const codec = all.find((one) => one['id'] === found?.['codecId']);
      return found && { ...found, mimeType: codec?.['mimeType'] ?? '', payloadType: codec?.['payloadType'] ?? -1 };
    }, kind);

  it.each([
    ['vp8', 'video/VP8'],
    ['h264', 'video/H264'],
  ])('%s: pictures, audio, and detections whose rtp is that of pictures it shows', async (codec, mimeType) => {
    const stream = await stage.product.createStream(`whep ${codec}`);
    const context = await stage.browser.newContext({ permissions: ['camera', 'microphone'] });
    try {
      await publish(context, stream, codec);
      const page = await open(context, stream);
      await eventually('a picture', () => page.evaluate(() => document.querySelector('video')!.videoWidth > 0));
      const pictures = await shownPictures(page, 15);
      expect(new Set(pictures.map(({ rtp }) => rtp)).size).toBeGreaterThan(40);
      const detected = pictures.filter((one) => one.detected).length;
      console.log(
        `${codec}: of ${pictures.length} pictures shown, ${detected} had a detection message of their timestamp`,
      );
      expect(detected).toBeGreaterThanOrEqual(15);
      const counts = await page.evaluate(() => (globalThis as unknown as { counts: Record<string, number> }).counts);
      expect(counts['withDetections']).toBeGreaterThan(0);

      const video = (await inbound(page, 'video'))!;
      expect(video['mimeType']).toBe(mimeType);
      expect(video['framesDecoded']).toBeGreaterThan(40);
      const { publication, viewers, modelDescription } = await stage.product.stream(stream.id);
      expect(viewers).toBe(1);
      expect(modelDescription!.labels.length).toBeGreaterThan(0);
      if (publication!.producers.some(({ kind }) => kind === 'audio')) {
        expect((await inbound(page, 'audio'))!['bytesReceived']).toBeGreaterThan(0);
      }

      await page.close({ runBeforeUnload: false });
      await eventually('its session is gone', async () => (await stage.product.stream(stream.id)).viewers === 0);
    } finally {
      await context.close();
    }
  });

  it('the end of the Publication ends the session, and the player is told that nothing is published', async () => {
    const stream = await stage.product.createStream('whep end');
    const context = await stage.browser.newContext({ permissions: ['camera', 'microphone'] });
    try {
      const publisher = await publish(context, stream, 'vp8');
      const page = await open(context, stream);
      await eventually('a picture', () => page.evaluate(() => document.querySelector('video')!.videoWidth > 0));
      await publisher.close();
      await eventually('it is over', async () => (await stage.product.stream(stream.id)).state === 'idle');
      const state = (): Promise<string> =>
        page.evaluate(() => (globalThis as unknown as { peers: RTCPeerConnection[] }).peers[0]!.connectionState);
      await eventually('the player sees it', async () => /^(disconnected|failed|closed)$/.test(await state()));
      const late = await open(context, stream);
      await eventually('words', () =>
        late.evaluate(() => /nothing is published/.test(document.querySelector('p')!.textContent)),
      );
    } finally {
      await context.close();
    }
  });
});
