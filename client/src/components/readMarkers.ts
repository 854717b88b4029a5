import { z } from 'zod';

const markerSetSchema = z.object({
  /** Radius of the white disc below all others, in outer radii. */
  quietZoneRadius: z.number().min(1),
  markers: z
    .array(
      z.object({
        name: z.string(),
        discs: z.array(z.object({ radius: z.number().positive(), colour: z.enum(['black', 'white']) })).min(1),
      }),
    )
    .min(1),
});
export type MarkerSet = z.infer<typeof markerSetSchema>;
export type Marker = MarkerSet['markers'][number];

/** The bundled detector's markers, or undefined where the build found none that this page can draw. */
export function readMarkers(data: unknown): MarkerSet | undefined {
  return markerSetSchema.safeParse(data).data;
}
