/** Video RTP clock of every codec here, Hz (RFC 6184, 7741, 9628 and the AV1 RTP specification). */
export const videoClockRate = 90_000;

/** Signed distance a - b of two u32 RTP timestamps in ticks, right across the wrap (RFC 3550 section 5.1). */
export function rtpTicksBetween(a: number, b: number): number {
  return (a - b) | 0;
}

export function ticksToMs(ticks: number): number {
  return (ticks * 1000) / videoClockRate;
}

/** Turns u32 timestamps, in any order within half a wrap (6.6 h), into one line of safe integers. */
export class RtpTimeUnwrapper {
  #last: number | undefined;
  #unwrapped = 0;

  unwrap(rtpTimestamp: number): number {
    this.#unwrapped =
      this.#last === undefined ? rtpTimestamp : this.#unwrapped + rtpTicksBetween(rtpTimestamp, this.#last);
    this.#last = rtpTimestamp;
    return this.#unwrapped;
  }
}
