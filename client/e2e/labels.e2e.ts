import type { DetectionMessage } from '@framelock/server/protocol';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually } from './harness/eventually.ts';
import './harness/framelockWindow.ts';
import { messagePackScript } from './harness/messagePackScript.ts';
import { Stage } from './harness/Stage.ts';

declare const MessagePack: { decode(bytes: ArrayBuffer): unknown };

/** What the page's last exact picture showed, and what came for it over the wire. */
interface Seen {
  labels: string[];
  /** Label indices in the newest message, drawn or not. */
  sent: number[];
  indices: Record<string, number>;
  channels: number;
  /** Mean difference of neighbouring pixels inside the first box of each label: detail that can be recognised. */
  detail: Record<string, number>;
  colours: Record<string, string>;
}

let stage: Stage;
beforeAll(async () => {
  stage = await Stage.create({ MODEL: 'brands' });
});
afterAll(() => stage?.close());

/** Keeps what the newest detection message told of, and which channels are open. */
function watchChannels(): void {
  const create = RTCPeerConnection.prototype.createDataChannel;
  const open = new Set<RTCDataChannel>();
  Object.assign(window, { channels: open, sentLabels: [] });
  RTCPeerConnection.prototype.createDataChannel = function (this: RTCPeerConnection, ...given) {
    const channel = create.apply(this, given);
    channel.addEventListener('open', () => open.add(channel));
    channel.addEventListener('close', () => open.delete(channel));
    channel.addEventListener('message', ({ data }: MessageEvent<ArrayBuffer>) =>
      Object.assign(window, { sentLabels: (MessagePack.decode(data) as DetectionMessage).o.map(([, label]) => label) }),
    );
    return channel;
  };
}

/** What is shown, as soon as it is as it should be. */
async function shown(what: string, page: Page, isSo: (seen: Seen) => boolean): Promise<Seen> {
  let seen: Seen | undefined;
  await eventually(
    what,
    async () => {
      await page.waitForFunction(() => window.framelock?.player !== undefined);
      seen = await look(page);
      return isSo(seen);
    },
    { withinMs: 60_000 },
  );
  return seen!;
}

function look(page: Page): Promise<Seen> {
  return page.evaluate(
    () =>
      new Promise<Seen>((resolve) => {
        const { player } = window.framelock!;
        const stop = player.on('drawn', ({ kind, boxes, pictureRect: rect }) => {
          if (kind !== 'exact') return;
          stop();
          const { channels, sentLabels: sent } = window as never as {
            channels: Set<RTCDataChannel>;
            sentLabels: number[];
          };
          const canvas = document.querySelector('canvas')!;
          const context = canvas.getContext('2d')!;
          const detail: Record<string, number> = {};
          for (const { label, x, y, w, h } of boxes) {
            // Inside, so that the box's own line is not in it.
            const [width, height] = [Math.floor(w * rect.width * 0.8), Math.floor(h * rect.height * 0.8)];
            const [left, top] = [rect.x + (x + w * 0.1) * rect.width, rect.y + (y + h * 0.1) * rect.height];
            const { data } = context.getImageData(Math.round(left), Math.round(top), width, height);
            let sum = 0;
            for (let i = 4; i < data.length; i += 4) sum += Math.abs(data[i]! - data[i - 4]!);
            detail[label] = sum / (data.length / 4);
          }
          resolve({
            labels: [...new Set(boxes.map(({ label }) => label))].sort(),
            ...{ sent, channels: channels.size, detail },
            indices: Object.fromEntries(boxes.map(({ label, labelIndex }) => [label, labelIndex])),
            colours: Object.fromEntries(boxes.map(({ label, color }) => [label, color])),
          });
        });
      }),
  );
}

it('a hidden label is not even sent, a blurred one can not be recognised, and a painted one has its colour', async () => {
  const stream = await stage.product.createStream('labels');
  const source = `${stage.product.url}/api/v1/streams/${stream.id}/source`;
  const body = JSON.stringify({ type: 'test' });
  expect((await fetch(source, { method: 'POST', headers: { 'content-type': 'application/json' }, body })).ok).toBe(
    true,
  );
  const context = await stage.browser.newContext({ viewport: { width: 1280, height: 1200 } });
  context.setDefaultTimeout(60_000);
  const page = await context.newPage();
  await page.addInitScript({ path: messagePackScript });
  await page.addInitScript(watchChannels);
  await page.goto(`${stage.product.url}/watch/${stream.id}`);
  const whole = await shown('boxes of two labels', page, ({ labels }) => labels.length >= 2);
  expect(whole.channels).toBe(1);
  const [first, second] = whole.labels as [string, string];
  const hidden = whole.indices[first]!;
  expect(whole.sent.length).toBeGreaterThan(0);

  await page.locator('summary', { hasText: 'Labels' }).click();
  await page.getByLabel(`What to do with ${first}`).selectOption('hide');
  // The channel that brought everything is closed when the other is open.
  const less = await shown('the other channel', page, ({ labels, sent, channels }) => {
    return labels.includes(second) && !labels.includes(first) && !sent.includes(hidden) && channels === 1;
  });
  expect(less.colours[second]).toBe(whole.colours[second]);
  await page.getByText('1 hidden').waitFor();

  await page.getByLabel(`What to do with ${second}`).selectOption('blur');
  const sharp = whole.detail[second]!;
  const blurred = await shown('a blurred picture', page, ({ detail }) => (detail[second] ?? sharp) < sharp / 4);
  expect(blurred.labels).not.toContain(first);

  await page.getByLabel(`Colour of ${second}`).fill('#123456');
  await shown('the chosen colour', page, ({ colours }) => colours[second] === '#123456');

  // Remembered, and so asked for from the beginning.
  await page.reload();
  const again = await shown('the same after a reload', page, ({ labels }) => labels.includes(second));
  expect(again.sent).not.toContain(hidden);
  expect(again.labels).not.toContain(first);
  expect(again.colours[second]).toBe('#123456');

  await page.locator('summary', { hasText: 'Labels' }).click();
  await page.getByLabel(`What to do with ${first}`).selectOption('show');
  await shown('all of it again', page, ({ labels }) => labels.includes(first));
  expect(await page.evaluate(() => window.framelock!.stats().wrongFrame)).toBe(0);
  await context.close();
});
