import { lineSchema, speedScaleSchema, type ZoneSettings, zoneSchema, zoneSettingsSchema } from '../protocol/index.ts';

/** As stored; null = nothing is drawn. A shape that is not valid (any more) is left out, and the others stay. */
export function readZoneSettings(stored: unknown): ZoneSettings {
  const whole = zoneSettingsSchema.safeParse(stored ?? {});
  if (whole.success) return whole.data;
  const { zones, lines, scale } = (typeof stored === 'object' ? stored : {}) as Record<string, unknown>;
  const rest = {
    zones: arrayOf(zones).filter((one) => zoneSchema.safeParse(one).success),
    lines: arrayOf(lines).filter((one) => lineSchema.safeParse(one).success),
    scale: speedScaleSchema.safeParse(scale).data ?? null,
  };
  return zoneSettingsSchema.safeParse(rest).data ?? zoneSettingsSchema.parse({});
}

function arrayOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}
