/** One packet as FFmpeg's framecrc muxer tells it: `stream, dts, pts, duration, size, 0xcrc[, F=0xflags]…`. */
export interface PacketLine {
  stream: number;
  /** In ticks of the stream's time base; undefined where the input has none. */
  dts: number | undefined;
  pts: number | undefined;
  bytes: number;
  key: boolean;
}

/** What framecrc says of an elementary stream before its packets. */
export interface StreamLine {
  stream: number;
  kind: 'video' | 'audio' | 'other';
  codec: string;
  /** Seconds per tick. */
  tickSeconds: number;
  width: number;
  height: number;
  sampleRate: number;
}

export type FramecrcLine = { packet: PacketLine } | { header: { stream: number; change: Partial<StreamLine> } };

const number = (text: string | undefined): number | undefined => {
  const value = Number(text?.trim() || 'NaN');
  return Number.isSafeInteger(value) ? value : undefined;
};

/** Unknown lines are `undefined`: newer FFmpegs may say more. */
export function readFramecrcLine(line: string): FramecrcLine | undefined {
  if (line.startsWith('#')) return readHeader(line);
  const fields = line.split(',');
  const stream = number(fields[0]);
  const bytes = number(fields[4]);
  if (fields.length < 6 || stream === undefined || bytes === undefined || stream < 0 || bytes < 0) return undefined;
  // The flags are there when they are not those of a key frame alone; AV_PKT_FLAG_KEY is 1.
  const flags = /^\s*F=0x([0-9a-fA-F]{1,8})\s*$/.exec(fields[6] ?? '')?.[1];
  const key = flags === undefined || (Number.parseInt(flags, 16) & 1) === 1;
  return { packet: { stream, dts: number(fields[1]), pts: number(fields[2]), bytes, key } };
}

function readHeader(line: string): FramecrcLine | undefined {
  const parts = /^#(\w+) (\d{1,3}): (.*)$/.exec(line);
  if (!parts) return undefined;
  const [, name, index, value] = parts as unknown as [string, string, string, string];
  const change = headerChange(name, value.trim());
  return change && { header: { stream: Number(index), change } };
}

function headerChange(name: string, value: string): Partial<StreamLine> | undefined {
  switch (name) {
    case 'tb': {
      const [, ticks, perSeconds] = /^(\d{1,9})\/(\d{1,9})$/.exec(value) ?? [];
      return Number(perSeconds) > 0 ? { tickSeconds: Number(ticks) / Number(perSeconds) } : undefined;
    }
    case 'media_type':
      return { kind: value === 'video' || value === 'audio' ? value : 'other' };
    case 'codec_id':
      return /^[\w-]{1,40}$/.test(value) ? { codec: value } : undefined;
    case 'dimensions': {
      const [, width, height] = /^(\d{1,6})x(\d{1,6})$/.exec(value) ?? [];
      return width ? { width: Number(width), height: Number(height) } : undefined;
    }
    case 'sample_rate':
      return { sampleRate: number(value) ?? 0 };
    default:
      return undefined;
  }
}
