/** Shown where there is no figure yet; as wide as a digit in tabular numerals. */
export const noFigure = '–';

export function formatMs(ms: number | undefined | null): string {
  if (ms === undefined || ms === null || !Number.isFinite(ms)) return noFigure;
  if (Math.abs(ms) >= 10_000) return `${(ms / 1000).toFixed(0)} s`;
  return Math.abs(ms) < 9.95 && ms !== 0 ? `${ms.toFixed(1)} ms` : `${Math.round(ms)} ms`;
}

export function formatBitrate(bps: number | undefined | null): string {
  if (bps === undefined || bps === null || !Number.isFinite(bps)) return noFigure;
  if (bps >= 999_500) return `${(bps / 1e6).toFixed(bps >= 99.5e5 ? 1 : 2)} Mbit/s`;
  return `${Math.round(bps / 1000)} kbit/s`;
}

/** One decimal below 100, without a trailing `.0`. */
export function formatFps(fps: number | undefined | null): string {
  if (fps === undefined || fps === null || !Number.isFinite(fps)) return noFigure;
  return fps.toFixed(fps < 100 ? 1 : 0).replace(/\.0$/, '');
}

/** `748 B`, `1.2 kB`, `755 kB`, `12.4 MB`, `3.2 GB`. */
export function formatBytes(bytes: number | undefined | null): string {
  if (bytes === undefined || bytes === null || !Number.isFinite(bytes)) return noFigure;
  if (bytes < 1000) return `${Math.round(bytes)} B`;
  if (bytes < 999_500) return `${(bytes / 1e3).toFixed(bytes < 9_950 ? 1 : 0)} kB`;
  return bytes < 999_950_000 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}

export function formatCount(count: number | undefined | null): string {
  if (count === undefined || count === null || !Number.isFinite(count)) return noFigure;
  return count.toLocaleString('en');
}

/** part of whole as a percentage; never rounds 99.96 up to 100 nor 0.04 down to 0, since both would be untrue. */
export function formatShare(part: number, whole: number): string {
  if (!(whole > 0)) return noFigure;
  const percent = (part / whole) * 100;
  if (part === whole) return '100 %';
  if (part === 0) return '0 %';
  if (percent > 99.9) return '> 99.9 %';
  if (percent < 0.1) return '< 0.1 %';
  return `${percent.toFixed(1)} %`;
}

const steps: [number, string][] = [
  [60, 's'],
  [60, 'min'],
  [24, 'h'],
  [Infinity, 'd'],
];

/** `42 s`, `3 min`, `5 h`, `12 d`. */
export function formatAge(sinceMs: number, nowMs: number): string {
  let value = Math.max(0, (nowMs - sinceMs) / 1000);
  for (const [size, unit] of steps) {
    if (value < size) return `${Math.floor(value)} ${unit}`;
    value /= size;
  }
  return noFigure;
}

/** `0:42`, `12:05`, `1:02:33`. */
export function formatClock(elapsedMs: number): string {
  const total = Math.max(0, Math.floor(elapsedMs / 1000));
  const [hours, minutes, seconds] = [Math.floor(total / 3600), Math.floor(total / 60) % 60, total % 60];
  const tail = `${String(minutes).padStart(hours ? 2 : 1, '0')}:${String(seconds).padStart(2, '0')}`;
  return hours ? `${hours}:${tail}` : tail;
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}
