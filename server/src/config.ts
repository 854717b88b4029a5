import { isAbsolute, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import type { TurnConfig } from './access/iceServers.ts';
import { isLoopbackName } from './access/loopback.ts';
import { iceServerSchema } from './protocol/index.ts';

const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;

/** Text that is set but empty means the same as not set: compose files and shells pass empty variables on. */
const optionalText = z
  .string()
  .optional()
  .transform((text) => (text === undefined || text === '' ? undefined : text));

const orDefault = <T extends z.ZodType>(schema: T, fallback: string) =>
  z.preprocess((value) => (value === undefined || value === '' ? fallback : value), schema);

const days = (fallback: string) => orDefault(z.coerce.number().min(0.01).max(36_500), fallback);

const jsonText = z.string().transform((text, context) => {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    context.addIssue({ code: 'custom', message: 'is not JSON' });
    return z.NEVER;
  }
});

/** RFC 7065 section 3.1, without IPv6 literals' finer rules. */
const turnUrl = /^turns?:(?:\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d{1,5})?(?:\?transport=(?:udp|tcp))?$/i;

/** Everything that the server reads from its environment. */
export const environmentSchema = z.object({
  PORT: orDefault(z.coerce.number().int().min(0).max(65_535), '8080').describe('TCP port of pages, API and signalling'),
  HOST: orDefault(z.string().regex(/^[A-Za-z0-9.:_-]+$/, 'is a name or an address'), '127.0.0.1').describe(
    'address to bind; a loopback one means open access',
  ),
  DATABASE_URL: optionalText.describe('Postgres; none = embedded PGlite in DATA_DIR'),
  DATA_DIR: orDefault(z.string(), './data').describe('database and admin token live here'),
  ADMIN_TOKEN: optionalText
    .refine((text) => text === undefined || /^[\x21-\x7e]{1,512}$/.test(text), {
      error: 'a bearer has no spaces, only printable ASCII, and at most 512 characters: it could never be used',
    })
    .describe('bearer for everything; none = generated in DATA_DIR'),
  NODE_SECRET: z
    .string({ error: 'is required: the secret that server, sfu and inference share' })
    .min(16, 'has at least 16 characters')
    .describe('the credential between server, sfu and inference'),
  ICE_SERVERS: orDefault(jsonText.pipe(z.array(iceServerSchema)), '[]').describe(
    'RTCIceServer[] as JSON, for browsers',
  ),
  TURN_URLS: optionalText
    .transform((text) => (text === undefined ? [] : text.split(',').map((url) => url.trim())))
    .pipe(z.array(z.string().regex(turnUrl, 'is turn:host[:port][?transport=udp|tcp] or turns:…, comma separated')))
    .describe('TURN servers for peers that UDP and TCP do not reach directly'),
  TURN_SECRET: optionalText.describe("coturn's static-auth-secret: each peer gets credentials that expire"),
  TURN_USERNAME: optionalText.describe('instead of TURN_SECRET: one name for all peers'),
  TURN_CREDENTIAL: optionalText.describe('with TURN_USERNAME'),
  SOURCE_FILES_DIR: optionalText.describe('files that a Source may play; default DATA_DIR/files; the sfu reads it too'),
  SOURCE_ALLOW_PRIVATE: optionalText
    .pipe(z.enum(['true', 'false', '1', '0'], 'is true or false').optional())
    .describe('Sources may reach loopback, private and link-local addresses; default: only where HOST is loopback'),
  TARGET_ALLOW_PRIVATE: optionalText
    .pipe(z.enum(['true', 'false', '1', '0'], 'is true or false').optional())
    .describe('the same for webhooks and MQTT brokers that events go to'),
  EVENT_RETRY_SECONDS: orDefault(z.coerce.number().min(0.01).max(3_600), '5').describe(
    'pause after the first failed delivery of an event; each further one is four times as long',
  ),
  DELIVERED_MAX_AGE_DAYS: orDefault(z.coerce.number().min(0.01).max(36_500), '7').describe(
    'deliveries of events that arrived are forgotten after so many days',
  ),
  MAX_UPLOAD_BYTES: orDefault(z.coerce.number().int().min(1), String(2 * 1024 ** 3)).describe('of one source file'),
  EXPOSURE_MAX_AGE_DAYS: orDefault(z.coerce.number().min(0.01).max(36_500), '90').describe(
    'appearances of brands are deleted when they ended so many days ago',
  ),
  HISTORY_SPOOL_MAX_BYTES: orDefault(z.coerce.number().int().min(0), String(1024 ** 3)).describe(
    'of DATA_DIR/spool, where history goes while the database does not take it; 0 = none',
  ),
  HISTORY_DETECTIONS_DAYS: days('7').describe('detections of every Frame are deleted after so many days'),
  HISTORY_TRACKS_DAYS: days('90').describe('the same for ObjectTracks, with thumbnails and heatmaps'),
  HISTORY_EVENTS_DAYS: days('365').describe('the same for events'),
  HISTORY_PROPERTIES_DAYS: days('30').describe('the same for visual properties'),
  TLS_CERT: optionalText.describe('PEM file with the certificate and its chain; needs TLS_KEY'),
  TLS_KEY: optionalText.describe('PEM file with the key of TLS_CERT'),
  TLS_SELF_SIGNED: optionalText
    .pipe(z.enum(['true', 'false', '1', '0'], 'is true or false').optional())
    .describe('TLS with a certificate of our own, kept in DATA_DIR/tls; its fingerprint is printed'),
  TRUSTED_PROXIES: optionalText
    .transform((text) => (text === undefined ? [] : text.split(',').map((one) => one.trim())))
    .pipe(
      z.array(z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()], 'are addresses or CIDR ranges, comma separated')),
    )
    .describe('proxies whose X-Forwarded-For is believed, for limits and the audit log'),
  AUDIT_MAX_AGE_DAYS: orDefault(z.coerce.number().min(0.01).max(36_500), '365').describe(
    'entries of the audit log are deleted after so many days',
  ),
  LOG_LEVEL: orDefault(z.enum(logLevels), 'info'),
  CLIENT_DIST: optionalText.describe('the built client; default client/dist'),
  MAX_PEERS: orDefault(z.coerce.number().int().min(1), '2000').describe('signalling sockets at once'),
  MAX_WHIP_SESSIONS: orDefault(z.coerce.number().int().min(1), '500').describe('WHIP publishers at once'),
  WHIP_POSTS_PER_MINUTE: orDefault(z.coerce.number().int().min(1), '60').describe(
    'WHIP and WHEP handshakes of one address, and of one Stream',
  ),
});

