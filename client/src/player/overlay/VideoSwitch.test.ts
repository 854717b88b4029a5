import { describe, expect, it } from 'vitest';
import { VideoSwitch, type SwitchedVideo } from './VideoSwitch.ts';

class Frames implements SwitchedVideo {
  readonly video = { volume: 1, muted: true };
  readonly playsTracks: boolean;
  closed = false;

  constructor(kind: 'tracks' | 'hls') {
    this.playsTracks = kind === 'tracks';
  }

  close(): void {
    this.closed = true;
  }
}

describe('VideoSwitch', () => {
  it('shows a video from its first picture on, with the sound of the one before', async () => {
    const first = new Frames('tracks');
    const videos = new VideoSwitch(first);
    Object.assign(first.video, { volume: 0.4, muted: false });
    const hls = videos.comeNext(new Frames('hls'));
    expect(videos.shown).toBe(first);
    expect([hls.isShown(), hls.isGone()]).toEqual([false, false]);
    videos.show(videos.comingOf(hls.frames)!);
    expect(await hls.shown).toBe(true);
    expect([hls.isShown(), hls.isGone(), first.closed]).toEqual([true, false, true]);
    expect(hls.frames.video).toEqual({ volume: 0.4, muted: false });
  });

  it('does not give HLS up for WebRTC that is tried beside it, whichever of both comes or goes first', async () => {
    const videos = new VideoSwitch(new Frames('tracks'));
    const hls = videos.comeNext(new Frames('hls'));
    const tried = videos.comeNext(new Frames('tracks'));
    expect(hls.isGone()).toBe(false);
    const triedAnew = videos.comeNext(new Frames('tracks'));
    expect([await tried.shown, tried.frames.closed, tried.isGone()]).toEqual([false, true, true]);
    triedAnew.cancel();
    tried.cancel();
    expect([triedAnew.frames.closed, hls.frames.closed, hls.isGone()]).toEqual([true, false, false]);
    videos.show(videos.comingOf(hls.frames)!);
    expect(hls.isShown()).toBe(true);
  });

  it('never closes what is shown when its owner cancels, and tells who was replaced', () => {
    const videos = new VideoSwitch(new Frames('tracks'));
    const hls = videos.comeNext(new Frames('hls'));
    videos.show(videos.comingOf(hls.frames)!);
    hls.cancel();
    expect([hls.isShown(), hls.frames.closed]).toEqual([true, false]);
    const tried = videos.comeNext(new Frames('tracks'));
    videos.show(videos.comingOf(tried.frames)!);
    expect([hls.isGone(), tried.isShown()]).toEqual([true, true]);
  });

  it('gives all up for another Publication, and shows none of them later', async () => {
    const first = new Frames('tracks');
    const videos = new VideoSwitch(first);
    const both = [videos.comeNext(new Frames('hls')), videos.comeNext(new Frames('tracks'))];
    videos.giveUpAll();
    for (const { frames, shown, isGone } of both) {
      expect([await shown, frames.closed, isGone()]).toEqual([false, true, true]);
      expect(videos.comingOf(frames)).toBeUndefined();
    }
    expect([videos.shown, first.closed]).toEqual([first, false]);
  });
});
