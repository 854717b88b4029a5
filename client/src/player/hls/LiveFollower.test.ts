import { describe, expect, it } from 'vitest';
import type { Timeline } from '../Playback.ts';
import { LiveFollower, type Followed, type FollowStep } from './LiveFollower.ts';

const timeline: Timeline = {
  ...{ startS: 0, endS: 102, liveS: 100, positionS: 99.8 },
  ...{ paused: false, live: true, atLive: true },
};
const playing: Followed = { timeline, bufferedMs: 1_500, seeking: false, isOver: false };
const empty: Followed = { ...playing, bufferedMs: 20 };
const steps = (follower: LiveFollower, now: Followed, ticks: number): FollowStep[] =>
  Array.from({ length: ticks }, () => follower.step(now));

describe('LiveFollower', () => {
  it('brings back to live who fell behind further than hls.js catches up, and nobody who went back', () => {
    const behind = { ...playing, timeline: { ...timeline, positionS: 88 }, bufferedMs: 12_000 };
    expect(new LiveFollower(true).step(behind)).toBe('seekLive');
    expect(new LiveFollower(false).step(behind)).toBe('none');
    expect(new LiveFollower(true).step(playing)).toBe('none');
    expect(new LiveFollower(true).step({ ...behind, seeking: true })).toBe('none');
    expect(new LiveFollower(true).step({ ...behind, timeline: { ...behind.timeline, live: false } })).toBe('none');
  });

  it('is over within a second after the last picture where the playlist has ended', () => {
    const ended = { ...empty, timeline: { ...timeline, live: false, positionS: 101.8, liveS: 102 } };
    expect(steps(new LiveFollower(true), ended, 2)).toEqual(['none', 'over']);
  });

  it('is over where hls.js seeks in the last pictures of an ended playlist, behind which nothing comes', () => {
    const ended = { ...empty, seeking: true, timeline: { ...timeline, live: false, positionS: 101.95, liveS: 102 } };
    expect(steps(new LiveFollower(true), ended, 2)).toEqual(['none', 'over']);
    // Who goes back in it waits for what is loaded.
    const earlier = { ...ended, isOver: true, timeline: { ...ended.timeline, positionS: 40 } };
    expect(steps(new LiveFollower(false), earlier, 20)).not.toContain('over');
  });

  it('is over where the last pictures of an ended playlist are there and are not shown: nothing comes behind them', () => {
    const standing = {
      ...playing,
      bufferedMs: 110,
      timeline: { ...timeline, live: false, positionS: 101.7, liveS: 102 },
    };
    const follower = new LiveFollower(true);
    expect(steps(follower, standing, 3)).toEqual(['none', 'none', 'over']);
    // While it plays it is not over.
    const moving = (positionS: number) => ({ ...standing, timeline: { ...standing.timeline, positionS } });
    const plays = new LiveFollower(true);
    expect([101.2, 101.4, 101.6, 101.8].map((positionS) => plays.step(moving(positionS)))).not.toContain('over');
  });

  it('takes a stall in the middle of an ended playlist for no end', () => {
    const stalled = { ...empty, timeline: { ...timeline, live: false, positionS: 40, liveS: 102 } };
    expect(steps(new LiveFollower(true), stalled, 6)).not.toContain('over');
  });

  it('asks the server now and then while nothing comes, and believes it', () => {
    const follower = new LiveFollower(true);
    expect(steps(follower, empty, 6)).toEqual(['none', 'ask', 'none', 'none', 'none', 'ask']);
    expect(follower.step({ ...empty, isOver: true })).toBe('over');
    expect(steps(new LiveFollower(true), { ...empty, isOver: true }, 4)).toEqual(['none', 'none', 'none', 'over']);
  });

  it('tells once that nothing comes, after the server was asked', () => {
    const told = steps(new LiveFollower(true), empty, 20);
    expect(told.filter((step) => step === 'stalled')).toHaveLength(1);
    expect(told.indexOf('stalled')).toBeGreaterThan(told.indexOf('ask'));
    const follower = new LiveFollower(true);
    steps(follower, empty, 7);
    follower.step(playing);
    expect(steps(follower, empty, 8).at(-1)).toBe('stalled');
  });

  it('starts over when media comes', () => {
    const follower = new LiveFollower(true);
    steps(follower, { ...empty, isOver: true }, 3);
    follower.step(playing);
    expect(follower.step({ ...empty, isOver: true })).toBe('none');
  });

  it('waits for who has paused', () => {
    const paused = { ...empty, isOver: true, timeline: { ...timeline, paused: true } };
    expect(steps(new LiveFollower(true), paused, 10)).not.toContain('over');
  });
});