export type TlsConfig = { certPath: string; keyPath: string } | { selfSignedIn: string };

export interface Config {
  port: number;
  host: string;
  databaseUrl: string | undefined;
  dataDir: string;
  adminToken: string | undefined;
  nodeSecret: string;
  iceServers: z.output<typeof iceServerSchema>[];
  turn: TurnConfig | undefined;
  sourceFilesDir: string;
  sourceAllowPrivate: boolean;
  targetAllowPrivate: boolean;
  eventRetryFirstMs: number;
  deliveredMaxAgeDays: number;
  maxUploadBytes: number;
  exposureMaxAgeDays: number;
  historySpoolMaxBytes: number;
  /** Days by kind. */
  historyAges: { detections: number; tracks: number; events: number; properties: number };
  /** Nothing: plain HTTP. */
  tls: TlsConfig | undefined;
  trustedProxies: string[];
  auditMaxAgeDays: number;
  logLevel: (typeof logLevels)[number];
  clientDist: string;
  maxPeers: number;
  maxWhipSessions: number;
  whipPostsPerMinute: number;
}

/** Names every problem of the environment at once. `main.ts` exits with 78 (EX_CONFIG) on it. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
}

export function parseConfig(environment: Record<string, string | undefined>): Config {
  const parsed = environmentSchema.safeParse(environment);
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => `  ${issue.path.join('.')}: ${issue.message}`);
    throw new ConfigurationError(`the server's configuration is not valid:\n${problems.join('\n')}`);
  }
  const values = parsed.data;
  return {
    port: values.PORT,
    host: values.HOST,
    databaseUrl: values.DATABASE_URL,
    dataDir: resolve(values.DATA_DIR),
    adminToken: values.ADMIN_TOKEN,
    nodeSecret: values.NODE_SECRET,
    iceServers: values.ICE_SERVERS,
    turn: turnOf(values),
    sourceFilesDir: resolve(values.SOURCE_FILES_DIR ?? join(values.DATA_DIR, 'files')),
    sourceAllowPrivate: allowsPrivate(values.SOURCE_ALLOW_PRIVATE, values.HOST),
    targetAllowPrivate: allowsPrivate(values.TARGET_ALLOW_PRIVATE, values.HOST),
    eventRetryFirstMs: values.EVENT_RETRY_SECONDS * 1000,
    deliveredMaxAgeDays: values.DELIVERED_MAX_AGE_DAYS,
    maxUploadBytes: values.MAX_UPLOAD_BYTES,
    exposureMaxAgeDays: values.EXPOSURE_MAX_AGE_DAYS,
    historySpoolMaxBytes: values.HISTORY_SPOOL_MAX_BYTES,
    historyAges: {
      detections: values.HISTORY_DETECTIONS_DAYS,
      tracks: values.HISTORY_TRACKS_DAYS,
      events: values.HISTORY_EVENTS_DAYS,
      properties: values.HISTORY_PROPERTIES_DAYS,
    },
    tls: tlsOf(values),
    trustedProxies: values.TRUSTED_PROXIES,
    auditMaxAgeDays: values.AUDIT_MAX_AGE_DAYS,
    logLevel: values.LOG_LEVEL,
    clientDist: clientDistOf(values.CLIENT_DIST),
    maxPeers: values.MAX_PEERS,
    maxWhipSessions: values.MAX_WHIP_SESSIONS,
    whipPostsPerMinute: values.WHIP_POSTS_PER_MINUTE,
  };
}

/** Where nothing is said: a server for its own machine alone may reach all that this machine may. */
const allowsPrivate = (said: 'true' | 'false' | '1' | '0' | undefined, host: string): boolean =>
  said === undefined ? isLoopbackName(host) : said === 'true' || said === '1';

