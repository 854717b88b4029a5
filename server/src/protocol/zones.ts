import { z } from 'zod';
import { solveHomography } from './analysis/zones/groundScale.ts';
import { isSimplePolygon, polygonArea } from './analysis/zones/polygon.ts';
import { idSchema } from './ids.ts';

/** Of one Stream. */
export const maxZones = 32;
export const maxLines = 32;
export const maxPolygonPoints = 32;
/** Labels that a zone's or line's filter names. */
export const maxZoneLabels = 50;
/** Labels that totals are kept for, each zone or line; objects of others count in `otherLabels`. */
export const maxCountedLabels = 50;
export const otherLabels = 'others';

/** Share of the picture's area that a zone has at least, and share of its width or height that a line has. */
export const minZoneArea = 0.0001;
export const minLineLength = 0.01;

/** In the upright picture as it is decoded: 0, 0 = its top left corner, 1, 1 = its bottom right one. */
export const picturePointSchema = z.object({ x: z.number().min(0).max(1), y: z.number().min(0).max(1) });
export type PicturePoint = z.infer<typeof picturePointSchema>;

const zoneNameSchema = z
  .string()
  .trim()
  .min(1, 'a name is needed')
  .max(60, 'at most 60 characters')
  .regex(/^[^\p{Cc}\p{Bidi_Control}]*$/u, 'no control characters')
  .regex(/[\p{L}\p{N}\p{P}\p{S}]/u, 'at least one character that can be seen');

/**
 * Which point of an object's box says where it is. `bottom`: the middle of the lower side, where things that stand touch
 * the ground. `centre`: for what flies, or is seen from above.
 */
export const anchorSchema = z.enum(['bottom', 'centre']);
export type Anchor = z.infer<typeof anchorSchema>;

const drawnShape = {
  /** One id is never both a zone's and a line's. Who edits a shape keeps its id, so that its figures go on. */
  id: idSchema,
  name: zoneNameSchema,
  /** `#rrggbb`. */
  colour: z.string().regex(/^#[0-9a-fA-F]{6}$/, 'a colour is # and six hexadecimal digits'),
  anchor: anchorSchema.default('bottom'),
  labels: z
    .array(z.string().min(1).max(100))
    .min(1, 'name a label, or leave the filter out')
    .max(maxZoneLabels)
    .nullable()
    .default(null)
    .describe('only objects with one of these labels count; null = all'),
};

export const zoneSchema = z.object({
  ...drawnShape,
  polygon: z
    .array(picturePointSchema)
    .min(3, 'a zone has at least 3 points')
    .max(maxPolygonPoints, `a zone has at most ${maxPolygonPoints} points`)
    .refine(isSimplePolygon, 'the sides of a zone may not cross or touch one another')
    .refine((points) => polygonArea(points) >= minZoneArea, 'the zone is too small'),
  dwellSeconds: z
    .number()
    .min(0.1)
    .max(86_400)
    .nullable()
    .default(null)
    .describe('media time inside after which there is a `dwell` event, once a visit; null = none'),
});
export type Zone = z.infer<typeof zoneSchema>;

/** Crossed **in** from the left to the right hand of somebody who looks from `from` to `to` on the picture, else **out**. */
export const lineSchema = z
  .object({ ...drawnShape, from: picturePointSchema, to: picturePointSchema })
  .refine(({ from, to }) => Math.hypot(to.x - from.x, to.y - from.y) >= minLineLength, 'the line is too short');
export type Line = z.infer<typeof lineSchema>;

const groundPointSchema = picturePointSchema.extend({
  xMetres: z.number().min(-100_000).max(100_000),
  yMetres: z.number().min(-100_000).max(100_000),
});

/**
 * What makes speeds of movements. `width`: so many metres lie side by side in the picture, everywhere, for a camera that
 * looks at a right angle. `ground`: four points of the ground, no three of them on a line, in any order, with where they
 * lie; speeds are of the lower ends of boxes on that plane.
 */
export const speedScaleSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('width'), metresPerWidth: z.number().min(0.000_1).max(100_000) }),
  z.object({
    kind: z.literal('ground'),
    points: z
      .array(groundPointSchema)
      .length(4, 'the ground takes four points')
      .refine(
        (points) => solveHomography(points) !== undefined,
        'no three of the four points may lie on a line, and they go round the same way in the picture and on the ground',
      ),
  }),
]);
export type SpeedScale = z.infer<typeof speedScaleSchema>;

/** All that is drawn on one Stream's picture. */
export const zoneSettingsSchema = z
  .object({
    zones: z.array(zoneSchema).max(maxZones).default([]),
    lines: z.array(lineSchema).max(maxLines).default([]),
    scale: speedScaleSchema.nullable().default(null),
  })
  .refine(({ zones, lines }) => {
    const ids = [...zones, ...lines].map(({ id }) => id);
    return new Set(ids).size === ids.length;
  }, 'two zones or lines have the same id');
