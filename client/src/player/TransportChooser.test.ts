import { describe, expect, it } from 'vitest';
import {
  manyViewersReason,
  noPathReason,
  noSocketReason,
  noWebRtcReason,
  rewindReason,
  TransportChooser,
  type ChooserStep,
  type TransportWish,
} from './TransportChooser.ts';

/** Steps twice a second as the Player does, from `fromMs` to `toMs`; answers what was due, with when. */
function run(chooser: TransportChooser, fromMs: number, toMs: number, http = false): [ChooserStep, number][] {
  const due: [ChooserStep, number][] = [];
  for (let nowMs = fromMs; nowMs <= toMs; nowMs += 500) {
    const step = chooser.step(nowMs);
    if (step === 'probe') chooser.onProbed(http);
    else if (step !== 'none') due.push([step, nowMs]);
  }
  return due;
}

function opened(wish: TransportWish = 'auto', supported = true): TransportChooser {
  return new TransportChooser(wish, supported, 0);
}

describe('TransportChooser', () => {
  it('begins as it is asked to, and without WebRTC by HLS', () => {
    expect(opened().choice).toEqual({ transport: 'webrtc', reason: undefined });
    expect(opened('hls').choice).toEqual({ transport: 'hls', reason: undefined });
    expect(opened('webrtc', false).choice).toEqual({ transport: 'hls', reason: noWebRtcReason });
  });

  it('falls back after 6 s without a picture, says why, and never while nobody publishes or pictures come', () => {
    const chooser = opened();
    chooser.onSocket(true);
    chooser.onPublished(false, 100);
    expect(run(chooser, 500, 60_000)).toEqual([]);
    chooser.onPublished(true, 60_000);
    expect(run(chooser, 60_000, 66_000)).toEqual([['fallBack', 66_000]]);
    expect(chooser.choice).toEqual({ transport: 'hls', reason: noPathReason });
    const plays = opened();
    plays.onSocket(true);
    plays.onPicture();
    expect(run(plays, 500, 100_000)).toEqual([]);
  });

  it('without a WebSocket falls back only where HTTP works, so that a server that restarts is waited for', () => {
    const restarts = opened();
    expect(run(restarts, 0, 60_000, false)).toEqual([]);
    const behindProxy = opened();
    expect(run(behindProxy, 0, 8_000, true)).toEqual([['fallBack', 6_000]]);
    expect(behindProxy.choice.reason).toBe(noSocketReason);
  });

  it('tries WebRTC again after 30 s, then ever less often, at most every 5 minutes', () => {
    const chooser = opened();
    chooser.onSocket(true);
    const due = run(chooser, 0, 2_000_000);
    const tries = due.filter(([step]) => step === 'tryWebRtc').map(([, nowMs]) => nowMs);
    // It fell back at 6 s, and what went on beside HLS was given up 10 s later.
    expect(tries.slice(0, 3)).toEqual([46_000, 116_000, 246_000]);
    const waits = tries.slice(1).map((nowMs, i) => nowMs - tries[i]!);
    expect(Math.max(...waits)).toBe(310_000);
    expect(due.filter(([step]) => step === 'giveUpTrying')).toHaveLength(tries.length + 1);
    expect(chooser.choice).toEqual({ transport: 'hls', reason: noPathReason });
  });

  it('is back at WebRTC with its first picture, and falls back again when it is lost', () => {
    const chooser = opened();
    chooser.onSocket(true);
    run(chooser, 0, 46_000);
    expect(chooser.trying).toBe(true);
    chooser.onWebRtcShown();
    expect(chooser.choice).toEqual({ transport: 'webrtc', reason: undefined });
    expect(run(chooser, 46_500, 100_000)).toEqual([]);
    chooser.onLost(100_000);
    expect(run(chooser, 100_500, 106_000)).toEqual([['fallBack', 106_000]]);
  });

  it('follows the setting of the Stream in auto alone', () => {
    const chooser = opened();
    expect(chooser.setDelivery('webrtc', 10)).toBe(false);
    expect(chooser.setDelivery('hls', 20)).toBe(true);
    expect(chooser.choice).toEqual({ transport: 'hls', reason: manyViewersReason });
    expect(run(chooser, 500, 600_000)).toEqual([]);
    expect(chooser.setDelivery('hls', 600_000)).toBe(false);
    expect(chooser.setDelivery('webrtc', 600_500)).toBe(true);
    expect(chooser.choice.transport).toBe('webrtc');
    const chosen = opened('webrtc');
    expect(chosen.setDelivery('hls', 20)).toBe(false);
    expect(chosen.choice.transport).toBe('webrtc');
  });

  it('a chosen transport is never left by itself', () => {
    const chooser = opened('webrtc');
    expect(run(chooser, 0, 600_000, true)).toEqual([]);
    expect(chooser.setWish('hls', 600_000)).toBe(true);
    expect(run(chooser, 600_000, 1_200_000)).toEqual([]);
  });

  it('rewinding takes HLS, nothing brings it forward, and back to live tries WebRTC at once', () => {
    const chooser = opened();
    chooser.onPicture();
    expect(chooser.rewind(1_000)).toBe(true);
    expect(chooser.choice).toEqual({ transport: 'hls', reason: rewindReason });
    expect(chooser.setDelivery('hls', 1_500)).toBe(false);
    expect(chooser.setDelivery('webrtc', 1_600)).toBe(false);
    expect(run(chooser, 2_000, 600_000)).toEqual([]);
    expect(chooser.backToLive(600_000)).toBe(true);
    expect(chooser.trying).toBe(true);
    chooser.onWebRtcShown();
    expect(chooser.choice.transport).toBe('webrtc');
    const byHls = opened('hls');
    byHls.rewind(0);
    expect(byHls.backToLive(1_000)).toBe(false);
    expect(byHls.choice).toEqual({ transport: 'hls', reason: undefined });
  });

  it('goes on by WebRTC where HLS is off, and does not ask for it again for a minute', () => {
    const chooser = opened();
    chooser.onSocket(true);
    run(chooser, 0, 6_000);
    expect(chooser.onHlsFailed(6_500)).toBe(true);
    expect(chooser.choice.transport).toBe('webrtc');
    expect(run(chooser, 7_000, 66_000)).toEqual([]);
    expect(run(chooser, 66_500, 66_500)).toEqual([['fallBack', 66_500]]);
    expect(opened('hls').onHlsFailed(0)).toBe(false);
  });

  it('takes HLS where the browser cannot take the codec by WebRTC', () => {
    const chooser = opened();
    expect(chooser.onWebRtcFailed(100)).toBe(true);
    expect(chooser.choice).toEqual({ transport: 'hls', reason: noWebRtcReason });
    expect(opened('webrtc').onWebRtcFailed(100)).toBe(false);
  });
});
