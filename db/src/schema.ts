import { sql } from 'drizzle-orm';
import {
  bigint,
  boolean,
  doublePrecision,
  index,
  integer,
  jsonb,
  pgTable,
  real,
  text,
  uniqueIndex,
} from 'drizzle-orm/pg-core';
import { bytes, instant } from './columns.ts';

export * from './historySchema.ts';
export * from './rulesSchema.ts';

/** A publishable feed with a durable id and a key. */
export const streams = pgTable('streams', {
  id: text('id').primaryKey(),
  name: text('name').notNull(),
  streamKey: text('stream_key').notNull(),
  /** Null = the inference node's default Model. */
  modelId: text('model_id'),
  /** The SourceSpec that feeds it, as the API took it; the server checks it again when it reads it. */
  source: jsonb('source'),
  /** What was changed of the server's streamSettingsSchema; the rest has its defaults. Checked when it is read. */
  settings: jsonb('settings'),
  /** The server's ZoneSettings: what is drawn on its picture. Null = nothing. Checked when it is read. */
  zones: jsonb('zones'),
  createdAt: instant('created_at').notNull().defaultNow(),
});

/** One run of a Stream. `endedAt` null = running, or its server died without saying so. */
export const publications = pgTable(
  'publications',
  {
    id: text('id').primaryKey(),
    streamId: text('stream_id')
      .notNull()
      .references(() => streams.id, { onDelete: 'cascade' }),
    sfuNodeId: text('sfu_node_id').notNull(),
    /** Which server holds it, so that a restart closes its own dead ones and not those of another replica. */
    serverId: text('server_id').notNull(),
    startedAt: instant('started_at').notNull().defaultNow(),
    endedAt: instant('ended_at'),
    endReason: text('end_reason'),
  },
  (table) => [
    index('publications_stream').on(table.streamId, table.startedAt),
    index('publications_open').on(table.endedAt),
  ],
);

/** Nodes that announced themselves, and the servers themselves (kind `server`, for the liveness of their Publications). */
export const nodes = pgTable('nodes', {
  id: text('id').primaryKey(),
  kind: text('kind', { enum: ['sfu', 'inference', 'server'] }).notNull(),
  controlUrl: text('control_url').notNull(),
  capacity: integer('capacity').notNull(),
  load: real('load').notNull(),
  version: text('version').notNull(),
  /** sfu only: http base of its HLS origin. */
  hlsUrl: text('hls_url'),
  lastSeenAt: instant('last_seen_at').notNull().defaultNow(),
});

/**
 * Recordings as their nodes told of them. The files are on the node, under the Stream's id, so a Recording outlives its
 * Stream: no foreign key, and a copy of what is needed of the Stream, made when that is deleted.
 */
export const recordings = pgTable(
  'recordings',
  {
    /** The Publication's. */
    id: text('id').primaryKey(),
    streamId: text('stream_id').notNull(),
    /** Of a Stream that was deleted: its last name, and its settings, by which its Recordings are still kept. */
    streamName: text('stream_name'),
    streamSettings: jsonb('stream_settings'),
    nodeId: text('node_id').notNull(),
    /** Wall clock of its first and after its last frame, by the node's clock. */
    startedAt: instant('started_at').notNull(),
    endedAt: instant('ended_at').notNull(),
    durationS: doublePrecision('duration_s').notNull(),
    bytes: bigint('bytes', { mode: 'number' }).notNull(),
    width: integer('width').notNull(),
    height: integer('height').notNull(),
    hasAudio: boolean('has_audio').notNull(),
    segments: integer('segments').notNull(),
    state: text('state', { enum: ['recording', 'complete', 'recovered'] }).notNull(),
    /** Somebody deleted it while its node was away: hidden, and gone when the node is back. */
    deletedAt: instant('deleted_at'),
  },
  (table) => [
    index('recordings_newest').on(table.startedAt, table.id),
    index('recordings_stream').on(table.streamId, table.startedAt),
    index('recordings_node').on(table.nodeId),
  ],
);

