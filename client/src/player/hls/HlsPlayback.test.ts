import type { PublicationView, StreamView } from '@framelock/server/protocol';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { FrameExactOverlay } from '../FrameExactOverlay.ts';
import { VideoSwitch } from '../overlay/VideoSwitch.ts';
import type { PlaybackEvents, Timeline } from '../Playback.ts';
import { DateClock } from './DateClock.ts';
import type { HlsMediaOptions } from './HlsMedia.ts';
import { HlsPlayback } from './HlsPlayback.ts';
import type { HlsVideo } from './HlsVideo.ts';

/** As much of a <video> as is asked. */
class Video extends EventTarget {
  volume = 1;
  muted = true;
  readyState = 4;
  currentTime = 0;
  seeking = false;
  paused = false;

  pause(): void {
    this.paused = true;
  }

  async play(): Promise<void> {
    this.paused = false;
  }
}

class Frames {
  readonly video = new Video();
  readonly playsTracks: boolean;
  closed = false;

  lookAgain(): void {}

  constructor(playsTracks: boolean) {
    this.playsTracks = playsTracks;
  }

  close(): void {
    this.closed = true;
  }
}

/** One playlist that was opened. */
interface Opened {
  options: HlsMediaOptions;
  video: Video;
  timeline: Timeline;
  bufferedMs: number;
  closed: boolean;
}

const publicationOf = (id: string): PublicationView => ({
  ...{ id, startedAt: new Date(0).toISOString(), producers: [], publishedBy: 'browser' },
});

function playing() {
  const videos = new VideoSwitch(new Frames(true));
  const overlay = {
    ...{ publicationId: 'p1', latency: { addCaptureToOverlay: () => undefined } },
    switchSource: () => videos.comeNext(new Frames(false)),
  };
  const stream = { publicationId: 'p1' };
  const opened: Opened[] = [];
  const gate = { wait: async (): Promise<void> => undefined };
  const openVideo = async (options: HlsMediaOptions): Promise<HlsVideo> => {
    const video = options.video as unknown as Video;
    const made: Opened = {
      ...{ options, video, bufferedMs: 1_500, closed: false },
      timeline: {
        ...{ startS: 0, endS: 102, liveS: 100, positionS: 99.8 },
        ...{ paused: false, live: true, atLive: true },
      },
    };
    opened.push(made);
    await gate.wait();
    return {
      get timeline() {
        return { ...made.timeline, paused: video.paused, atLive: made.timeline.atLive && !video.paused };
      },
      get figures() {
        return { bufferedMs: made.bufferedMs } as HlsVideo['figures'];
      },
      ...{
        bitrateBps: 0,
        codec: '',
        capturedAtMs: () => undefined,
        positionOf: () => undefined,
        thumbnailAt: () => undefined,
      },
      seek: (positionS) => (made.timeline = { ...made.timeline, positionS, atLive: false }),
      seekLive: () => undefined,
      close: () => (made.closed = true),
    };
  };
  const onLost = vi.fn();
  const events = { onLost } as unknown as PlaybackEvents;
  const playback = new HlsPlayback({
    ...{ streamId: 'a', overlay: overlay as unknown as FrameExactOverlay, openVideo },
    events: new Proxy(events, { get: (all, name) => Reflect.get(all, name) ?? (() => undefined) }),
    api: {
      getStream: async () =>
        ({
          ...{ name: 'a', viewers: 0, analysis: { state: 'off' }, settings: { delivery: 'webrtc' } },
          ...{ publication: publicationOf(stream.publicationId), hls: {}, hlsUrl: 'http://x/hls/a/index.m3u8' },
        }) as unknown as StreamView,
      findPlaylist: async () => ({ publicationId: stream.publicationId, folder: `http://x/${stream.publicationId}/` }),
      getModel: async () => undefined,
      getZones: async () => ({ zones: [], lines: [], scale: null }),
      getZonesNow: async () => ({ publicationId: null, live: null }),
      ...{ clock: new DateClock(), close: () => undefined },
    },
  });
  const show = (): void => videos.show(videos.comingOf(videos.coming.find(({ playsTracks }) => !playsTracks)!)!);
  const ticks = (count: number): void => {
    for (let i = 0; i < count; i++) playback.onTick();
  };
  return { playback, videos, opened, stream, gate, onLost, show, ticks };
}

