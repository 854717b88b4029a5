import type { PublicationView } from '@framelock/server/protocol';
import type { Consumer } from 'mediasoup-client/types';
import { EventEmitter } from 'node:events';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { LinkEnd } from '../rtc/Reconnector.ts';
import type { ViewerLink, ViewerLinkOptions } from '../rtc/ViewerLink.ts';
import type { FrameExactOverlay } from './FrameExactOverlay.ts';
import { VideoSwitch, type ComingVideo } from './overlay/VideoSwitch.ts';
import type { PlaybackEvents } from './Playback.ts';
import { WebRtcPlayback } from './WebRtcPlayback.ts';

class Frames {
  readonly video = { volume: 1, muted: true };
  readonly playsTracks: boolean;
  tracks: readonly unknown[] = [];
  producerId: string | undefined;
  closed = false;

  constructor(playsTracks: boolean) {
    this.playsTracks = playsTracks;
  }

  setTracks(tracks: readonly unknown[], producerId?: string): void {
    this.tracks = tracks;
    this.producerId = producerId;
  }

  close(): void {
    this.closed = true;
  }
}

/** The overlay as far as a Playback hands it videos, with the real switch. */
class Overlay {
  readonly publicationId = 'p1';
  readonly targetMs = 0;
  readonly videos = new VideoSwitch(new Frames(true));

  get frames(): Frames {
    return this.videos.shown;
  }

  switchTracks(tracks: readonly unknown[], producerId: string): ComingVideo<Frames> {
    const frames = new Frames(true);
    frames.setTracks(tracks, producerId);
    return this.videos.comeNext(frames);
  }

  /** As HlsPlayback does it. */
  openHls(): ComingVideo<Frames> {
    const frames = new Frames(false);
    frames.producerId = 'camera';
    return this.videos.comeNext(frames);
  }

  show({ frames }: ComingVideo<Frames>): void {
    this.videos.show(this.videos.comingOf(frames)!);
  }
}

const publication: PublicationView = {
  ...{ id: 'p1', startedAt: new Date(0).toISOString(), producers: [], publishedBy: 'browser' },
};

function consumerOf(producerId: string): Consumer & { observer: EventEmitter } {
  return { producerId, track: {}, closed: false, observer: new EventEmitter() } as never;
}

let playback: WebRtcPlayback | undefined;

/** Joined; `rejoin` = the path was lost and is there again, and brings its video anew. */
async function joined(takesOver: boolean) {
  const overlay = new Overlay();
  const links: ViewerLinkOptions[] = [];
  const ends: ((end: LinkEnd) => void)[] = [];
  const connect = async (options: ViewerLinkOptions): Promise<ViewerLink> => {
    links.push(options);
    const { promise: ended, resolve } = Promise.withResolvers<LinkEnd>();
    ends.push(resolve);
    return { ended, close: (reason: string) => resolve({ reason }), signaling: { closed: true } } as never;
  };
  playback = new WebRtcPlayback({
    ...{ streamId: 'a', signalingUrl: 'ws://x', layer: undefined, takesOver, connect },
    overlay: overlay as unknown as FrameExactOverlay,
    events: new Proxy({}, { get: () => () => undefined }) as PlaybackEvents,
  });
  await vi.waitUntil(() => links.length === 1);
  links[0]!.onPublication(publication);
  const bring = (): Consumer & { observer: EventEmitter } => {
    const consumer = consumerOf('camera');
    void links.at(-1)!.onVideo(consumer, 'p1', 'simple');
    return consumer;
  };
  const rejoin = async (): Promise<Consumer & { observer: EventEmitter }> => {
    const before = links.length;
    ends.at(-1)!({ reason: 'lost' });
    await vi.waitUntil(() => links.length > before, { timeout: 5_000 });
    links.at(-1)!.onPublication(publication);
    return bring();
  };
  return { overlay, playback, bring, rejoin };
}

describe('WebRtcPlayback beside HLS', () => {
  afterEach(() => playback?.close('test over'));

  it('leaves HLS that is about to come alone when its path is made anew', async () => {
    const { overlay, bring, rejoin } = await joined(false);
    bring();
    const hls = overlay.openHls();
    const consumer = await rejoin();
    expect([hls.isGone(), hls.frames.closed]).toEqual([false, false]);
    expect(overlay.frames.tracks).toEqual([consumer.track]);
    overlay.show(hls);
    expect(hls.isShown()).toBe(true);
  });

  it('gives no tracks to the video of HLS that is shown, and takes its place with a picture of its own', async () => {
    const { overlay, bring, rejoin } = await joined(false);
    bring();
    const hls = overlay.openHls();
    overlay.show(hls);
    const consumer = await rejoin();
    expect([hls.isShown(), hls.frames.tracks]).toEqual([true, []]);
    const coming = overlay.videos.coming;
    expect(coming.map(({ tracks }) => tracks)).toEqual([[consumer.track]]);
  });

  it('gives up its own video alone, when its consumer ends and when it is closed', async () => {
    const { overlay, playback: tried, bring } = await joined(true);
    const hls = overlay.openHls();
    bring().observer.emit('close');
    expect(overlay.videos.coming).toEqual([hls.frames]);
    bring();
    expect(overlay.videos.coming).toHaveLength(2);
    tried.close('it did not come through');
    expect(overlay.videos.coming).toEqual([hls.frames]);
    expect(hls.isGone()).toBe(false);
  });
});
