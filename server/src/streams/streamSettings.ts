import type { StreamRow } from '@framelock/db';
import { defaultStreamSettings, type StreamSettings, streamSettingsSchema } from '../protocol/index.ts';

/** As stored, with the defaults of what was never set. A setting that is not valid (any more) has its default. */
export function readStreamSettings(stored: StreamRow['settings']): StreamSettings {
  const whole = streamSettingsSchema.safeParse(stored ?? {});
  if (whole.success) return whole.data;
  if (typeof stored !== 'object' || stored === null) return { ...defaultStreamSettings };
  const bad = new Set(whole.error.issues.map(({ path }) => path[0]));
  const rest = Object.fromEntries(Object.entries(stored).filter(([name]) => !bad.has(name)));
  return streamSettingsSchema.safeParse(rest).data ?? { ...defaultStreamSettings };
}
