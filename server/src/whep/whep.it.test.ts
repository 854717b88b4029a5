import { request as httpRequest } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createFakeInference, createFakeSfu, type FakeInference, type FakeSfu } from '../../test/fakeNodes.ts';
import { browserOffer } from '../../test/sdpOffers.ts';
import type { SignalingClient } from '../../test/SignalingClient.ts';
import { nodeSecret, TestServer, until } from '../../test/TestServer.ts';
import { patchFragment, restartFragment, speakSdp } from '../../test/whip.ts';
import { type CreatedStream, type ProducerView, Refusal } from '../protocol/index.ts';

let server: TestServer;
let sfu: FakeSfu;
let inference: FakeInference;
let stream: CreatedStream;
let made = 0;

beforeAll(async () => {
  [server, sfu, inference] = await Promise.all([
    TestServer.create({ whipPostsPerMinute: 10_000, maxPeers: 100 }),
    createFakeSfu(nodeSecret),
    createFakeInference(nodeSecret),
  ]);
  await Promise.all([server.attach(sfu), server.attach(inference)]);
});

beforeEach(async () => {
  speakSdp(sfu);
  const handlers = sfu.handlers as { -readonly [K in keyof typeof sfu.handlers]: (typeof sfu.handlers)[K] };
  handlers.produce = ({ kind }) => ({ producer: producers[kind] });
  // As mediasoup answers: one codec, the payload type that was asked for, and no extension whose id is not its own.
  handlers.consume = ({ producerId, rtpCapabilities }) => {
    const { codecs } = rtpCapabilities as { codecs: { preferredPayloadType: number; rtcpFeedback: unknown[] }[] };
    const { preferredPayloadType: payloadType, rtcpFeedback } = codecs[0]!;
    const rtpParameters = {
      codecs: [{ payloadType, rtcpFeedback }],
      headerExtensions: [],
      encodings: [{ ssrc: 7_000 + ++made }],
      rtcp: { cname: 'publisher' },
    };
    return { consumer: { id: `consumer-${made}`, producerId, rtpParameters }, type: 'simple' };
  };
  handlers.consumeDetections = () => ({ dataConsumer: { id: 'data', sctpStreamParameters: { streamId: 0 } } });
  producers = {
    audio: { id: 'audio-1', kind: 'audio', mimeType: 'audio/opus', paused: false },
    video: { id: 'video-1', kind: 'video', mimeType: 'video/VP8', paused: false },
  };
  sfu.calls.length = 0;
  if (stream as CreatedStream | undefined) await server.request(`/api/v1/streams/${stream.id}`, { method: 'DELETE' });
  stream = await server.createStream();
});

afterAll(async () => {
  await server.close();
  await Promise.all([sfu.close(), inference.close()]);
});

let producers: { audio: ProducerView; video: ProducerView };

/** A browser's whose page asks for video first: its sdes:mid has another id then (4, and so no such offer, else). */
const playerOffer: typeof browserOffer = (...args) =>
  browserOffer(...args).replaceAll(
    'extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid',
    'extmap:9 urn:ietf:params:rtp-hdrext:sdes:mid',
  );

async function publish(kinds: ('audio' | 'video')[] = ['audio', 'video']): Promise<SignalingClient> {
  const publisher = await server.client();
  await publisher.request('join', { streamId: stream.id, role: 'publish' });
  const transportId = (await publisher.request('createTransport', { direction: 'send' })).transport.id as string;
  for (const kind of kinds) await publisher.request('produce', { transportId, kind, rtpParameters: {} });
  sfu.calls.length = 0;
  return publisher;
}

async function play(offer = playerOffer('recvonly'), token: string | null = stream.streamKey) {
  const answer = await server.request(`/whep/${stream.id}`, {
    method: 'POST',
    headers: { 'content-type': 'application/sdp' },
    body: offer,
    ...(token === null ? {} : { token }),
  });
  return { ...answer, location: answer.headers.get('location') ?? '', etag: answer.headers.get('etag') ?? '' };
}

