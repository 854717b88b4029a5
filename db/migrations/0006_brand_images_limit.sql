-- How many images a brand has, while no other connection may change that: the lock is waited for before they are counted,
-- and a volatile function sees what was committed meanwhile. An INSERT or DELETE by itself would count by its own snapshot.
CREATE FUNCTION "count_brand_images"(brand text) RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$
BEGIN
	PERFORM 1 FROM "brands" WHERE "id" = brand FOR NO KEY UPDATE;
	RETURN (SELECT count(*) FROM "brand_images" WHERE "brand_id" = brand);
END
$$;--> statement-breakpoint
CREATE FUNCTION "brand_images_limit"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF "count_brand_images"(NEW."brand_id") >= 5 THEN
		RAISE EXCEPTION 'brand_images_limit: a brand has at most 5 images';
	END IF;
	RETURN NEW;
END
$$;--> statement-breakpoint
CREATE TRIGGER "brand_images_limit" BEFORE INSERT ON "brand_images" FOR EACH ROW WHEN (NEW."media_type" = 'image/png') EXECUTE FUNCTION "brand_images_limit"();
