CREATE TABLE "detection_batches" (
	"run_id" text NOT NULL,
	"sequence" integer NOT NULL,
	"stream_id" text NOT NULL,
	"publication_id" text NOT NULL,
	"started_at" timestamp with time zone NOT NULL,
	"ended_at" timestamp with time zone NOT NULL,
	"first_rtp" bigint NOT NULL,
	"last_rtp" bigint NOT NULL,
	"frames" integer NOT NULL,
	"objects" integer NOT NULL,
	"revision" integer NOT NULL,
	"raw_bytes" integer NOT NULL,
	"messages" "bytea" NOT NULL,
	CONSTRAINT "detection_batches_run_id_sequence_pk" PRIMARY KEY("run_id","sequence")
);
--> statement-breakpoint
CREATE TABLE "detection_models" (
	"publication_id" text NOT NULL,
	"revision" integer NOT NULL,
	"model_id" text NOT NULL,
	"labels" jsonb NOT NULL,
	"seen_at" timestamp with time zone NOT NULL,
	CONSTRAINT "detection_models_publication_id_revision_pk" PRIMARY KEY("publication_id","revision")
);
--> statement-breakpoint
CREATE TABLE "events" (
	"id" text PRIMARY KEY NOT NULL,
	"kind" text NOT NULL,
	"at" timestamp with time zone NOT NULL,
	"stream_id" text NOT NULL,
	"stream_name" text NOT NULL,
	"publication_id" text,
	"rtp_timestamp" bigint,
	"zone_id" text,
	"zone_name" text,
	"track_id" integer,
	"run_id" text,
	"label" text,
	"data" jsonb NOT NULL
);
--> statement-breakpoint
CREATE TABLE "object_track_thumbnails" (
	"run_id" text NOT NULL,
	"track_id" integer NOT NULL,
	"jpeg" "bytea" NOT NULL,
	"ended_at" timestamp with time zone NOT NULL,
	CONSTRAINT "object_track_thumbnails_run_id_track_id_pk" PRIMARY KEY("run_id","track_id")
);
--> statement-breakpoint
CREATE TABLE "object_track_zones" (
	"zone_id" text NOT NULL,
	"run_id" text NOT NULL,
	"track_id" integer NOT NULL,
	"started_at" timestamp with time zone NOT NULL,
	"label" text NOT NULL,
	"best_score" real NOT NULL,
	"score_class" smallint GENERATED ALWAYS AS (width_bucket("object_track_zones"."best_score"::float8, array[0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.93, 0.96, 0.98, 0.99]::float8[])) STORED NOT NULL,
	CONSTRAINT "object_track_zones_zone_id_run_id_track_id_pk" PRIMARY KEY("zone_id","run_id","track_id")
);
--> statement-breakpoint
CREATE TABLE "object_tracks" (
	"run_id" text NOT NULL,
	"track_id" integer NOT NULL,
	"stream_id" text NOT NULL,
	"publication_id" text NOT NULL,
	"label" text NOT NULL,
	"started_at" timestamp with time zone NOT NULL,
	"ended_at" timestamp with time zone NOT NULL,
	"first_rtp" bigint NOT NULL,
	"last_rtp" bigint NOT NULL,
	"frames" integer NOT NULL,
	"best_score" real NOT NULL,
	"best_rtp" bigint NOT NULL,
	"best_box" real[] NOT NULL,
	"zone_ids" text[] NOT NULL,
	"ended" boolean NOT NULL,
	"has_thumbnail" boolean NOT NULL,
	"score_class" smallint GENERATED ALWAYS AS (width_bucket("object_tracks"."best_score"::float8, array[0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.93, 0.96, 0.98, 0.99]::float8[])) STORED NOT NULL,
	"span_class" smallint GENERATED ALWAYS AS (width_bucket(extract(epoch from "object_tracks"."ended_at" - "object_tracks"."started_at")::float8, array[64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 65536, 131072, 262144, 524288, 1048576]::float8[])) STORED NOT NULL,
	CONSTRAINT "object_tracks_run_id_track_id_pk" PRIMARY KEY("run_id","track_id")
);
--> statement-breakpoint
CREATE TABLE "position_heatmaps" (
	"run_id" text PRIMARY KEY NOT NULL,
	"stream_id" text NOT NULL,
	"publication_id" text NOT NULL,
	"started_at" timestamp with time zone NOT NULL,
	"ended_at" timestamp with time zone NOT NULL,
	"seconds" "bytea" NOT NULL
);
--> statement-breakpoint
CREATE TABLE "visual_properties" (
	"publication_id" text NOT NULL,
	"at" timestamp with time zone NOT NULL,
	"stream_id" text NOT NULL,
	"rtp_timestamp" bigint NOT NULL,
	"last_rtp_timestamp" bigint NOT NULL,
	"frames" integer NOT NULL,
	"brightness" real NOT NULL,
	"contrast" real NOT NULL,
	"saturation" real NOT NULL,
	"motion" real,
	"sharpness" real,
	"cuts" integer NOT NULL,
	"colours" jsonb NOT NULL,
	CONSTRAINT "visual_properties_publication_id_at_pk" PRIMARY KEY("publication_id","at")
);
--> statement-breakpoint
CREATE TABLE "event_deliveries" (
	"id" text PRIMARY KEY NOT NULL,
	"position" bigserial NOT NULL,
	"target_id" text NOT NULL,
	"rule_id" text,
	"event_id" text NOT NULL,
	"body" "bytea" NOT NULL,
	"state" text NOT NULL,
	"attempts" integer DEFAULT 0 NOT NULL,
	"next_attempt_at" timestamp with time zone DEFAULT now() NOT NULL,
	"last_error" text,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"ended_at" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "event_rules" (
	"id" text PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"enabled" boolean DEFAULT true NOT NULL,
	"stream_id" text,
	"condition" jsonb NOT NULL,
	"target_ids" text[] NOT NULL,
	"cooldown_seconds" integer DEFAULT 0 NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"fired_at" timestamp with time zone,
	"fired" integer DEFAULT 0 NOT NULL,
	"suppressed" integer DEFAULT 0 NOT NULL,
	"fired_by_stream" jsonb DEFAULT '{}'::jsonb NOT NULL
);
--> statement-breakpoint
CREATE TABLE "event_targets" (
	"id" text PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"kind" text NOT NULL,
	"enabled" boolean DEFAULT true NOT NULL,
	"settings" jsonb NOT NULL,
	"secret" text,
	"problem" text,
	"leased_by" text,
	"leased_until" timestamp with time zone,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
ALTER TABLE "streams" ADD COLUMN "zones" jsonb;--> statement-breakpoint
ALTER TABLE "event_deliveries" ADD CONSTRAINT "event_deliveries_target_id_event_targets_id_fk" FOREIGN KEY ("target_id") REFERENCES "public"."event_targets"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "detection_batches_stream" ON "detection_batches" USING btree ("stream_id","started_at");--> statement-breakpoint
CREATE INDEX "detection_batches_publication" ON "detection_batches" USING btree ("publication_id","started_at");--> statement-breakpoint
CREATE INDEX "detection_batches_ended" ON "detection_batches" USING btree ("ended_at");--> statement-breakpoint
CREATE INDEX "events_newest" ON "events" USING btree ("at","id");--> statement-breakpoint
CREATE INDEX "events_kind" ON "events" USING btree ("kind","at","id");--> statement-breakpoint
CREATE INDEX "events_label" ON "events" USING btree ("label","at","id");--> statement-breakpoint
CREATE INDEX "events_stream" ON "events" USING btree ("stream_id","at","id");--> statement-breakpoint
CREATE INDEX "events_stream_kind" ON "events" USING btree ("stream_id","kind","at","id");--> statement-breakpoint
CREATE INDEX "events_stream_label" ON "events" USING btree ("stream_id","label","at","id");--> statement-breakpoint
CREATE INDEX "events_zone" ON "events" USING btree ("zone_id","at","id");--> statement-breakpoint
CREATE INDEX "events_zone_kind" ON "events" USING btree ("zone_id","kind","at","id");--> statement-breakpoint
CREATE INDEX "object_track_thumbnails_ended" ON "object_track_thumbnails" USING btree ("ended_at");--> statement-breakpoint
CREATE INDEX "object_track_zones_newest" ON "object_track_zones" USING btree ("zone_id","started_at","run_id","track_id");--> statement-breakpoint
CREATE INDEX "object_track_zones_label" ON "object_track_zones" USING btree ("zone_id","label","started_at","run_id","track_id");--> statement-breakpoint
CREATE INDEX "object_track_zones_score" ON "object_track_zones" USING btree ("zone_id","score_class","started_at","run_id","track_id");--> statement-breakpoint
CREATE INDEX "object_track_zones_track" ON "object_track_zones" USING btree ("run_id","track_id");--> statement-breakpoint
CREATE INDEX "object_tracks_newest" ON "object_tracks" USING btree ("started_at","run_id","track_id");--> statement-breakpoint
CREATE INDEX "object_tracks_label" ON "object_tracks" USING btree ("label","started_at","run_id","track_id");--> statement-breakpoint
CREATE INDEX "object_tracks_label_score" ON "object_tracks" USING btree ("label","score_class","started_at","run_id","track_id");--> statement-breakpoint
CREATE INDEX "object_tracks_score" ON "object_tracks" USING btree ("score_class","started_at","run_id","track_id");--> statement-breakpoint
CREATE INDEX "object_tracks_stream" ON "object_tracks" USING btree ("stream_id","started_at","run_id","track_id");--> statement-breakpoint
CREATE INDEX "object_tracks_stream_label" ON "object_tracks" USING btree ("stream_id","label","started_at","run_id","track_id");--> statement-breakpoint
CREATE INDEX "object_tracks_stream_score" ON "object_tracks" USING btree ("stream_id","score_class","started_at","run_id","track_id");--> statement-breakpoint
CREATE INDEX "object_tracks_publication" ON "object_tracks" USING btree ("publication_id","started_at");--> statement-breakpoint
CREATE INDEX "object_tracks_long" ON "object_tracks" USING btree ("span_class","started_at") WHERE "object_tracks"."span_class" > 0;--> statement-breakpoint
CREATE INDEX "position_heatmaps_stream" ON "position_heatmaps" USING btree ("stream_id","ended_at");--> statement-breakpoint
CREATE INDEX "visual_properties_stream" ON "visual_properties" USING btree ("stream_id","at");--> statement-breakpoint
CREATE INDEX "visual_properties_cuts" ON "visual_properties" USING btree ("stream_id","at") WHERE "visual_properties"."cuts" > 0;--> statement-breakpoint
CREATE INDEX "visual_properties_at" ON "visual_properties" USING btree ("at");--> statement-breakpoint
CREATE INDEX "event_deliveries_waiting" ON "event_deliveries" USING btree ("target_id","position") WHERE "event_deliveries"."state" = 'waiting';--> statement-breakpoint
CREATE INDEX "event_deliveries_newest" ON "event_deliveries" USING btree ("position");--> statement-breakpoint
CREATE INDEX "event_deliveries_state" ON "event_deliveries" USING btree ("state","position");--> statement-breakpoint
CREATE INDEX "event_deliveries_target" ON "event_deliveries" USING btree ("target_id","state","position");--> statement-breakpoint
CREATE INDEX "event_deliveries_ended" ON "event_deliveries" USING btree ("ended_at");--> statement-breakpoint
ALTER TABLE "detection_batches" ALTER COLUMN "messages" SET STORAGE EXTERNAL;--> statement-breakpoint
ALTER TABLE "object_track_thumbnails" ALTER COLUMN "jpeg" SET STORAGE EXTERNAL;--> statement-breakpoint
ALTER TABLE "object_tracks" SET (fillfactor = 70);
