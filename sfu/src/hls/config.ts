import { randomUUID } from 'node:crypto';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { z } from 'zod';
import { ConfigError } from '../config.ts';

const hostSchema = z
  .string()
  .transform((host) => (host === 'localhost' ? '127.0.0.1' : host))
  .refine((host) => isIP(host) !== 0, 'must be an IP address or localhost');

/** The environment of the hls process; it inherits the sfu's. Empty strings count as unset. */
export const environmentSchema = z
  .object({
    NODE_SECRET: z.string().min(16, 'needs at least 16 characters'),
    DATA_DIR: z.string().default('data'),
    FFMPEG_BIN: z.string().default('ffmpeg'),
    /** Where the origin listens: the server's proxy is there, and a CDN or nginx may be. */
    HLS_HOST: hostSchema.default('127.0.0.1'),
    /** 0 = any free port. */
    HLS_PORT: z.coerce.number().int().min(0).max(65535).default(0),
    /** Where the server reaches it, where that is not the address it listens on. */
    HLS_URL: z.url({ protocol: /^https?$/ }).optional(),
    /** How far viewers can rewind a live Stream that is not recorded, seconds. */
    HLS_WINDOW_S: z.coerce.number().int().min(20).max(86_400).default(600),
    /** Packaging on demand ends when nobody has asked for so long. */
    HLS_IDLE_S: z.coerce.number().min(1).max(3_600).default(30),
    /** Of one Publication that is not recorded, on disk. */
    HLS_MAX_BYTES: z.coerce.number().int().min(10_000_000).default(2_000_000_000),
    /** Copies everything to an S3-compatible store, under the same paths. */
    HLS_S3_ENDPOINT: z.url({ protocol: /^https?$/ }).optional(),
    HLS_S3_BUCKET: z.string().max(63).optional(),
    HLS_S3_REGION: z.string().max(64).default('us-east-1'),
    HLS_S3_ACCESS_KEY_ID: z.string().max(256).optional(),
    HLS_S3_SECRET_ACCESS_KEY: z.string().max(256).optional(),
    HLS_S3_PREFIX: z
      .string()
      .regex(/^[\w./-]{0,200}$/)
      .default(''),
    NODE_ID: z.string().optional(),
    LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
  })
  .refine(
    (env) => !env.HLS_S3_ENDPOINT || (env.HLS_S3_BUCKET && env.HLS_S3_ACCESS_KEY_ID && env.HLS_S3_SECRET_ACCESS_KEY),
    {
      path: ['HLS_S3_ENDPOINT'],
      error: 'needs HLS_S3_BUCKET, HLS_S3_ACCESS_KEY_ID and HLS_S3_SECRET_ACCESS_KEY',
    },
  );

export interface S3Config {
  endpoint: string;
  bucket: string;
  region: string;
  accessKeyId: string;
  secretAccessKey: string;
  prefix: string;
}

export interface HlsConfig {
  nodeId: string;
  nodeSecret: string;
  dir: string;
  ffmpegBin: string;
  host: string;
  port: number;
  url: string | undefined;
  windowS: number;
  idleS: number;
  maxBytes: number;
  s3: S3Config | undefined;
  logLevel: z.infer<typeof environmentSchema>['LOG_LEVEL'];
}

/** All problems in one message. */
export function parseHlsConfig(environment: Record<string, string | undefined>): HlsConfig {
  const set = Object.fromEntries(Object.entries(environment).filter(([, value]) => value));
  const parsed = environmentSchema.safeParse(set);
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
    throw new ConfigError(`the environment of the hls process is not valid: ${problems.join('; ')}`);
  }
  const env = parsed.data;
  return {
    nodeId: env.NODE_ID ?? `hls-${randomUUID()}`,
    nodeSecret: env.NODE_SECRET,
    dir: join(env.DATA_DIR, 'hls'),
    ffmpegBin: env.FFMPEG_BIN,
    host: env.HLS_HOST,
    port: env.HLS_PORT,
    url: env.HLS_URL,
    windowS: env.HLS_WINDOW_S,
    idleS: env.HLS_IDLE_S,
    maxBytes: env.HLS_MAX_BYTES,
    s3: env.HLS_S3_ENDPOINT
      ? {
          endpoint: env.HLS_S3_ENDPOINT,
          bucket: env.HLS_S3_BUCKET!,
          region: env.HLS_S3_REGION,
          accessKeyId: env.HLS_S3_ACCESS_KEY_ID!,
          secretAccessKey: env.HLS_S3_SECRET_ACCESS_KEY!,
          prefix: env.HLS_S3_PREFIX,
        }
      : undefined,
    logLevel: env.LOG_LEVEL,
  };
}