/** A brand of the gallery. Bundled ones have their slug as id and are put in again with each new model. */
export const brands = pgTable(
  'brands',
  {
    id: text('id').primaryKey(),
    name: text('name').notNull(),
    origin: text('origin', { enum: ['bundled', 'own'] }).notNull(),
    enabled: boolean('enabled').notNull().default(true),
    /** Null = the model's own. */
    threshold: real('threshold'),
    createdAt: instant('created_at').notNull().defaultNow(),
  },
  (table) => [
    // Of own ones only: what comes with a later model may bear a name that somebody has given already.
    uniqueIndex('brands_own_name')
      .on(sql`lower(${table.name})`)
      .where(sql`${table.origin} = 'own'`),
  ],
);

/** One row: what the gallery is as a whole. */
export const galleryState = pgTable('gallery_state', {
  id: integer('id').primaryKey(),
  /** Grows with each statement that changes `brands` or `brand_images`, by triggers of the database's own. */
  revision: bigint('revision', { mode: 'number' }).notNull(),
  /** The server's BrandModel that was seen last. */
  model: jsonb('model'),
  /** Of the model whose bundled brands are all in. */
  bundledSha256: text('bundled_sha256'),
});

/** A reference image of a brand, as it is kept: a checked PNG (own), or the drawing as SVG (bundled). */
export const brandImages = pgTable(
  'brand_images',
  {
    id: text('id').primaryKey(),
    brandId: text('brand_id')
      .notNull()
      .references(() => brands.id, { onDelete: 'cascade' }),
    mediaType: text('media_type', { enum: ['image/png', 'image/svg+xml'] }).notNull(),
    bytes: bytes('bytes').notNull(),
    /** sha256 of the bytes, to tell an image that is there already. */
    sha256: text('sha256').notNull(),
    width: integer('width').notNull(),
    height: integer('height').notNull(),
    /** The server's StoredBox: where the mark is, and whether somebody drew it. */
    box: jsonb('box').notNull(),
    position: integer('position').notNull(),
    /** Float32 little endian vectors by the model `modelSha256`; null = not embedded yet, or `problem` says why not. */
    embeddings: bytes('embeddings'),
    modelSha256: text('model_sha256'),
    problem: text('problem'),
  },
  (table) => [index('brand_images_brand').on(table.brandId, table.position)],
);

/**
 * Appearances of brands. Like Recordings they outlive their Stream and their brand (a report of last month must not
 * change): no foreign keys, and the name as it was.
 */
export const appearances = pgTable(
  'appearances',
  {
    id: text('id').primaryKey(),
    streamId: text('stream_id').notNull(),
    publicationId: text('publication_id').notNull(),
    brandId: text('brand_id').notNull(),
    name: text('name').notNull(),
    /** Wall clock by the inference node. */
    startedAt: instant('started_at').notNull(),
    endedAt: instant('ended_at').notNull(),
    seconds: doublePrecision('seconds').notNull(),
    shareSeconds: doublePrecision('share_seconds').notNull(),
    scoreSeconds: doublePrecision('score_seconds').notNull(),
    largestShare: real('largest_share').notNull(),
    frames: integer('frames').notNull(),
    /**
     * The cells of the server's heatmap that are not 0, 5 bytes each: number of the cell, seconds as float32 little endian.
     * A mark stays in few; short rows sum up in the database by being put one behind the other.
     */
    heatmap: bytes('heatmap').notNull(),
    ended: boolean('ended').notNull(),
    firstJpeg: bytes('first_jpeg'),
    lastJpeg: bytes('last_jpeg'),
  },
  (table) => [
    index('appearances_stream').on(table.streamId, table.startedAt),
    index('appearances_publication').on(table.publicationId, table.startedAt),
    // For retention, and for those that nothing is told of any more.
    index('appearances_ended').on(table.endedAt),
    index('appearances_open')
      .on(table.endedAt)
      .where(sql`not ${table.ended}`),
  ],
);

/** When a Publication was looked at: one row per run of an analysis. */
export const exposureCoverage = pgTable(
  'exposure_coverage',
  {
    runId: text('run_id').primaryKey(),
    streamId: text('stream_id').notNull(),
    publicationId: text('publication_id').notNull(),
    startedAt: instant('started_at').notNull(),
    endedAt: instant('ended_at').notNull(),
    seconds: doublePrecision('seconds').notNull(),
    frames: integer('frames').notNull(),
  },
  (table) => [
    index('exposure_coverage_stream').on(table.streamId, table.startedAt),
    index('exposure_coverage_publication').on(table.publicationId),
  ],
);

