/** Times below a chart: round ones of the person's own clock. */

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;
const steps = [
  ...[second, 2 * second, 5 * second, 10 * second, 15 * second, 30 * second],
  ...[minute, 2 * minute, 5 * minute, 10 * minute, 15 * minute, 30 * minute],
  ...[hour, 2 * hour, 3 * hour, 6 * hour, 12 * hour, day, 2 * day, 7 * day, 14 * day, 28 * day],
];

export interface TimeTick {
  ms: number;
  /** 0..1 of the chart. */
  at: number;
  words: string;
}

/** At most `most` round times in a range, Unix ms. */
export function timeTicks(fromMs: number, toMs: number, most: number): TimeTick[] {
  const span = toMs - fromMs;
  if (!(span > 0) || most < 1) return [];
  const step = steps.find((one) => span / one <= most) ?? Math.ceil(span / most / day) * day;
  // Days begin at the person's midnight; a change to summer time within the range moves later ones by an hour.
  const zoneMs = new Date(fromMs).getTimezoneOffset() * minute;
  const ticks: TimeTick[] = [];
  for (let ms = Math.ceil((fromMs - zoneMs) / step) * step + zoneMs; ms <= toMs; ms += step)
    ticks.push({ ms, at: (ms - fromMs) / span, words: tickWords(ms, step) });
  return ticks;
}

function tickWords(ms: number, step: number): string {
  const at = new Date(ms);
  if (step >= day) return at.toLocaleDateString('en', { month: 'short', day: 'numeric' });
  const time = at.toLocaleTimeString('en-GB');
  if (time === '00:00:00') return at.toLocaleDateString('en', { month: 'short', day: 'numeric' });
  return step < minute ? time : time.slice(0, 5);
}

/** `22 Nov, 10:04:05`, and the year where it is another one. */
export function momentWords(iso: string | number, nowMs: number): string {
  const at = new Date(iso);
  const time = at.toLocaleTimeString('en-GB');
  const today = new Date(nowMs);
  if (at.toDateString() === today.toDateString()) return time;
  const year = at.getFullYear() === today.getFullYear() ? {} : ({ year: 'numeric' } as const);
  return `${at.toLocaleDateString('en', { month: 'short', day: 'numeric', ...year })}, ${time}`;
}
