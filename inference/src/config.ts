import { randomBytes } from 'node:crypto';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { executionProviderSchema, idSchema, ipSchema } from '@framelock/server/protocol';
import { z } from 'zod';

/** An empty variable is one that is not set: compose files and shells pass both. */
function optional<T extends z.ZodType>(schema: T) {
  return z.preprocess((value) => (value === '' ? undefined : value), schema);
}

/** The environment of an inference process; `.env.example` is checked against it. */
export const environmentSchema = z.object({
  NODE_SECRET: z.string('NODE_SECRET is needed: the credential between server, sfu and inference').min(1),
  SERVER_URL: z.url({ protocol: /^https?$/, error: 'SERVER_URL is the http(s) address of the server' }),
  /** Catalogue id or path; empty = the bundled marker detector. */
  MODEL: optional(z.string().optional()),
  DATA_DIR: optional(z.string().default('./data')),
  MODELS_DIR: optional(z.string().optional()),
  /** Where catalogued Models are downloaded from instead: `<MODEL_MIRROR>/<id>.onnx`, https, or http on this machine. */
  MODEL_MIRROR: optional(z.url({ protocol: /^https?$/, error: 'MODEL_MIRROR is an http(s) address' }).optional()),
  EXECUTION_PROVIDER: optional(z.union([z.literal('auto'), executionProviderSchema]).default('auto')),
  /** Frames analysed per second and Publication, at most. */
  ANALYSIS_MAX_FPS: optional(z.coerce.number().positive().max(240).default(15)),
  DECODE_THREADS: optional(
    z.coerce
      .number()
      .int()
      .min(1)
      .max(256)
      .default(Math.max(1, Math.floor(availableParallelism() / 2))),
  ),
  /** Address of the control port and of the taps' UDP sockets: what the server and the sfu nodes can reach. */
  CONTROL_HOST: optional(ipSchema.default('127.0.0.1')),
  /** 0 = any free one. */
  CONTROL_PORT: optional(z.coerce.number().int().min(0).max(65535).default(0)),
  NODE_ID: optional(idSchema.default(() => `inference-${randomBytes(4).toString('hex')}`)),
  LOG_LEVEL: optional(z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info')),
});

export type Environment = z.output<typeof environmentSchema>;

export interface Config extends Environment {
  MODELS_DIR: string;
}

/** Thrown with every problem in one message. */
export class ConfigError extends Error {}

export function parseConfig(environment: NodeJS.ProcessEnv): Config {
  const parsed = environmentSchema.safeParse(environment);
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => `  ${issue.path.join('.')}: ${issue.message}`);
    throw new ConfigError(`the environment of inference is not valid:\n${problems.join('\n')}`);
  }
  const config = parsed.data;
  return { ...config, MODELS_DIR: config.MODELS_DIR ?? path.join(config.DATA_DIR, 'models') };
}