/** A person who signs in with a password. */
export const users = pgTable(
  'users',
  {
    id: text('id').primaryKey(),
    name: text('name').notNull(),
    role: text('role', { enum: ['viewer', 'publisher', 'admin'] }).notNull(),
    /** A PHC string of argon2id, salt and parameters in it. */
    passwordHash: text('password_hash').notNull(),
    disabled: boolean('disabled').notNull().default(false),
    createdAt: instant('created_at').notNull().defaultNow(),
    passwordChangedAt: instant('password_changed_at').notNull().defaultNow(),
  },
  (table) => [uniqueIndex('users_name').on(sql`lower(${table.name})`)],
);

/** A browser that is signed in. Of its cookie only the sha256 is kept, as hex. */
export const loginSessions = pgTable(
  'login_sessions',
  {
    id: text('id').primaryKey(),
    userId: text('user_id')
      .notNull()
      .references(() => users.id, { onDelete: 'cascade' }),
    secretSha256: text('secret_sha256').notNull(),
    createdAt: instant('created_at').notNull().defaultNow(),
    lastUsedAt: instant('last_used_at').notNull().defaultNow(),
    expiresAt: instant('expires_at').notNull(),
    address: text('address').notNull(),
    agent: text('agent').notNull(),
  },
  (table) => [index('login_sessions_user').on(table.userId)],
);

/** A bearer for programs, shown once; only its sha256 is kept, as hex. Revoked = deleted. */
export const apiTokens = pgTable('api_tokens', {
  id: text('id').primaryKey(),
  name: text('name').notNull(),
  secretSha256: text('secret_sha256').notNull(),
  /** The server's Grant[]; checked when it is read. */
  grants: jsonb('grants').notNull(),
  createdBy: text('created_by').notNull(),
  createdAt: instant('created_at').notNull().defaultNow(),
  /** Null = until it is revoked. */
  expiresAt: instant('expires_at'),
  lastUsedAt: instant('last_used_at'),
});

/** A link with which anybody watches one Stream. The link is signed by the server and not kept. Revoked = deleted. */
export const shareLinks = pgTable(
  'share_links',
  {
    id: text('id').primaryKey(),
    streamId: text('stream_id')
      .notNull()
      .references(() => streams.id, { onDelete: 'cascade' }),
    name: text('name').notNull(),
    createdBy: text('created_by').notNull(),
    createdAt: instant('created_at').notNull().defaultNow(),
    expiresAt: instant('expires_at').notNull(),
  },
  (table) => [index('share_links_stream').on(table.streamId)],
);

/** One row: grows with each change of who may do what, by triggers of the database's own. */
export const accessState = pgTable('access_state', {
  id: integer('id').primaryKey(),
  revision: bigint('revision', { mode: 'number' }).notNull(),
});

/** Who changed what, from where and when. Names as they were then: no foreign keys. */
export const auditLog = pgTable(
  'audit_log',
  {
    id: bigint('id', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    at: instant('at').notNull().defaultNow(),
    /** open, adminToken, user, token, share, streamKey or nobody. */
    actorKind: text('actor_kind').notNull(),
    actorId: text('actor_id'),
    actorName: text('actor_name').notNull(),
    action: text('action').notNull(),
    target: text('target'),
    status: integer('status').notNull(),
    address: text('address').notNull(),
  },
  (table) => [index('audit_log_at').on(table.at)],
);

export type BrandRow = typeof brands.$inferSelect;
export type GalleryStateRow = typeof galleryState.$inferSelect;
export type BrandImageRow = typeof brandImages.$inferSelect;
export type AppearanceRow = typeof appearances.$inferSelect;
export type ExposureCoverageRow = typeof exposureCoverage.$inferSelect;
export type RecordingRow = typeof recordings.$inferSelect;
export type StreamRow = typeof streams.$inferSelect;
export type PublicationRow = typeof publications.$inferSelect;
export type NodeRow = typeof nodes.$inferSelect;
export type UserRow = typeof users.$inferSelect;
export type LoginSessionRow = typeof loginSessions.$inferSelect;
export type ApiTokenRow = typeof apiTokens.$inferSelect;
export type ShareLinkRow = typeof shareLinks.$inferSelect;
export type AuditRow = typeof auditLog.$inferSelect;
