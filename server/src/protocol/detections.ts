import { z } from 'zod';

/** Data channel of a Publication's detections; unordered, no retransmits: a late detection is of no use. */
export const detectionChannel = { label: 'detections', protocol: 'framelock.v1' } as const;

/** Labels that one viewer hides, and that the sfu leaves out for it. */
export const hiddenLabelsSchema = z.array(z.string().min(1).max(100)).max(200);

/** Objects in one message. More are cut, lowest score first, and counted. */
export const maxObjectsPerFrame = 300;

/**
 * One object: [trackId, labelIndex, score, x, y, w, h]. trackId 0 = none; x, y = top left corner; x, y, w, h in 0..1 of
 * the decoded picture after cropping.
 */
const coordinateSchema = z.number().min(-0.01).max(1.01);
export const detectionTupleSchema = z.tuple([
  z.number().int().nonnegative(),
  z.number().int().nonnegative(),
  z.number().min(0).max(1.001),
  coordinateSchema,
  coordinateSchema,
  coordinateSchema,
  coordinateSchema,
]);
export type DetectionTuple = z.infer<typeof detectionTupleSchema>;

/** One MessagePack message (floats as float32) per analysed Frame, also when it holds no object. */
export const detectionMessageSchema = z.object({
  k: z.literal('frame'),
  v: z.literal(1),
  /** publicationId: RTP timestamps are comparable only inside one. */
  pub: z.string().max(64),
  /** The Frame's RTP timestamp, u32. */
  rtp: z.number().int().min(0).max(0xffffffff),
  /** Counts analysed Frames from 0 each time analysis begins, which also raises `model`; a gap is a lost message. */
  seq: z.number().int().nonnegative(),
  /** ModelDescription.revision. */
  model: z.number().int().positive(),
  /** Size of the decoded picture, pixels. */
  w: z.number().int().positive(),
  h: z.number().int().positive(),
  /**
   * `received`: Unix ms of the Frame's last packet on the inference node; the others are ms after it. Of a publisher's
   * page that runs the model: when the Frame was captured, on the server's clock.
   */
  t: z.object({ received: z.number(), decoded: z.number(), inferred: z.number(), sent: z.number() }),
  o: z.array(detectionTupleSchema).max(maxObjectsPerFrame),
});
export type DetectionMessage = z.infer<typeof detectionMessageSchema>;
