import { afterEach, expect, it, vi } from 'vitest';
import { FrameSource } from './FrameSource.ts';
import { rtpClock, type PictureClock } from './PictureClock.ts';

type Callback = (nowMs: number, metadata: { presentedFrames: number; rtpTimestamp?: number }) => void;

/** As a browser without WebCodecs presents pictures, as far as FrameSource asks. */
class Video {
  readonly style = {};
  callback: Callback | undefined;
  presentedFrames = 0;

  setAttribute(): void {}
  remove(): void {}
  cancelVideoFrameCallback(): void {}

  requestVideoFrameCallback(callback: Callback): number {
    this.callback = callback;
    return 1;
  }

  present(rtpTimestamp?: number): void {
    const told = rtpTimestamp === undefined ? {} : { rtpTimestamp };
    this.callback!(0, { presentedFrames: ++this.presentedFrames, ...told });
  }
}

afterEach(() => vi.unstubAllGlobals());

function opened(clock?: PictureClock) {
  const video = new Video();
  const document = { createElement: () => video, addEventListener() {}, removeEventListener() {} };
  vi.stubGlobal('document', document);
  vi.stubGlobal('HTMLVideoElement', Video);
  vi.stubGlobal('VideoFrame', undefined);
  const shown: (number | undefined)[] = [];
  let untimed = 0;
  const source = new FrameSource({
    container: { append() {} } as never,
    ...(clock ? { clock } : {}),
    onPicture: ({ rtpTimestamp }) => shown.push(rtpTimestamp),
    onReceived: () => undefined,
    onMissed: () => undefined,
    onUntimed: () => untimed++,
  });
  return { video, source, shown, untimed: () => untimed };
}

it('shows pictures of which the browser tells no timestamp, and says so once', () => {
  const { video, source, shown, untimed } = opened();
  for (let i = 0; i < 100; i++) video.present();
  expect(shown).toHaveLength(100);
  expect(new Set(shown)).toEqual(new Set([undefined]));
  expect(untimed()).toBe(1);
  source.close();
});

it('takes a picture without a timestamp for none of the Stream where others have theirs', () => {
  const { video, source, shown, untimed } = opened();
  video.present();
  for (const rtpTimestamp of [3000, 3000, undefined, 6000]) video.present(rtpTimestamp);
  for (let i = 0; i < 100; i++) video.present();
  expect(shown).toEqual([undefined, 3000, 6000]);
  expect(untimed()).toBe(0);
  source.close();
});

it('tells the clock of each new picture before it is drawn, and of the same one once', () => {
  const told: (number | undefined)[] = [];
  const { video, source, shown } = opened({
    ...rtpClock,
    onPresented: (_, { rtpTimestamp }) => {
      expect(shown).toHaveLength(told.length);
      told.push(rtpTimestamp);
    },
  });
  for (const rtpTimestamp of [3000, 3000, 6000]) video.present(rtpTimestamp);
  expect(told).toEqual([3000, 6000]);
  expect(shown).toEqual(told);
  source.close();
});

it('shows a picture that stands once more when its Frame has become known, and not again', () => {
  let known: number | undefined;
  const clock: PictureClock = {
    ofPixels: () => undefined,
    ofCallback: () => known,
    identityOf: (_, { presentedFrames }) => presentedFrames,
  };
  const { video, source, shown } = opened(clock);
  video.present();
  source.lookAgain();
  expect(shown).toEqual([undefined]);
  known = 90_000;
  source.lookAgain();
  source.lookAgain();
  expect(shown).toEqual([undefined, 90_000]);
  video.present();
  source.lookAgain();
  expect(shown).toEqual([undefined, 90_000, 90_000]);
  source.close();
});