export type ZoneSettings = z.infer<typeof zoneSettingsSchema>;

export const zoneEventKindSchema = z.enum(['entered', 'left', 'dwell', 'crossedIn', 'crossedOut']);
export type ZoneEventKind = z.infer<typeof zoneEventKindSchema>;

/**
 * `moved`: the object itself did. `appeared`: it was inside when its ObjectTrack began. `lost`: its ObjectTrack ended
 * inside. `renamed`: its label, or the filter, changed. `edited`: somebody drew, changed or removed the zone. `stopped`:
 * the analysis ended.
 */
export const zoneEventCauseSchema = z.enum(['moved', 'appeared', 'lost', 'renamed', 'edited', 'stopped']);
export type ZoneEventCause = z.infer<typeof zoneEventCauseSchema>;

/**
 * One fact about one ObjectTrack. Every `entered` is followed by exactly one `left` of the same zone and track, and so
 * `entered` less `left` is the occupancy.
 */
export const zoneEventSchema = z.object({
  kind: zoneEventKindSchema,
  /** Id of the zone, or of the line that was crossed. */
  zoneId: idSchema,
  trackId: z.number().int().positive(),
  label: z.string().max(100),
  cause: zoneEventCauseSchema,
  /** Of the analysed Frame that first shows it, u32; of `lost`: of the last one that shows the object. */
  rtpTimestamp: z.number().int().min(0).max(0xffffffff),
  /**
   * The moment itself, interpolated between analysed Frames, is so many RTP ticks (1/90,000 s, with fractions) before
   * that Frame.
   */
  lagTicks: z.number().nonnegative(),
  /** Where the anchor was at that moment, 0..1 of the picture. */
  x: z.number().min(0).max(1),
  y: z.number().min(0).max(1),
  /** Of `left` and `dwell`: media time inside, short occlusions included. */
  dwellSeconds: z.number().nonnegative().optional(),
  /** Metres a second over the last second, where there is a scale and enough of the movement was seen. */
  speedMps: z.number().nonnegative().optional(),
});
export type ZoneEvent = z.infer<typeof zoneEventSchema>;

const count = z.number().int().nonnegative();
const byLabel = z.record(z.string().max(100), count);

/** Totals are since the analysis began, or the zone was drawn where that was later. */
export const zoneLiveSchema = z.object({
  zoneId: idSchema,
  /** Objects inside now; also those that are not seen at the moment and may be hidden. */
  occupancy: count,
  counts: byLabel.describe('occupancy by label'),
  entered: count,
  left: count,
  meanDwellSeconds: z.number().nonnegative().nullable().describe('of visits that are over; null = none is'),
  longestPresentSeconds: z.number().nonnegative().nullable().describe('of those inside now; null = nobody is'),
  meanSpeedMps: z.number().nonnegative().nullable().describe('of those inside now whose speed is known'),
});
export type ZoneLive = z.infer<typeof zoneLiveSchema>;

export const lineLiveSchema = z.object({
  lineId: idSchema,
  in: count,
  out: count,
  inByLabel: byLabel,
  outByLabel: byLabel,
});
export type LineLive = z.infer<typeof lineLiveSchema>;

/** Live figures as of one analysed Frame. */
export const zonesLiveSchema = z.object({
  rtpTimestamp: z.number().int().min(0).max(0xffffffff),
  zones: z.array(zoneLiveSchema).max(maxZones),
  lines: z.array(lineLiveSchema).max(maxLines),
  /** Objects in this Frame. */
  counts: byLabel,
  /** [trackId, metres a second] of objects in this Frame whose speed is known; empty without a scale. */
  speeds: z.array(z.tuple([z.number().int().positive(), z.number().nonnegative()])).max(1000),
});
export type ZonesLive = z.infer<typeof zonesLiveSchema>;

/** The latest figures of what is published just now; null = nothing is, or nobody counts (yet). */
export const zonesNowSchema = z.object({ publicationId: idSchema.nullable(), live: zonesLiveSchema.nullable() });
export type ZonesNow = z.infer<typeof zonesNowSchema>;

/** Columns and rows of the heatmap of a Stream. */
export const zoneHeatmapColumns = 48;
export const zoneHeatmapRows = 27;

/** Where objects were. A cell holds the seconds for which lower ends of boxes were in it, summed over objects. */
export const zoneHeatmapSchema = z.object({
  columns: z.literal(zoneHeatmapColumns),
  rows: z.literal(zoneHeatmapRows),
  /** Row by row. */
  seconds: z.array(z.number().nonnegative()).length(zoneHeatmapColumns * zoneHeatmapRows),
});
export type ZoneHeatmap = z.infer<typeof zoneHeatmapSchema>;