const sessions = () => server.metric('framelock_whep_sessions');
const viewers = async () => (await server.stream(stream.id)).viewers;
const sectionOf = (sdp: string, kind: string): string =>
  sdp.split(/(?=m=)/).find((one) => one.startsWith(`m=${kind}`))!;

/** Every peer that was given a transport was closed again, but the publishers of these tests. */
async function expectNothingLeft(): Promise<void> {
  await until(async () => (await sessions()) === 0 && (await viewers()) === 0, 'no session is left');
  const given = sfu.callsOf('createTransport').filter(({ direction }) => direction === 'recv');
  await until(() => {
    const closed = new Set(sfu.callsOf('closePeer').map(({ peerId }) => peerId));
    return given.every(({ peerId }) => closed.has(peerId));
  }, 'nothing is left on the sfu');
}

describe('a player', () => {
  it('is answered in its own payload types, and counts as a viewer', async () => {
    await publish();
    const { status, headers, text, location, etag } = await play();
    expect(status).toBe(201);
    expect(headers.get('content-type')).toBe('application/sdp');
    expect(headers.get('access-control-allow-origin')).toBe('*');
    expect(location).toMatch(new RegExp(`^/whep/${stream.id}/[A-Za-z0-9_-]{32}$`));
    expect(etag).toMatch(/^"[^"]+"$/);
    const [audio, video] = [sectionOf(text, 'audio'), sectionOf(text, 'video')];
    expect(audio).toMatch(/^m=audio 9 UDP\/TLS\/RTP\/SAVPF 111\r\n/);
    expect(audio).toContain('a=fmtp:111 minptime=10;useinbandfec=1\r\n');
    expect(video).toMatch(/^m=video 9 UDP\/TLS\/RTP\/SAVPF 96\r\n/);
    for (const line of ['a=rtpmap:96 VP8/90000', 'a=rtcp-fb:96 nack', 'a=rtcp-fb:96 nack pli', 'a=sendonly']) {
      expect(video).toContain(`${line}\r\n`);
    }
    // No RTX, and no extension: their numbers would be mediasoup's and not the offer's.
    expect(text).not.toMatch(/rtx|a=extmap:/);
    const streams = [...text.matchAll(/a=msid:(\S+) (\S+)/g)];
    expect(new Set(streams.map(([, id]) => id)).size).toBe(1);
    expect(new Set(streams.map(([, , track]) => track)).size).toBe(2);
    expect(text).toMatch(/a=ssrc:70\d\d cname:publisher/);

    const [transport] = sfu.callsOf('createTransport');
    expect(transport).toMatchObject({
      direction: 'recv',
      codecs: [
        { mimeType: 'audio/opus', preferredPayloadType: 111, channels: 2 },
        { mimeType: 'video/VP8', preferredPayloadType: 96 },
      ],
    });
    expect(sfu.callsOf('consume').map(({ producerId, mid }) => [producerId, mid])).toEqual([
      ['audio-1', '0'],
      ['video-1', '1'],
    ]);
    expect(sfu.callsOf('resumeConsumer')).toHaveLength(2);
    expect([await viewers(), await sessions()]).toEqual([1, 1]);
    expect(headers.get('link')).toBeNull();

    expect((await server.request(location, { method: 'DELETE', token: stream.streamKey })).status).toBe(200);
    await expectNothingLeft();
    expect((await server.stream(stream.id)).state).toBe('live');
  });

  it.each<[string, Partial<ProducerView>, number]>([
    ['VP9', { mimeType: 'video/VP9', profile: '0' }, 98],
    ['AV1', { mimeType: 'video/AV1' }, 45],
    // Chromium offers Baseline for what encoders send as Constrained Baseline.
    ['H264', { mimeType: 'video/H264', profile: '42e01f' }, 102],
  ])('plays %s in the payload type that it was offered', async (_, view, payloadType) => {
    Object.assign(producers.video, view);
    await publish(['video']);
    const { status, text } = await play();
    expect(status).toBe(201);
    expect(sectionOf(text, 'video')).toMatch(new RegExp(`^m=video 9 UDP/TLS/RTP/SAVPF ${payloadType}\r\n`));
    // mediasoup compares profiles by the letter: it is asked with the publisher's.
    if (view.profile && view.mimeType === 'video/H264') {
      expect(sfu.callsOf('createTransport')[0]).toMatchObject({
        codecs: [{ parameters: { 'profile-level-id': '42e01f' } }],
      });
    }
    // Audio is not published: its section stays, and nothing is sent there.
    expect(sectionOf(text, 'audio')).toMatch(/^m=audio 9 UDP\/TLS\/RTP\/SAVPF 111\r\n/);
    expect(sectionOf(text, 'audio')).toContain('a=inactive\r\n');
    expect(text).toContain('a=group:BUNDLE 0 1\r\n');
  });

  it('with a data channel gets detections on the stream that a=dcmap tells, and a link to their labels', async () => {
    await publish();
    const { text, headers } = await play(playerOffer('recvonly', { dataChannel: true }));
    const application = sectionOf(text, 'application');
    expect(application).toMatch(/^m=application 9 UDP\/DTLS\/SCTP webrtc-datachannel\r\n/);
    expect(application).toContain('a=sctp-port:5000\r\n');
    expect(application).toContain(
      'a=dcmap:0 label="detections";subprotocol="framelock.v1";ordered=false;max-retr=0\r\n',
    );
    expect(sfu.callsOf('consumeDetections')).toHaveLength(1);
    expect(headers.get('link')).toBe(`</api/v1/streams/${stream.id}>; rel="describedby"; type="application/json"`);
    await until(
      async () => (await server.stream(stream.id)).modelDescription?.labels[0] === 'a',
      'the labels are where the link says',
    );
  });

  it('may want the detections alone, on an ordinary transport', async () => {
    await publish();
    const whole = playerOffer('recvonly', { dataChannel: true });
    const head = whole.split(/(?=m=)/)[0]!.replace('BUNDLE 0 1 2', 'BUNDLE 2');
    const { status, text } = await play(head + sectionOf(whole, 'application'));
    expect([status, text.match(/m=/g)]).toEqual([201, ['m=']]);
    expect(sfu.callsOf('createTransport')[0]).not.toHaveProperty('codecs');
    expect(sfu.callsOf('consume')).toEqual([]);
  });

  it('restarts ICE and trickles as WHIP does', async () => {
    await publish();
    const { location, etag } = await play();
    const token = stream.streamKey;
    const body = 'a=ice-ufrag:4ZcD\r\na=ice-pwd:2/1muCWoOi3uLifh0NuRHlOs\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\n';
    expect((await patchFragment(server, location, { token, ifMatch: etag, body })).status).toBe(204);
    expect((await patchFragment(server, location, { token, body })).status).toBe(428);
    const restarted = await patchFragment(server, location, { token, ifMatch: '*', body: restartFragment });
    expect(restarted.status).toBe(200);
    expect(restarted.headers.get('etag')).not.toBe(etag);
    expect(sfu.callsOf('restartIce')).toHaveLength(1);
    expect((await patchFragment(server, location, { token, ifMatch: etag })).status).toBe(412);
  });

  it('of a simulcast plays the layer that is analysed, until another is', async () => {
    await publish(['video']);
    sfu.emit('analysedProducer', {
      streamId: stream.id,
      publicationId: (await server.stream(stream.id)).publication!.id,
      producerId: 'video-1',
    });
    await play(playerOffer('recvonly', { dataChannel: true }));
    const { publication } = await server.stream(stream.id);
    expect(publication!.analysedProducerId).toBe('video-1');
    expect(await sessions()).toBe(1);
  });
});

