import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { takeCensus, type Census } from './harness/census.ts';
import { EncodedClip } from './harness/EncodedClip.ts';
import { eventually } from './harness/eventually.ts';
import { FfmpegPublisher } from './harness/FfmpegPublisher.ts';
import { connectIceOnly } from './harness/iceOnly.ts';
import { ObsProcess } from './harness/ObsProcess.ts';
import { ObsPublisher } from './harness/ObsPublisher.ts';
import { openClip } from './harness/openClip.ts';
import { Product } from './harness/Product.ts';
import { deleteSource, setSource, sourceIs } from './harness/streamSource.ts';
import { UdpRelay } from './harness/UdpRelay.ts';

const nodeSecret = 'the-secret-of-the-leak-test';
/** ICE consent (10 s), what a lost peer is waited for (20 s), and a busy machine. */
const timeoutsMs = 90_000;

/** Whatever dies, nothing of it stays: counted from /proc and from what server and sfu say they hold. */
describe('what dies leaves nothing behind', { timeout: 300_000 }, () => {
  let product: Product;
  let folder: string;
  let clip: EncodedClip;
  let muxed: string;
  let idle: Census;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'framelock-leaks-'));
    const raw = await openClip({ width: 320, height: 180, frames: 60, diameter: 40 });
    const layers = [{ width: 320, height: 180, bitrateBps: 500_000 }];
    clip = await EncodedClip.create({ path: raw.path, fps: raw.fps, layers }, folder);
    await raw.close();
    muxed = await clip.muxed();
    product = await Product.create({ NODE_SECRET: nodeSecret });
    await throughEverything();
    idle = await takeCensus(product, nodeSecret);
    expect(idle.held).toMatchObject({ publications: 0, transports: 0, producers: 0, whip_sessions: 0 });
  });

  afterAll(async () => {
    await product?.close();
    await rm(folder, { recursive: true, force: true });
  });

  type Stream = Awaited<ReturnType<Product['createStream']>>;

  function publishes({ whipUrl, streamKey }: Stream): Promise<ObsPublisher> {
    return ObsPublisher.create({ whipUrl, bearer: streamKey, clip });
  }

  function isLive(id: string): Promise<number> {
    return eventually('it is live', async () => (await product.stream(id)).state === 'live', { withinMs: 60_000 });
  }

  function isIdle(id: string): Promise<number> {
    return eventually('it is idle', async () => (await product.stream(id)).state === 'idle', { withinMs: 60_000 });
  }

  /** So that what a process keeps for good (the RTMP port, inference's sockets) is there when it is counted. */
  async function throughEverything(): Promise<void> {
    const stream = await product.createStream('warm');
    await setSource(product, stream.id, { type: 'rtmp' });
    await sourceIs(product, stream.id, 'waiting');
    await deleteSource(product, stream.id);
    await aNewPublisherGetsIn(stream);
  }

  async function nothingIsLeft(): Promise<void> {
    let now: Census | undefined;
    const same = async () => isDeepStrictEqual((now = await takeCensus(product, nodeSecret)), idle);
    await eventually('all is as before', same, { withinMs: timeoutsMs, everyMs: 500 }).catch(() => undefined);
    expect(now).toEqual(idle);
  }

  async function aNewPublisherGetsIn(stream: Stream): Promise<void> {
    const publisher = await publishes(stream);
    await isLive(stream.id);
    expect(await publisher.close()).toBe(200);
    await isIdle(stream.id);
  }

  it('a publisher at each step of the handshake, and its network', async () => {
    const names = ['posted', 'iceOnly', 'connected', 'killed', 'closed', 'frozen', 'cut'] as const;
    const made = await Promise.all(names.map((name) => product.createStream(name)));
    const streams = Object.fromEntries(names.map((name, i) => [name, made[i]!])) as Record<
      (typeof names)[number],
      Stream
    >;
    const at = ({ whipUrl, streamKey }: Stream) => ({ whipUrl, bearer: streamKey, clipFolder: folder });

    const posted = await ObsProcess.create({ ...at(streams.posted), until: 'posted' });
    await posted.close('SIGKILL');

    const { whipUrl, streamKey } = streams.iceOnly;
    const ice = await ObsPublisher.create({ whipUrl, bearer: streamKey, clip, until: 'posted' });
    await connectIceOnly(ice.offer, ice.answer);
    await ice.close({ tell: false });

    const connected = await ObsProcess.create({ ...at(streams.connected), until: 'connected' });
    await connected.close('SIGKILL');

    const killed = await ObsProcess.create(at(streams.killed));
    await isLive(streams.killed.id);
    await killed.close('SIGKILL');

    // The connection ends as OBS ends it, and the DELETE never comes.
    const closed = await publishes(streams.closed);
    await isLive(streams.closed.id);
    await closed.close({ tell: false });

    const frozen = await ObsProcess.create(at(streams.frozen));
    await isLive(streams.frozen.id);
    frozen.freeze();

    const relay = await UdpRelay.create();
    const cutAt = streams.cut;
    const cut = await ObsPublisher.create({
      ...{ whipUrl: cutAt.whipUrl, bearer: cutAt.streamKey, clip },
      editAnswer: (answer) => relay.between(answer),
    });
    await isLive(cutAt.id);
    relay.cut();

    try {
      await nothingIsLeft();
    } finally {
      await frozen.close('SIGKILL');
      await cut.close({ tell: false });
      relay.close();
    }
    for (const stream of Object.values(streams)) await aNewPublisherGetsIn(stream);
    await nothingIsLeft();
  });

  it('the FFmpeg of a Source: it is run again, and ends with the Source', async () => {
    const stream = await product.createStream('source');
    await setSource(product, stream.id, { type: 'test' });
    await sourceIs(product, stream.id, 'running');
    const before = (await product.stream(stream.id)).publication!.id;
    const ffmpegs = await product.pids('ffmpeg');
    expect(ffmpegs.length).toBeGreaterThan(0);
    for (const pid of ffmpegs) process.kill(pid, 'SIGKILL');
    await eventually(
      'a new attempt runs',
      async () => {
        const { publication, source } = await product.stream(stream.id);
        return source?.state === 'running' && publication !== null && publication.id !== before && source.restarts > 0;
      },
      { withinMs: 60_000 },
    );
    await deleteSource(product, stream.id);
    await nothingIsLeft();
    await aNewPublisherGetsIn(stream);
    await nothingIsLeft();
  });

  it('an RTMP encoder that is killed', async () => {
    const stream = await product.createStream('rtmp');
    await setSource(product, stream.id, { type: 'rtmp' });
    const { listenUrl } = await sourceIs(product, stream.id, 'waiting');
    const url = `${listenUrl}/${stream.streamKey}`;
    const first = FfmpegPublisher.create(muxed, ['-f', 'flv', url]);
    await sourceIs(product, stream.id, 'running');
    await first.close('SIGKILL');
    await sourceIs(product, stream.id, 'waiting');
    const second = FfmpegPublisher.create(muxed, ['-f', 'flv', url]);
    await sourceIs(product, stream.id, 'running');
    await second.close();
    await deleteSource(product, stream.id);
    await nothingIsLeft();
  });

  it.each([
    ['the sfu', 'sfu/src/main.ts'],
    ['the server', 'server/src/main.ts'],
  ])('%s: no FFmpeg outlives it, and publishers get in again', async (_, part) => {
    const [whip, source] = [await product.createStream('whip'), await product.createStream('test')];
    await setSource(product, source.id, { type: 'test' });
    await sourceIs(product, source.id, 'running');
    const publisher = await publishes(whip);
    await isLive(whip.id);
    const killed = await product.pids(part);
    await product.kill(part);
    // For a moment the server may not know that its sfu is gone.
    const isThereAgain = async (): Promise<boolean> => {
      const pids = await product.pids(part);
      return pids.some((pid) => !killed.includes(pid)) && (await fetch(`${product.url}/readyz`)).ok;
    };
    await eventually('the product is there again', isThereAgain, { withinMs: timeoutsMs });
    await publisher.close({ tell: false });
    // A Source is kept: it runs again by itself.
    await sourceIs(product, source.id, 'running');
    await deleteSource(product, source.id);
    await aNewPublisherGetsIn(whip);
    await throughEverything();
    await nothingIsLeft();
  });
});