function turnOf(values: z.output<typeof environmentSchema>): TurnConfig | undefined {
  const { TURN_URLS: urls, TURN_SECRET: secret, TURN_USERNAME: username, TURN_CREDENTIAL: credential } = values;
  if (urls.length === 0) return undefined;
  if (secret === undefined && (username === undefined || credential === undefined)) {
    throw new ConfigurationError(
      "the server's configuration is not valid:\n  TURN_URLS: needs TURN_SECRET, or TURN_USERNAME and TURN_CREDENTIAL",
    );
  }
  return { urls, secret, username, credential };
}

function tlsOf(values: z.output<typeof environmentSchema>): TlsConfig | undefined {
  const { TLS_CERT: cert, TLS_KEY: key, TLS_SELF_SIGNED: own, DATA_DIR: dataDir } = values;
  const problem = (text: string) => new ConfigurationError(`the server's configuration is not valid:\n  ${text}`);
  if ((cert === undefined) !== (key === undefined)) throw problem('TLS_CERT and TLS_KEY: one needs the other');
  const isOwn = own === 'true' || own === '1';
  if (isOwn && cert !== undefined) throw problem('TLS_SELF_SIGNED: not with TLS_CERT, which is the certificate then');
  if (isOwn) return { selfSignedIn: resolve(dataDir) };
  return cert === undefined || key === undefined ? undefined : { certPath: resolve(cert), keyPath: resolve(key) };
}

function clientDistOf(path: string | undefined): string {
  if (path === undefined) return fileURLToPath(new URL('../../client/dist', import.meta.url));
  return isAbsolute(path) ? path : resolve(path);
}