describe('the session ends', () => {
  it('with the Publication; another one is another session', async () => {
    const publisher = await publish();
    const { location } = await play();
    publisher.close();
    await until(async () => (await sessions()) === 0, 'the session ended');
    await expectNothingLeft();
    // The wish of a DELETE is fulfilled; there is nothing to PATCH any more.
    expect((await server.request(location, { method: 'DELETE', token: stream.streamKey })).status).toBe(200);
    expect((await patchFragment(server, location, { token: stream.streamKey, ifMatch: '*' })).status).toBe(404);
  });

  it('with a track that it plays', async () => {
    const publisher = await publish();
    await play();
    await publisher.request('closeProducer', { producerId: 'audio-1' });
    await expectNothingLeft();
  });

  it('with its transport, its Stream, and its sfu node', async () => {
    await publish();
    await play();
    const [{ peerId }] = sfu.callsOf('createTransport') as [{ peerId: string }];
    const { whepSessions } = server.server.dump() as { whepSessions: { id: string; transportId: string }[] };
    const { transportId } = whepSessions.find(({ id }) => id === peerId)!;
    sfu.emit('transportClosed', { transportId, peerId, reason: 'iceDisconnected' });
    await expectNothingLeft();

    await play();
    await server.request(`/api/v1/streams/${stream.id}`, { method: 'DELETE' });
    await until(async () => (await sessions()) === 0, 'the session ended with its Stream');

    stream = await server.createStream();
    await publish();
    await play();
    sfu.cut();
    await until(async () => (await sessions()) === 0, 'the session ended with its node');
    await until(() => server.connectedNodes().includes(sfu.heartbeat.nodeId), 'the node is back');
  });

  it('when the request ends before its answer', async () => {
    await publish();
    const handlers = sfu.handlers as { createTransport: unknown };
    const createTransport = sfu.handlers.createTransport;
    let answer = (): void => {};
    handlers.createTransport = async (params: never, context: never) => {
      await new Promise<void>((resolve) => (answer = resolve));
      return (createTransport as (...args: never[]) => unknown)(params, context);
    };
    const request = httpRequest(`${server.url}/whep/${stream.id}`, {
      method: 'POST',
      headers: { 'content-type': 'application/sdp', authorization: `Bearer ${stream.streamKey}` },
    });
    request.on('error', () => undefined);
    request.end(playerOffer('recvonly'));
    await until(() => sfu.callsOf('createTransport').length === 1, 'the transport is being made');
    expect(await sessions()).toBe(1);
    request.destroy();
    await until(async () => (await sessions()) === 0, 'the session ended');
    answer();
    await expectNothingLeft();
  });
});

