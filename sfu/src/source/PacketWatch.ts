import { readFramecrcLine, type PacketLine, type StreamLine } from './packetLines.ts';

/** What FFmpeg's framecrc output of an input's packets shows while they come. */
export class PacketWatch {
  readonly #streams = new Map<number, Partial<StreamLine>>();
  /** Counts of packets per stream. */
  readonly #counts = new Map<number, number>();
  #lastPts: number | undefined;
  #reorders = false;
  #lastKeySeconds: number | undefined;
  #longestKeyGapSeconds = 0;
  #lastPacketAtMs = performance.now();

  /** Returns the packet where the line is one. */
  take(line: string): PacketLine | undefined {
    const read = readFramecrcLine(line);
    if (!read) return undefined;
    if ('header' in read) {
      const { stream, change } = read.header;
      this.#streams.set(stream, { ...this.#streams.get(stream), ...change });
      return undefined;
    }
    const { packet } = read;
    this.#lastPacketAtMs = performance.now();
    this.#counts.set(packet.stream, (this.#counts.get(packet.stream) ?? 0) + 1);
    const known = this.#streams.get(packet.stream);
    if (known?.kind === 'video') this.#takeVideo(packet, known.tickSeconds ?? 0);
    return packet;
  }

  #takeVideo({ pts, key }: PacketLine, tickSeconds: number): void {
    if (pts === undefined) return;
    const seconds = pts * tickSeconds;
    // Packets come in the order of decoding: pictures in another order are B-frames. A second back is a loop or a restart.
    if (this.#lastPts !== undefined && pts < this.#lastPts && (this.#lastPts - pts) * tickSeconds < 1)
      this.#reorders = true;
    this.#lastPts = pts;
    if (!key) {
      this.#longestKeyGapSeconds = Math.max(this.#longestKeyGapSeconds, seconds - (this.#lastKeySeconds ?? seconds));
      this.#lastKeySeconds ??= seconds;
      return;
    }
    if (this.#lastKeySeconds !== undefined)
      this.#longestKeyGapSeconds = Math.max(this.#longestKeyGapSeconds, seconds - this.#lastKeySeconds);
    this.#lastKeySeconds = seconds;
  }

  stream(kind: 'video' | 'audio'): Partial<StreamLine> | undefined {
    return [...this.#streams.values()].find((one) => one.kind === kind);
  }

  packets(kind: 'video' | 'audio'): number {
    const found = [...this.#streams].find(([, one]) => one.kind === kind);
    return found ? (this.#counts.get(found[0]) ?? 0) : 0;
  }

  /** Whether any picture came before one that is shown earlier. */
  get reorders(): boolean {
    return this.#reorders;
  }

  get longestKeyGapSeconds(): number {
    return this.#longestKeyGapSeconds;
  }

  get sincePacketMs(): number {
    return performance.now() - this.#lastPacketAtMs;
  }
}
