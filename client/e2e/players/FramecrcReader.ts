import type { PacketTime } from './PacketTimes.ts';

/** Reads what FFmpeg's muxer `framecrc` writes, line by line: a header with time bases, then a line per packet. */
export class FramecrcReader {
  readonly #timeBases = new Map<string, number>();
  readonly #names = new Map<string, string>();

  /** undefined: no packet's line. */
  line(text: string): PacketTime | undefined {
    const header = /^#(tb|media_type) (\d+): (\S+)/.exec(text);
    if (header?.[1] === 'tb') {
      const [numerator, denominator] = header[3]!.split('/').map(Number);
      this.#timeBases.set(header[2]!, numerator! / denominator!);
    } else if (header) this.#names.set(header[2]!, header[3]!);
    if (text.startsWith('#')) return undefined;
    const [index, , pts, duration] = text.split(',').map((field) => field.trim());
    const base = this.#timeBases.get(index ?? '');
    if (base === undefined || !/^-?\d+$/.test(pts ?? '')) return undefined;
    return {
      stream: this.#names.get(index!) ?? index!,
      ptsS: Number(pts) * base,
      durationS: Number(duration) * base,
    };
  }
}
