import { expect, it } from 'vitest';
import { viewerCount } from './viewerWords.ts';

it('counts viewers of both transports, and tells how many of each', () => {
  expect(viewerCount(2, { players: 3 })).toMatchObject({ total: 5, text: '5 viewers' });
  expect(viewerCount(2, { players: 3 }).title).toMatch(/^2 by WebRTC, 3 by HLS\. Who watches through a CDN/);
  expect(viewerCount(1, null)).toEqual({ total: 1, text: '1 viewer', title: '1 by WebRTC, 0 by HLS' });
});

it('counts this page itself where it plays by HLS, once', () => {
  expect(viewerCount(0, {}, true)).toMatchObject({ total: 1, text: '1 viewer' });
  expect(viewerCount(0, { players: 4 }, true).total).toBe(4);
});
