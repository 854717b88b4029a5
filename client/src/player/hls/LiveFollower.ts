import type { Timeline } from '../Playback.ts';

/** What a video looks like at a tick. */
export interface Followed {
  timeline: Timeline | undefined;
  bufferedMs: number;
  seeking: boolean;
  /** The server says that the Publication has ended. */
  isOver: boolean;
}

/**
 * `ask`: the server, whether it is over. `seekLive`: it fell behind. `over`: everything of it was shown.
 * `stalled`, once: for long nothing came, and it is not known to be over.
 */
export type FollowStep = 'none' | 'ask' | 'seekLive' | 'over' | 'stalled';

/** Of a Publication whose playlist does not say that it ended: this long without media ahead, it is over here too. */
const ticksUntilOver = 4;
/** Of one whose playlist does: browsers hold back `ended` where sound and picture do not end together. */
const ticksUntilEnded = 2;
/** A picture that stands still for this long is called no longer live. */
const ticksUntilStalled = 8;
/** Sound and picture of the last Parts need not end together, and browsers keep some of them back. */
const closeToEndS = 1;
/** hls.js holds the picture back while it loads; below this nothing comes. */
const emptyBufferMs = 100;
/** hls.js plays faster until it is live again only within TARGETDURATION; who fell behind further would stay there. */
const straysFromLiveS = 6;

/** Keeps a live Publication at live unless its viewer went back, and notices its end; it does nothing by itself. */
export class LiveFollower {
  /** Nobody went back or paused. */
  follows: boolean;
  #emptyTicks = 0;
  #lastPositionS: number | undefined;

  constructor(follows: boolean) {
    this.follows = follows;
  }

  /** Twice a second. */
  step(now: Followed): FollowStep {
    const { timeline, bufferedMs, seeking } = now;
    // A seek ends with the picture that it was for. Behind the last one, where hls.js may seek over a gap, none comes.
    if (!timeline || timeline.paused || (seeking && !isAtEnd(timeline))) {
      this.#emptyTicks = 0;
      return 'none';
    }
    const standsAtEnd = isAtEnd(timeline) && timeline.positionS === this.#lastPositionS;
    this.#lastPositionS = timeline.positionS;
    this.#emptyTicks = bufferedMs < emptyBufferMs || standsAtEnd ? this.#emptyTicks + 1 : 0;
    const end = this.#emptyTicks > 0 ? this.#endStep(timeline, now.isOver) : 'none';
    if (end !== 'none') return end;
    const strays = timeline.live && timeline.liveS - timeline.positionS >= straysFromLiveS;
    return this.follows && strays ? 'seekLive' : 'none';
  }

  /** Nothing is left to show: that is a stall, or the end, of which nobody may have told. */
  #endStep(timeline: Timeline, isOver: boolean): FollowStep {
    const hasEnded = !timeline.live && isAtEnd(timeline);
    if (hasEnded || isOver) return this.#emptyTicks >= (hasEnded ? ticksUntilEnded : ticksUntilOver) ? 'over' : 'none';
    if (this.#emptyTicks === ticksUntilStalled) return 'stalled';
    return this.#emptyTicks % ticksUntilOver === ticksUntilEnded ? 'ask' : 'none';
  }
}

const isAtEnd = ({ endS, positionS }: Timeline): boolean => endS - positionS < closeToEndS;