describe('is refused', () => {
  it('409 with Retry-After while nothing is published', async () => {
    const { status, headers, body } = await play();
    expect([status, headers.get('retry-after')]).toEqual([409, '5']);
    expect(body).toMatchObject({
      error: { code: 'conflict', message: expect.stringContaining('nothing is published') as string },
    });
    expect(await server.metric('framelock_streams_open')).toBe(0);
  });

  it('without the bearer of this Stream, also where access is open', async () => {
    await publish();
    const other = await server.createStream();
    for (const token of [null, 'wrong', other.streamKey]) {
      const { status, headers } = await play(undefined, token);
      expect([status, headers.get('www-authenticate')]).toEqual([401, 'Bearer']);
    }
    expect(sfu.callsOf('createTransport')).toEqual([]);
  });

  it.each<[string, () => string, RegExp]>([
    ['sends', () => playerOffer('sendonly'), /WHEP plays, so offer a=recvonly/],
    [
      'lacks the codec',
      () => playerOffer('recvonly').replace('a=rtpmap:96 VP8', 'a=rtpmap:96 H263'),
      /video is VP8.*publish in a codec/,
    ],
    [
      'has two videos',
      () => {
        const offer = playerOffer('recvonly');
        return offer.replace('BUNDLE 0 1', 'BUNDLE 0 1 5') + sectionOf(offer, 'video').replace('a=mid:1', 'a=mid:5');
      },
      /2 video sections/,
    ],
    [
      'has another SCTP port',
      () => playerOffer('recvonly', { dataChannel: true }).replace('sctp-port:5000', 'sctp-port:5001'),
      /sctp-port:5000/,
    ],
  ])('422 with words when the offer %s', async (_, offer, words) => {
    await publish();
    const { status, body } = await play(offer());
    expect([status, body]).toMatchObject([
      422,
      { error: { code: 'unsupported', message: expect.stringMatching(words) as string } },
    ]);
    await expectNothingLeft();
  });

  it('422 when the offer numbers sdes:mid as mediasoup numbers what it writes into video, but not for audio alone', async () => {
    const publisher = await publish();
    const { status, body } = await play(browserOffer('recvonly'));
    expect([status, body]).toMatchObject([
      422,
      {
        error: { message: expect.stringMatching(/abs-send-time: .*video transceiver before the audio one/) as string },
      },
    ]);
    await expectNothingLeft();
    await publisher.request('closeProducer', { producerId: 'video-1' });
    expect((await play(browserOffer('recvonly'))).status).toBe(201);
  });

  it('422 when nothing that is published is offered', async () => {
    await publish(['audio']);
    const whole = playerOffer('recvonly');
    const head = whole.split(/(?=m=)/)[0]!.replace('BUNDLE 0 1', 'BUNDLE 1');
    const { status, body } = await play(head + sectionOf(whole, 'video'));
    expect([status, body]).toMatchObject([
      422,
      { error: { message: 'the offer has video only, and this Stream has audio just now' } },
    ]);
  });

  it('with what the sfu refuses, and leaves nothing', async () => {
    await publish();
    const handlers = sfu.handlers as { consume: unknown };
    handlers.consume = () => {
      throw new Refusal('unavailable', 'consume: it closed meanwhile');
    };
    const { status, headers } = await play();
    expect([status, headers.get('retry-after')]).toEqual([503, '2']);
    await expectNothingLeft();
  });

  it('when it is no SDP, too large, or of another type', async () => {
    await publish();
    expect((await play('hello')).status).toBe(400);
    expect((await play('v=0\r\n'.padEnd(70_000, 'a'))).status).toBe(413);
    const json = await server.request(`/whep/${stream.id}`, { method: 'POST', json: {}, token: stream.streamKey });
    expect(json.status).toBe(415);
  });

  it('503 beyond the number of sessions', async () => {
    await publish();
    const small = await TestServer.create({ maxPeers: 1, whipPostsPerMinute: 1_000 });
    const smallSfu = await createFakeSfu(nodeSecret, 'small');
    try {
      await small.attach(smallSfu);
      smallSfu.handlers = sfu.handlers;
      const { id, streamKey } = await small.createStream();
      const publisher = await small.client();
      await publisher.publish(id);
      const post = () =>
        small.request(`/whep/${id}`, {
          method: 'POST',
          headers: { 'content-type': 'application/sdp' },
          body: playerOffer('recvonly'),
          token: streamKey,
        });
      expect((await post()).status).toBe(201);
      const { status, body } = await post();
      expect([status, body]).toMatchObject([
        503,
        { error: { message: expect.stringContaining('1 WHEP sessions') as string } },
      ]);
    } finally {
      await small.close();
      await smallSfu.close();
    }
  });
});

it('GET shows nothing, OPTIONS says what can be sent', async () => {
  for (const path of [`/whep/${stream.id}`, `/whep/${stream.id}/any`]) {
    const { status, text } = await server.request(path);
    expect([status, text]).toEqual([204, '']);
  }
  const { status, headers } = await server.request(`/whep/${stream.id}`, { method: 'OPTIONS' });
  expect([status, headers.get('accept-post')]).toEqual([200, 'application/sdp']);
});