describe('HlsPlayback', () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  it('is connected from its first picture on', async () => {
    const { playback, opened, show } = playing();
    await vi.advanceTimersByTimeAsync(100);
    expect([opened.length, playback.connected]).toEqual([1, false]);
    show();
    expect(playback.connected).toBe(true);
    playback.close('test over');
  });

  it('leaves no video behind when it is closed while it opens, or cannot be opened', async () => {
    const { playback, videos, opened, gate } = playing();
    const { promise, resolve } = Promise.withResolvers<void>();
    gate.wait = () => promise;
    await vi.advanceTimersByTimeAsync(100);
    expect(videos.coming).toHaveLength(1);
    playback.close('another transport was chosen');
    resolve();
    await vi.advanceTimersByTimeAsync(100);
    expect([videos.coming.length, opened[0]?.closed]).toEqual([0, true]);
    const fails = playing();
    fails.gate.wait = () => Promise.reject(new Error('hls.js could not be loaded'));
    await vi.advanceTimersByTimeAsync(100);
    expect([fails.opened.length, fails.videos.coming.length]).toEqual([1, 0]);
    fails.playback.close('test over');
  });

  it('opens anew when its video was given up before its first picture', async () => {
    const { playback, videos, opened, onLost, show, ticks } = playing();
    await vi.advanceTimersByTimeAsync(100);
    videos.giveUpAll();
    ticks(1);
    expect([onLost.mock.calls.length, opened[0]?.closed]).toEqual([1, true]);
    await vi.advanceTimersByTimeAsync(3_000);
    show();
    expect([opened.length, playback.connected]).toEqual([2, true]);
    playback.close('test over');
  });

  it('says once that it is lost while its picture stands still, and goes on', async () => {
    const { playback, opened, onLost, show, ticks } = playing();
    await vi.advanceTimersByTimeAsync(100);
    show();
    ticks(10);
    expect(onLost).not.toHaveBeenCalled();
    opened[0]!.bufferedMs = 0;
    ticks(20);
    expect(onLost).toHaveBeenCalledOnce();
    expect([opened[0]!.closed, playback.connected]).toEqual([false, true]);
    playback.close('test over');
  });

  it('is paused at the same place after it was opened anew, and at live in another Publication', async () => {
    const { playback, opened, stream, show, ticks } = playing();
    await vi.advanceTimersByTimeAsync(100);
    show();
    ticks(1);
    playback.rewinding!.seek(60);
    playback.rewinding!.setPaused(true);
    opened[0]!.options.onFailed('gone');
    await vi.advanceTimersByTimeAsync(3_000);
    expect([opened.length, opened[1]?.options.behindLiveS]).toEqual([2, 40]);
    show();
    ticks(1);
    expect(opened[1]!.video.paused).toBe(true);
    // hls.js recovers from an error of the media with a media element that begins anew.
    opened[1]!.video.dispatchEvent(new Event('emptied'));
    opened[1]!.video.paused = false;
    ticks(1);
    expect(opened[1]!.video.paused).toBe(true);
    playback.rewinding!.setPaused(false);
    ticks(1);
    expect(opened[1]!.video.paused).toBe(false);
    stream.publicationId = 'p2';
    playback.rewinding!.setPaused(true);
    opened[1]!.options.onFailed('gone');
    await vi.advanceTimersByTimeAsync(3_000);
    show();
    ticks(1);
    expect([opened[2]?.options.behindLiveS, opened[2]?.video.paused]).toEqual([undefined, false]);
    playback.close('test over');
  });
});
