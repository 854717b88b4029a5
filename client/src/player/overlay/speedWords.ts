/** Metres a second as people say it on roads and paths. */
export function speedWords(metresPerSecond: number): string {
  const kmh = metresPerSecond * 3.6;
  return `${kmh < 10 ? kmh.toFixed(1) : Math.round(kmh)} km/h`;
}
