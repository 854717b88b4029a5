CREATE TABLE "appearances" (
	"id" text PRIMARY KEY NOT NULL,
	"stream_id" text NOT NULL,
	"publication_id" text NOT NULL,
	"brand_id" text NOT NULL,
	"name" text NOT NULL,
	"started_at" timestamp with time zone NOT NULL,
	"ended_at" timestamp with time zone NOT NULL,
	"seconds" double precision NOT NULL,
	"share_seconds" double precision NOT NULL,
	"score_seconds" double precision NOT NULL,
	"largest_share" real NOT NULL,
	"frames" integer NOT NULL,
	"heatmap" "bytea" NOT NULL,
	"ended" boolean NOT NULL,
	"first_jpeg" "bytea",
	"last_jpeg" "bytea"
);
--> statement-breakpoint
CREATE TABLE "brand_images" (
	"id" text PRIMARY KEY NOT NULL,
	"brand_id" text NOT NULL,
	"media_type" text NOT NULL,
	"bytes" "bytea" NOT NULL,
	"sha256" text NOT NULL,
	"width" integer NOT NULL,
	"height" integer NOT NULL,
	"box" jsonb NOT NULL,
	"position" integer NOT NULL,
	"embeddings" "bytea",
	"model_sha256" text,
	"problem" text
);
--> statement-breakpoint
CREATE TABLE "brands" (
	"id" text PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"origin" text NOT NULL,
	"enabled" boolean DEFAULT true NOT NULL,
	"threshold" real,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "exposure_coverage" (
	"run_id" text PRIMARY KEY NOT NULL,
	"stream_id" text NOT NULL,
	"publication_id" text NOT NULL,
	"started_at" timestamp with time zone NOT NULL,
	"ended_at" timestamp with time zone NOT NULL,
	"seconds" double precision NOT NULL,
	"frames" integer NOT NULL
);
--> statement-breakpoint
ALTER TABLE "brand_images" ADD CONSTRAINT "brand_images_brand_id_brands_id_fk" FOREIGN KEY ("brand_id") REFERENCES "public"."brands"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "appearances_stream" ON "appearances" USING btree ("stream_id","started_at");--> statement-breakpoint
CREATE INDEX "appearances_publication" ON "appearances" USING btree ("publication_id","started_at");--> statement-breakpoint
CREATE INDEX "brand_images_brand" ON "brand_images" USING btree ("brand_id","position");--> statement-breakpoint
CREATE INDEX "exposure_coverage_stream" ON "exposure_coverage" USING btree ("stream_id","started_at");--> statement-breakpoint
CREATE INDEX "exposure_coverage_publication" ON "exposure_coverage" USING btree ("publication_id");