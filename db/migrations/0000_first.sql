CREATE TABLE "nodes" (
	"id" text PRIMARY KEY NOT NULL,
	"kind" text NOT NULL,
	"control_url" text NOT NULL,
	"capacity" integer NOT NULL,
	"load" real NOT NULL,
	"version" text NOT NULL,
	"last_seen_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "publications" (
	"id" text PRIMARY KEY NOT NULL,
	"stream_id" text NOT NULL,
	"sfu_node_id" text NOT NULL,
	"server_id" text NOT NULL,
	"started_at" timestamp with time zone DEFAULT now() NOT NULL,
	"ended_at" timestamp with time zone,
	"end_reason" text
);
--> statement-breakpoint
CREATE TABLE "streams" (
	"id" text PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"stream_key" text NOT NULL,
	"model_id" text,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
ALTER TABLE "publications" ADD CONSTRAINT "publications_stream_id_streams_id_fk" FOREIGN KEY ("stream_id") REFERENCES "public"."streams"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "publications_stream" ON "publications" USING btree ("stream_id","started_at");--> statement-breakpoint
CREATE INDEX "publications_open" ON "publications" USING btree ("ended_at");