import { randomUUID } from 'node:crypto';
import { isIP } from 'node:net';
import { z } from 'zod';
import { idSchema } from '@framelock/server/protocol';
import type { SourceConfig } from './source/createSources.ts';

const hostSchema = z
  .string()
  .transform((host) => (host === 'localhost' ? '127.0.0.1' : host))
  .refine((host) => isIP(host) !== 0, 'must be an IP address or localhost');

const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

/** The environment of the sfu process; the launcher sets it. Empty strings count as unset. */
export const environmentSchema = z
  .object({
    /** Shared by server, sfu and inference; the bearer of every control connection. */
    NODE_SECRET: z.string().min(16, 'needs at least 16 characters'),
    SERVER_URL: z.url({ protocol: /^https?$/, error: 'must be an http(s) URL' }).default('http://127.0.0.1:8080'),
    WORKERS: z.coerce.number().int().min(1).max(256).default(1),
    /** Worker i takes RTC_PORT + i, UDP and TCP. 0 = any free port (tests). */
    RTC_PORT: z.coerce.number().int().min(0).max(65535).default(40000),
    HOST: hostSchema.default('127.0.0.1'),
    /** TCP, on HOST; listened on while an RTMP Source is open. 0 = no RTMP. */
    RTMP_PORT: z.coerce.number().int().min(0).max(65535).default(1935),
    /** IP address or host name that peers are told, where it is not one of this machine's own. */
    ANNOUNCED_IP: z.string().max(253).optional(),
    CONTROL_HOST: hostSchema.default('127.0.0.1'),
    CONTROL_PORT: z.coerce.number().int().min(0).max(65535).default(0),
    /** A name on the PATH, or a path. */
    FFMPEG_BIN: z.string().default('ffmpeg'),
    /** Files that a Source may play. */
    SOURCE_FILES_DIR: z.string().optional(),
    /** First of the 100 UDP ports, on HOST, that SRT Sources listen on. 0 = any free port (tests). */
    SRT_PORT: z.coerce.number().int().min(0).max(65_435).default(9710),
    MEDIASOUP_WORKER_BIN: z.string().optional(),
    NODE_ID: idSchema.optional(),
    LOG_LEVEL: z.enum(logLevels).default('info'),
  })
  .refine((env) => env.RTC_PORT === 0 || env.RTC_PORT + env.WORKERS - 1 <= 65535, {
    path: ['WORKERS'],
    error: 'RTC_PORT + WORKERS goes past port 65535',
  });

export interface Config {
  nodeId: string;
  nodeSecret: string;
  serverUrl: string;
  workers: number;
  rtcPort: number;
  host: string;
  announcedIp: string | undefined;
  controlHost: string;
  controlPort: number;
  workerBin: string | undefined;
  sources: SourceConfig;
  logLevel: (typeof logLevels)[number];
}

/** Something in the environment has to change before a restart can help: the process exits with 78 (EX_CONFIG). */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** All problems in one message. */
export function parseConfig(environment: Record<string, string | undefined>): Config {
  const set = Object.fromEntries(
    Object.entries(environment).filter(([, value]) => value !== undefined && value !== ''),
  );
  const parsed = environmentSchema.safeParse(set);
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
    throw new ConfigError(`the environment of the sfu is not valid: ${problems.join('; ')}`);
  }
  const env = parsed.data;
  return {
    nodeId: env.NODE_ID ?? `sfu-${randomUUID()}`,
    nodeSecret: env.NODE_SECRET,
    serverUrl: env.SERVER_URL,
    workers: env.WORKERS,
    rtcPort: env.RTC_PORT,
    host: env.HOST,
    announcedIp: env.ANNOUNCED_IP,
    controlHost: env.CONTROL_HOST,
    controlPort: env.CONTROL_PORT,
    workerBin: env.MEDIASOUP_WORKER_BIN,
    sources: {
      ffmpegBin: env.FFMPEG_BIN,
      sourceFilesDir: env.SOURCE_FILES_DIR,
      srtPort: env.SRT_PORT,
      rtmpPort: env.RTMP_PORT,
    },
    logLevel: env.LOG_LEVEL,
  };
}
