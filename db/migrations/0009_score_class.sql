-- Floors were float64 where scores are float32: who asked for 0.9 missed rows of just that. The column takes its indexes along.
ALTER TABLE "object_track_zones" drop column "score_class";--> statement-breakpoint
ALTER TABLE "object_track_zones" ADD COLUMN "score_class" smallint GENERATED ALWAYS AS (width_bucket("object_track_zones"."best_score", array[0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.93, 0.96, 0.98, 0.99]::float4[])) STORED NOT NULL;--> statement-breakpoint
ALTER TABLE "object_tracks" drop column "score_class";--> statement-breakpoint
ALTER TABLE "object_tracks" ADD COLUMN "score_class" smallint GENERATED ALWAYS AS (width_bucket("object_tracks"."best_score", array[0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.93, 0.96, 0.98, 0.99]::float4[])) STORED NOT NULL;--> statement-breakpoint
CREATE INDEX "object_track_zones_score" ON "object_track_zones" USING btree ("zone_id","score_class","started_at","run_id","track_id");--> statement-breakpoint
CREATE INDEX "object_tracks_label_score" ON "object_tracks" USING btree ("label","score_class","started_at","run_id","track_id");--> statement-breakpoint
CREATE INDEX "object_tracks_score" ON "object_tracks" USING btree ("score_class","started_at","run_id","track_id");--> statement-breakpoint
CREATE INDEX "object_tracks_stream_score" ON "object_tracks" USING btree ("stream_id","score_class","started_at","run_id","track_id");
