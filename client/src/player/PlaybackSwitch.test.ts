import type { PublicationView } from '@framelock/server/protocol';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { noPathCode } from '../rtc/ViewerLink.ts';
import type { FrameExactOverlay } from './FrameExactOverlay.ts';
import type { Playback, PlaybackEvents, Transport } from './Playback.ts';
import { PlaybackSwitch, type NewPlayback } from './PlaybackSwitch.ts';
import { noPathReason, rewindReason, type TransportChoice } from './TransportChooser.ts';

type Fake = { -readonly [K in keyof Playback]: Playback[K] } & {
  events: PlaybackEvents;
  closedFor: string | undefined;
};

const publicationOf = (id: string): PublicationView => ({
  ...{ id, startedAt: new Date(0).toISOString(), producers: [], publishedBy: 'browser' },
});

/** A PlaybackSwitch whose Playbacks do nothing by themselves. */
function opened() {
  const made: Fake[] = [];
  const told: TransportChoice[] = [];
  const frames = { playsTracks: true };
  const createPlayback = (transport: Transport, { events }: NewPlayback): Playback => {
    const fake: Fake = {
      ...{ transport, events, connected: false, closedFor: undefined },
      ...{ serverOffsetMs: undefined, viewerRttMs: undefined, rewinding: undefined },
      figures: () => ({}) as ReturnType<Playback['figures']>,
      onTick: () => undefined,
      onUnknownModel: () => undefined,
      setLayer: () => undefined,
      report: () => undefined,
      close: (reason) => (fake.closedFor ??= reason),
      dump: () => undefined,
    };
    made.push(fake);
    return fake;
  };
  const none = (): void => undefined;
  const lost = vi.fn();
  const playbacks = new PlaybackSwitch({
    ...{ streamId: 'a', signalingUrl: 'ws://x', wish: 'auto', webRtcSupported: true, createPlayback },
    overlay: { frames, latency: { clearFrames: none } } as unknown as FrameExactOverlay,
    events: {
      ...{ onStreamName: none, onPublication: none, onAnalysis: none, onViewers: none, onDelivery: none },
      ...{ onZones: none, onZonesLive: none },
      ...{ onLost: lost, onFailed: none, onProblem: none, onTransport: (choice) => told.push(choice) },
    },
  });
  playbacks.start();
  const tick = (ms: number): void => {
    for (let passedMs = 0; passedMs < ms; passedMs += 500) {
      vi.advanceTimersByTime(500);
      playbacks.onTick();
    }
  };
  return { playbacks, made, told, frames, lost, tick };
}

/** WebRTC was joined and had no picture, so that HLS plays beside it. */
function fallenBack() {
  const all = opened();
  const webRtc = all.made[0]!;
  webRtc.connected = true;
  webRtc.events.onDelivery('webrtc', null);
  webRtc.events.onPublication(publicationOf('p1'));
  all.tick(6_500);
  return { ...all, webRtc, hls: all.made[1]! };
}

describe('PlaybackSwitch', () => {
  beforeEach(() => vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'setInterval', 'Date'] }));
  afterEach(() => vi.useRealTimers());

  it('lets WebRTC go on beside HLS that has no picture yet, however often it is lost', () => {
    const { playbacks, made, webRtc, hls } = fallenBack();
    expect([made.length, hls.transport, playbacks.active]).toEqual([2, 'hls', hls]);
    webRtc.events.onLost({ reason: 'no path', code: noPathCode });
    webRtc.events.onLost({ reason: 'no path', code: noPathCode });
    expect([webRtc.closedFor, hls.closedFor]).toEqual([undefined, undefined]);
    playbacks.onPicture();
    expect([playbacks.active, hls.closedFor !== undefined]).toEqual([webRtc, true]);
  });

  it('ends the try, and it alone, when it is lost beside HLS that plays, or has had its time', () => {
    const lost = fallenBack();
    lost.hls.connected = true;
    lost.webRtc.events.onLost({ reason: 'no path', code: noPathCode });
    const late = fallenBack();
    late.tick(10_500);
    for (const { playbacks, webRtc, hls } of [lost, late]) {
      expect([webRtc.closedFor !== undefined, hls.closedFor, playbacks.active]).toEqual([true, undefined, hls]);
      expect(playbacks.choice).toEqual({ transport: 'hls', reason: noPathReason });
    }
  });

  it('takes nothing that HLS loses for a lost socket of WebRTC', () => {
    const { playbacks, made, lost, tick } = opened();
    made[0]!.connected = true;
    made[0]!.events.onDelivery('webrtc', null);
    made[0]!.events.onPublication(publicationOf('p1'));
    playbacks.onPicture();
    playbacks.rewind(10);
    made[1]!.connected = true;
    playbacks.backToLive();
    made[1]!.events.onLost({ reason: 'no new pictures come' });
    expect(lost).toHaveBeenCalledOnce();
    tick(10_500);
    expect(playbacks.choice).toEqual({ transport: 'hls', reason: noPathReason });
  });

  it('is at live in the next Publication after it was rewound in the one before, and tries WebRTC', () => {
    const { playbacks, made, told } = opened();
    made[0]!.connected = true;
    made[0]!.events.onPublication(publicationOf('p1'));
    playbacks.onPicture();
    playbacks.rewind(10);
    const hls = made[1]!;
    hls.connected = true;
    hls.events.onPublication(publicationOf('p1'));
    expect(playbacks.choice).toEqual({ transport: 'hls', reason: rewindReason });
    hls.events.onPublication(null);
    expect(playbacks.choice.reason).toBe(rewindReason);
    expect(made).toHaveLength(2);
    hls.events.onPublication(publicationOf('p2'));
    expect(playbacks.choice).toEqual({ transport: 'hls', reason: undefined });
    expect(told.at(-1)).toEqual({ transport: 'hls', reason: undefined });
    expect([made.length, made[2]?.transport, hls.closedFor]).toEqual([3, 'webrtc', undefined]);
    made[2]!.connected = true;
    playbacks.onPicture();
    expect([playbacks.active, playbacks.choice.transport]).toEqual([made[2], 'webrtc']);
  });
});
