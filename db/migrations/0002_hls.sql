CREATE TABLE "recordings" (
	"id" text PRIMARY KEY NOT NULL,
	"stream_id" text NOT NULL,
	"stream_name" text,
	"stream_settings" jsonb,
	"node_id" text NOT NULL,
	"started_at" timestamp with time zone NOT NULL,
	"ended_at" timestamp with time zone NOT NULL,
	"duration_s" double precision NOT NULL,
	"bytes" bigint NOT NULL,
	"width" integer NOT NULL,
	"height" integer NOT NULL,
	"has_audio" boolean NOT NULL,
	"segments" integer NOT NULL,
	"state" text NOT NULL,
	"deleted_at" timestamp with time zone
);
--> statement-breakpoint
ALTER TABLE "nodes" ADD COLUMN "hls_url" text;--> statement-breakpoint
ALTER TABLE "streams" ADD COLUMN "settings" jsonb;--> statement-breakpoint
CREATE INDEX "recordings_newest" ON "recordings" USING btree ("started_at","id");--> statement-breakpoint
CREATE INDEX "recordings_stream" ON "recordings" USING btree ("stream_id","started_at");--> statement-breakpoint
CREATE INDEX "recordings_node" ON "recordings" USING btree ("node_id");