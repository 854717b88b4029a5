CREATE TABLE "gallery_state" (
	"id" integer PRIMARY KEY NOT NULL,
	"revision" bigint NOT NULL,
	"model" jsonb,
	"bundled_sha256" text
);
--> statement-breakpoint
CREATE UNIQUE INDEX "brands_own_name" ON "brands" USING btree (lower("name")) WHERE "brands"."origin" = 'own';--> statement-breakpoint
-- Begins at the present second, so that it also grows over a database that was thrown away.
INSERT INTO "gallery_state" ("id", "revision") VALUES (1, extract(epoch from now())::bigint);--> statement-breakpoint
CREATE FUNCTION "gallery_changed"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	UPDATE "gallery_state" SET "revision" = "revision" + 1;
	RETURN NULL;
END
$$;--> statement-breakpoint
CREATE TRIGGER "brands_changed" AFTER INSERT OR UPDATE OR DELETE ON "brands" FOR EACH STATEMENT EXECUTE FUNCTION "gallery_changed"();--> statement-breakpoint
CREATE TRIGGER "brand_images_changed" AFTER INSERT OR UPDATE OR DELETE ON "brand_images" FOR EACH STATEMENT EXECUTE FUNCTION "gallery_changed"();
