import { Refusal } from '@framelock/server/protocol';
import type { RtpHeaderExtension } from 'mediasoup-client/types';
import { describe, expect, it } from 'vitest';
import { ClockOffset } from '../signaling/ClockOffset.ts';
import { backoffMs } from './backoffMs.ts';
import { withoutRefusedExtensions } from './createDevice.ts';
import { PublisherMeter } from './PublisherMeter.ts';
import { Reconnector, type Link, type LinkEnd } from './Reconnector.ts';
import { defaultMaxBitrateBps, defaultScalabilityMode, scalabilityProblem } from './videoEncoding.ts';

describe('backoffMs', () => {
  it('doubles from 250 ms to 4 s, half of it random', () => {
    expect([0, 1, 2, 3, 4, 5, 99].map((attempt) => backoffMs(attempt, () => 1))).toEqual([
      250, 500, 1000, 2000, 4000, 4000, 4000,
    ]);
    expect(backoffMs(3, () => 0)).toBe(1000);
  });
});

describe('withoutRefusedExtensions', () => {
  it('lets no orientation through, so that turned phones keep their boxes', () => {
    const headerExtensions = [
      { kind: 'video' as const, uri: 'urn:3gpp:video-orientation' as const, preferredId: 11 },
      { kind: 'video' as const, uri: 'urn:ietf:params:rtp-hdrext:toffset' as const, preferredId: 12 },
    ];
    expect(
      withoutRefusedExtensions({ codecs: [], headerExtensions: headerExtensions as RtpHeaderExtension[] })
        .headerExtensions,
    ).toEqual([headerExtensions[1]]);
  });
});

describe('video encoding', () => {
  it('is one encoding; VP9 carries its layers in it', () => {
    expect(['vp8', 'h264', 'vp9', 'av1'].map((codec) => defaultScalabilityMode(codec as 'vp8'))).toEqual([
      ...[undefined, undefined, 'L3T3_KEY', 'L1T1'],
    ]);
  });

  it('says which layers cannot be sent', () => {
    expect(scalabilityProblem('vp9', 'L3T3_KEY')).toBeUndefined();
    expect(scalabilityProblem('vp8', 'L1T2')).toBeUndefined();
    expect(scalabilityProblem('av1', 'L3T3_KEY')).toMatch(/one spatial layer/);
    expect(scalabilityProblem('vp9', 'S3T3')).toMatch(/L3T3_KEY/);
  });

  it('fits its bitrate to the picture', () => {
    expect(defaultMaxBitrateBps({ width: 1280, height: 720, frameRate: 30 })).toBeGreaterThan(2_000_000);
    expect(defaultMaxBitrateBps({ width: 160, height: 90, frameRate: 5 })).toBe(600_000);
    expect(defaultMaxBitrateBps({ width: 3840, height: 2160, frameRate: 60 })).toBe(8_000_000);
  });
});

class TestLink implements Link {
  readonly ended: Promise<LinkEnd>;
  end!: (end: LinkEnd) => void;
  closed = false;

  constructor() {
    this.ended = new Promise((resolve) => (this.end = resolve));
  }

  close(reason: string): void {
    this.closed = true;
    this.end({ reason });
  }
}

function reconnected(connect: () => Promise<TestLink>) {
  const lost: LinkEnd[] = [];
  const links: TestLink[] = [];
  let wake: () => void = () => undefined;
  const failed = Promise.withResolvers<LinkEnd>();
  const reconnector = new Reconnector<TestLink>({
    connect,
    onConnected: (link) => {
      links.push(link);
      wake();
    },
    onLost: (end) => lost.push(end),
    onFailed: failed.resolve,
  });
  const connections = async (count: number): Promise<void> => {
    while (links.length < count) await new Promise<void>((resolve) => (wake = resolve));
  };
  return { reconnector, lost, links, failed: failed.promise, connections };
}

