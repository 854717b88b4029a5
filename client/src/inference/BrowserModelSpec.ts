import { type InputSpec, type TrackParameters, trackParametersSchema } from '@framelock/server/protocol/analysis';
import { z } from 'zod';

export interface BrandNaming {
  unknownThreshold: number;
  matchThreshold: number;
  /** Address of the bundled gallery on our own server: for where the server has none. */
  galleryUrl?: string;
}

/** A bundled Model that a page can run: finished rows in `detections`, perhaps with embeddings. Plain data. */
export interface BrowserModelSpec {
  id: string;
  name: string;
  /** Of its file. */
  sha256: string;
  /** Address of the file on our own server. */
  url: string;
  labels: string[];
  input: InputSpec;
  inputName: string;
  scoreThreshold: number;
  nmsIou: number;
  /** How its objects are followed, where it is not as usual. */
  track?: TrackParameters;
  /** Only of a model whose marks get their names from the gallery. */
  brands?: BrandNaming;
}

const triple = z.tuple([z.number(), z.number(), z.number()]);
const common = {
  id: z.string(),
  name: z.string(),
  sha256: z.string(),
  labels: z.array(z.string()).min(1),
  scoreThreshold: z.number(),
  track: trackParametersSchema.optional(),
};

/** The marker detector's model.json: planes of 0..1. */
const markerSchema = z.object({
  ...common,
  family: z.literal('marker'),
  input: z.object({ name: z.string(), dims: z.tuple([z.unknown(), z.literal(3), z.int(), z.int()]) }),
  letterbox: z.object({ pad: z.number() }),
});

const brandsSchema = z.object({
  ...common,
  family: z.literal('brands'),
  input: z.object({
    name: z.string(),
    width: z.int().positive(),
    height: z.int().positive(),
    resize: z.enum(['letterbox', 'letterboxTopLeft', 'stretch']),
    channels: z.enum(['rgb', 'bgr']),
    mean: triple,
    std: triple,
    pad: z.number(),
  }),
  nmsIou: z.number(),
  unknownThreshold: z.number(),
  embedding: z.object({ matchThreshold: z.number() }),
});

const modelSchema = z.discriminatedUnion('family', [markerSchema, brandsSchema]);

/** From a model.json of inference/models. @throws ZodError where that is of another shape. */
export function readModelSpec(url: string, description: unknown, galleryUrl?: string): BrowserModelSpec {
  const model = modelSchema.parse(description);
  const { id, name, sha256, labels, scoreThreshold, track } = model;
  const inputName = model.input.name;
  const base = { id, name, sha256, labels, scoreThreshold, url, inputName, ...(track ? { track } : {}) };
  if (model.family === 'marker') {
    const [, , height, width] = model.input.dims;
    const each = 1 / 255;
    return {
      ...base,
      nmsIou: 1,
      input: {
        ...{ width, height, resize: 'letterbox', channels: 'rgb', bias: [0, 0, 0], scale: [each, each, each] },
        pad: Math.round(model.letterbox.pad * 255),
      },
    };
  }
  const { mean, std, ...input } = model.input;
  const { name: _inputName, ...shape } = input;
  return {
    ...base,
    nmsIou: model.nmsIou,
    input: {
      ...shape,
      scale: [1 / std[0], 1 / std[1], 1 / std[2]],
      bias: [-mean[0] / std[0], -mean[1] / std[1], -mean[2] / std[2]],
    },
    brands: {
      unknownThreshold: model.unknownThreshold,
      matchThreshold: model.embedding.matchThreshold,
      ...(galleryUrl ? { galleryUrl } : {}),
    },
  };
}
