import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { clipCodecs, makeClip, testFfmpegBin } from '../testing/clips.ts';
import { RtspCamera } from '../testing/RtspCamera.ts';
import { checkSourceUrl } from './checkSourceUrl.ts';
import { lookAtInput } from './lookAtInput.ts';
import { rtspInput } from './rtspInput.ts';

/** A camera with one answer to everything. */
async function camera(answer: string): Promise<{ server: Server; url: string; requests: string[] }> {
  const requests: string[] = [];
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (data) => {
      requests.push(String(data).split('\r\n', 1)[0]!);
      socket.write(`RTSP/1.0 ${answer}\r\nCSeq: ${/CSeq: (\d+)/i.exec(String(data))?.[1]}\r\n\r\n`);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, url: `rtsp://127.0.0.1:${(server.address() as AddressInfo).port}/a`, requests };
}

let inside: Awaited<ReturnType<typeof camera>>;
let outside: Awaited<ReturnType<typeof camera>>;

beforeEach(async () => {
  inside = await camera('404 Not Found');
  outside = await camera(`302 Moved\r\nLocation: ${inside.url}`);
});
afterEach(() => {
  for (const { server } of [inside, outside]) server.close();
});

async function look(url: string, mayLeadOn: boolean): Promise<unknown> {
  const rules = { schemes: ['rtsp'], defaultPorts: {}, allowPrivateAddresses: true };
  const input = rtspInput(await checkSourceUrl(url, rules), { mayLeadOn });
  const signal = new AbortController().signal;
  return lookAtInput({ bin: testFfmpegBin, input, secrets: [], signal, timeoutMs: 20_000 });
}

test('a camera that sends its callers on is refused where the address matters, and followed where not', async () => {
  await expect(look(outside.url, false)).rejects.toThrow(/sends its callers on to another address/);
  const before = inside.requests.length; // FFmpeg may have asked once before it was killed
  expect(before).toBeLessThanOrEqual(1);
  await expect(look(outside.url, true)).rejects.toThrow(/nothing under this path \(404\)/);
  expect(inside.requests.length).toBeGreaterThan(before);
});

test('what FFmpeg says of a camera reads the same where its log is watched', async () => {
  await expect(look(inside.url, false)).rejects.toThrow(/nothing under this path \(404\)/);
});

test('a camera whose log is watched is looked at like any other', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'framelock-watched-'));
  await makeClip(folder, 'watched.mp4', clipCodecs.copied);
  const camera = await RtspCamera.create(testFfmpegBin, join(folder, 'watched.mp4'));
  try {
    expect(await look(`rtsp://127.0.0.1:${camera.port}/live`, false)).toMatchObject({
      video: { codec: 'h264', reorders: false },
    });
  } finally {
    await camera.close();
    await rm(folder, { recursive: true });
  }
});