describe('Reconnector', () => {
  it('makes a new link when one ends, and stops when closed', async () => {
    const { reconnector, links, lost, connections } = reconnected(() => Promise.resolve(new TestLink()));
    await connections(1);
    links[0]!.end({ reason: 'cut' });
    await connections(2);
    expect(lost).toEqual([{ reason: 'cut' }]);
    expect(reconnector.reconnections).toBe(1);
    reconnector.close();
    reconnector.close();
    expect(links[1]!.closed).toBe(true);
  });

  it('makes another link in place of one at once, without telling of a loss', async () => {
    const { reconnector, links, lost, connections } = reconnected(() => Promise.resolve(new TestLink()));
    await connections(1);
    reconnector.renew('another way');
    await connections(2);
    expect(links[0]!.closed).toBe(true);
    expect(lost).toEqual([]);
    links[1]!.end({ reason: 'cut' });
    await connections(3);
    expect(lost).toEqual([{ reason: 'cut' }]);
    reconnector.close();
  });

  it('retries what may pass and tells each reason once', async () => {
    let attempts = 0;
    const { reconnector, lost, connections } = reconnected(() =>
      ++attempts < 3 ? Promise.reject(new Refusal('unavailable', 'no sfu')) : Promise.resolve(new TestLink()),
    );
    await connections(1);
    expect(lost).toEqual([{ reason: 'no sfu', code: 'unavailable' }]);
    reconnector.close();
  });

  it('gives up where no retry can help', async () => {
    const { failed, links } = reconnected(() => Promise.reject(new Refusal('notFound', 'no such Stream')));
    expect(await failed).toEqual({ reason: 'no such Stream', code: 'notFound' });
    expect(links).toEqual([]);
  });

  it('takes a conflict for final at first, for our own old connection later', async () => {
    const first = reconnected(() => Promise.reject(new Refusal('conflict', 'someone publishes')));
    expect((await first.failed).code).toBe('conflict');
    let attempts = 0;
    const later = reconnected(() =>
      ++attempts === 2 ? Promise.reject(new Refusal('conflict', 'someone publishes')) : Promise.resolve(new TestLink()),
    );
    await later.connections(1);
    later.links[0]!.end({ reason: 'cut' });
    await later.connections(2);
    later.reconnector.close();
  });
});

describe('PublisherMeter', () => {
  const outbound = (more: object) => ({
    ...{ id: 'o', type: 'outbound-rtp', kind: 'video', codecId: 'c', frameWidth: 640, frameHeight: 360 },
    ...{ qualityLimitationReason: 'cpu' },
    ...more,
  });
  const report = (...entries: { id: string; type: string }[]) => new Map(entries.map((entry) => [entry.id, entry]));

  it('gives the last second, not the whole', () => {
    const meter = new PublisherMeter();
    const totals = (seconds: number) =>
      outbound({
        ...{ timestamp: seconds * 1000, bytesSent: seconds * 125_000, packetsSent: seconds * 100 },
        ...{ framesEncoded: seconds * 30, framesSent: seconds * 30 },
        ...{ totalEncodeTime: seconds * 0.3, totalPacketSendDelay: seconds * 0.5 },
      });
    const remote = { id: 'r', type: 'remote-inbound-rtp', kind: 'video', roundTripTime: 0.02, packetsLost: 3 };
    const codec = { id: 'c', type: 'codec', mimeType: 'video/VP8' };
    expect(meter.add(report(totals(1), remote, codec), 0)).toMatchObject({ bitrateBps: 0, captureToSendMs: 15 });
    expect(meter.add(report(totals(2), remote, codec), 1)).toEqual({
      ...{ bitrateBps: 1_000_000, rttMs: 20, fps: 30, width: 640, height: 360, codec: 'video/VP8', limitedBy: 'cpu' },
      ...{ captureToSendMs: 15, encodeMs: 10, packetsLost: 3, reconnections: 1 },
    });
  });

  it('counts pictures, not their spatial layers', () => {
    const meter = new PublisherMeter();
    const source = { id: 's', type: 'media-source', kind: 'video', framesPerSecond: 30 };
    const sent = (seconds: number) => outbound({ timestamp: seconds * 1000, framesSent: seconds * 60 });
    meter.add(report(sent(1), source), 0);
    expect(meter.add(report(sent(2), source), 0).fps).toBe(30);
  });

  it('is all zeros of nothing', () => {
    expect(new PublisherMeter().add(report(), 0)).toMatchObject({ bitrateBps: 0, fps: 0, limitedBy: 'none' });
  });
});

describe('ClockOffset', () => {
  it('trusts the shortest round trip', () => {
    const clock = new ClockOffset();
    clock.add(1000, 5200, 1400);
    clock.add(2000, 6010, 2020);
    clock.add(3000, 9999, 2999);
    expect(clock.offsetMs).toBe(4000);
    expect(clock.rttMs).toBe(20);
  });
});
