import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type DownloadOptions, downloadModel, refuseAddress } from './downloadModel.ts';

const bytes = Buffer.alloc(300_000, 'framelock');
const sha256 = createHash('sha256').update(bytes).digest('hex');

let folder: string;
let server: Server | undefined;
beforeAll(() => (folder = mkdtempSync(join(tmpdir(), 'framelock-download-'))));
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(async () => {
  server?.closeAllConnections();
  await new Promise((resolve) => (server ? server.close(resolve) : resolve(undefined)));
  server = undefined;
});

async function download(answer: RequestListener, options: Partial<DownloadOptions> = {}): Promise<Buffer> {
  server = createServer(answer);
  await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/model.onnx`;
  const path = join(folder, 'model');
  await downloadModel({ url, path, reach: 'loopback', ...options });
  return readFileSync(path);
}

describe('downloadModel', () => {
  it('writes what it got, verified, and tells how far it is', async () => {
    let last: [number, number | undefined] = [0, 0];
    const onProgress = (...progress: typeof last): void => void (last = progress);
    const found = await download((_, response) => response.setHeader('content-length', bytes.length).end(bytes), {
      sha256,
      onProgress,
    });
    expect(found.equals(bytes)).toBe(true);
    expect(last).toEqual([bytes.length, bytes.length]);
  });

  it('follows redirects, but not for ever', async () => {
    const found = await download((request, response) => {
      if (request.url === '/there') response.end(bytes);
      else response.writeHead(302, { location: '/there' }).end();
    });
    expect(found.equals(bytes)).toBe(true);
    const circle = download((_, response) => response.writeHead(302, { location: '/model.onnx' }).end());
    await expect(circle).rejects.toThrow('more than 5 redirects');
  });

  it.each<[string, RequestListener, Partial<DownloadOptions>, { code: string; message: RegExp }]>([
    ['another file', (_, response) => response.end('other'), { sha256 }, { code: 'unsupported', message: /sha256/ }],
    ['an error', (_, response) => response.writeHead(404).end(), {}, { code: 'unavailable', message: /answered 404/ }],
    [
      'a stated size that is too large',
      (_, response) => response.setHeader('content-length', bytes.length).end(bytes),
      { maxBytes: 1000 },
      { code: 'tooLarge', message: /300000 bytes; at most 1000/ },
    ],
    [
      'an endless answer',
      (_, response) => {
        const more = (): void => void (response.destroyed || response.write(bytes, () => setImmediate(more)));
        more();
      },
      { maxBytes: 1_000_000 },
      { code: 'tooLarge', message: /more than 1000000 bytes/ },
    ],
    [
      'a cut connection',
      (_, response) => {
        response.setHeader('content-length', bytes.length);
        response.write(bytes.subarray(0, 1000), () => response.destroy());
      },
      {},
      { code: 'unavailable', message: /broke off after \d+ bytes/ },
    ],
    [
      'silence',
      (_, response) => void response.write('x'),
      { idleTimeoutMs: 200 },
      { code: 'unavailable', message: /./ },
    ],
    [
      'a redirect into the private network',
      (_, response) => response.writeHead(302, { location: 'https://10.1.2.3/model.onnx' }).end(),
      {},
      { code: 'forbidden', message: /10\.1\.2\.3.*not a public address/ },
    ],
    [
      'a redirect to plain http',
      (_, response) => response.writeHead(302, { location: 'http://example.com/model.onnx' }).end(),
      {},
      { code: 'badRequest', message: /https only/ },
    ],
    [
      'loopback unless allowed',
      (_, response) => response.end(bytes),
      { reach: 'public' },
      { code: 'forbidden', message: /this machine itself/ },
    ],
    [
      'what is no URL',
      (_, response) => response.end(),
      { url: 'model.onnx' },
      { code: 'badRequest', message: /no URL/ },
    ],
    [
      'files',
      (_, response) => response.end(),
      { url: 'file:///etc/passwd' },
      { code: 'badRequest', message: /https only/ },
    ],
    [
      'a name of this machine',
      (_, response) => response.end(),
      { url: 'https://localhost/x', reach: 'public' },
      { code: 'forbidden', message: /this machine/ },
    ],
  ])('refuses %s', async (_, answer, options, { code, message }) => {
    const refused = download(answer, options);
    await expect(refused).rejects.toMatchObject({
      name: 'Refusal',
      code,
      message: expect.stringMatching(message) as string,
    });
  });
});

describe('refuseAddress', () => {
  it.each([
    '10.0.0.1',
    '172.31.0.1',
    '192.168.1.1',
    '169.254.169.254',
    '100.64.0.1',
    '0.0.0.0',
    '224.0.0.1',
    '::1',
    '::',
    'fe80::1',
    'fd00::1',
    '::ffff:10.0.0.1',
    '64:ff9b::a00:1',
    '2002:a00:1::',
    '127.0.0.2',
  ])('takes %s for private', (address) => {
    expect(() => refuseAddress(address, 'host', 'public')).toThrow();
    expect(() => refuseAddress(address, 'host', 'private')).not.toThrow();
  });
  it.each(['140.82.112.3', '2606:50c0:8000::153', '2001:4860:4860::8888'])('takes %s for public', (address) => {
    expect(() => refuseAddress(address, 'host', 'public')).not.toThrow();
  });
});
