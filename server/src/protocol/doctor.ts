import { z } from 'zod';

/** One thing that was looked at, and what to do where it is not well. */
export const findingSchema = z.object({
  /** Stable, e.g. `udp`, `tcp`, `turn`, `codec`, `keyFrames`, `uplink`, `loss`, `camera`. */
  id: z.string().max(40),
  level: z.enum(['ok', 'info', 'warning', 'problem']),
  title: z.string(),
  detail: z.string(),
  /** What to do; with every warning and problem. */
  advice: z.string().optional(),
});
export type Finding = z.infer<typeof findingSchema>;

/** `GET /api/v1/doctor[?streamId=]`: what the server can tell; the publish page adds what only the browser can. */
export const doctorReportSchema = z.object({ checkedAt: z.iso.datetime(), findings: z.array(findingSchema) });
export type DoctorReport = z.infer<typeof doctorReportSchema>;
