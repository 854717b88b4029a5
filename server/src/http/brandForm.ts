import type { Context } from 'hono';
import { z } from 'zod';
import type { GivenImage } from '../brands/BrandEdits.ts';
import {
  brandNameSchema,
  maxBrandImageBytes,
  maxImagesPerBrand,
  parseOrRefuse,
  pictureBoxSchema,
  Refusal,
} from '../protocol/index.ts';

/** All images of one request, and the fields around them. */
export const maxFormBytes = maxImagesPerBrand * maxBrandImageBytes + 64 * 1024;

/** For the document. */
export const brandFormSchema = z.object({
  name: brandNameSchema,
  images: z
    .array(z.string().meta({ format: 'binary' }))
    .min(1)
    .max(maxImagesPerBrand),
  box: z.string().optional().describe('a PictureBox as JSON: where the mark is, of a single image'),
});

/**
 * `multipart/form-data` with `images`, `box` and, where it is wanted, `name`.
 * @throws Refusal in words of the field that is wrong.
 */
export async function readImages(context: Context): Promise<{ form: FormData; images: GivenImage[] }> {
  let form: FormData;
  try {
    form = await context.req.raw.formData();
  } catch {
    throw new Refusal('badRequest', 'the body is no multipart/form-data with a boundary, or ended before its end');
  }
  const files = form.getAll('images');
  if (files.length > maxImagesPerBrand) {
    throw new Refusal('badRequest', `at most ${maxImagesPerBrand} images at once, and these are ${files.length}`);
  }
  const box = readBox(form.get('box'));
  if (box && files.length !== 1) throw new Refusal('badRequest', 'box: it is of one image, so send just that one');
  const images: GivenImage[] = [];
  for (const [i, file] of files.entries()) {
    if (typeof file === 'string') throw new Refusal('badRequest', `images: number ${i + 1} is no file`);
    if (file.size > maxBrandImageBytes) {
      throw new Refusal('tooLarge', `image ${i + 1}: it has more than ${maxBrandImageBytes / 1024 ** 2} MiB`);
    }
    images.push({ bytes: new Uint8Array(await file.arrayBuffer()), box });
  }
  return { form, images };
}

export function readName(form: FormData): string {
  return parseOrRefuse(brandNameSchema, form.get('name') ?? '', 'name');
}

function readBox(field: unknown) {
  if (field === null || field === '') return undefined;
  let value: unknown;
  try {
    value = JSON.parse(String(field));
  } catch {
    throw new Refusal('badRequest', 'box: it is to be JSON like {"x":0.1,"y":0.2,"w":0.3,"h":0.4}');
  }
  return parseOrRefuse(pictureBoxSchema, value, 'box');
}
