import { brandNameSchema, maxBrandImageBytes, maxImagesPerBrand } from '@framelock/server/protocol';

/** What `<input accept>` is given. */
export const brandImageTypes = 'image/png,image/jpeg,image/svg+xml,.png,.jpg,.jpeg,.svg';

export type BrandImageKind = 'png' | 'jpeg' | 'svg';

const pngBegin = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const jpegBegin = [0xff, 0xd8, 0xff];
/** Before `<svg` there may be a declaration, a doctype, comments. */
const svgLookedAtBytes = 4_096;
const svgBegin = /^(?:\s|<\?xml[^>]*\?>|<!--[\s\S]*?-->|<!DOCTYPE[^>[]*(?:\[[\s\S]*?\])?[^>]*>)*<(?:\w+:)?svg[\s>]/i;

/** By its bytes, whatever its name says; undefined = none of those that are taken. */
export function imageKindOf(begin: Uint8Array): BrandImageKind | undefined {
  if (pngBegin.every((byte, i) => begin[i] === byte)) return 'png';
  if (jpegBegin.every((byte, i) => begin[i] === byte)) return 'jpeg';
  const text = new TextDecoder().decode(begin.subarray(0, svgLookedAtBytes)).replace(/^\uFEFF/, '');
  return svgBegin.test(text) ? 'svg' : undefined;
}

const others: readonly (readonly [name: string, begin: RegExp])[] = [
  ['a GIF', /^GIF8/],
  ['a WebP', /^RIFF[^]{4}WEBP/],
  ['an AVIF or HEIC', /^[^]{4}ftyp/],
  ['a BMP', /^BM/],
  ['a TIFF', /^(?:II\*\0|MM\0\*)/],
  ['a PDF', /^%PDF-/],
];

/** Why the server would refuse this file, in its words, before it is sent; undefined = it may well take it. */
export async function refusalOfImage(file: Blob): Promise<string | undefined> {
  if (file.size === 0) return 'the file is empty';
  if (file.size > maxBrandImageBytes) {
    return `it has more than ${maxBrandImageBytes / 1024 ** 2} MiB`;
  }
  const begin = new Uint8Array(await file.slice(0, svgLookedAtBytes).arrayBuffer());
  if (imageKindOf(begin)) return undefined;
  const latin = String.fromCharCode(...begin.subarray(0, 16));
  const found = others.find(([, pattern]) => pattern.test(latin));
  return `this is ${found?.[0] ?? 'no image that is known here'}: send a PNG, JPEG or SVG`;
}

export interface TakenImages<T> {
  taken: T[];
  refused: { name: string; reason: string }[];
}

/** Of the files dropped, pasted or chosen, those that go to the server: at most as many as still have room. */
export async function takeImages<T extends File>(
  files: readonly T[],
  already: number,
  refuse = refusalOfImage,
): Promise<TakenImages<T>> {
  const result: TakenImages<T> = { taken: [], refused: [] };
  for (const file of files) {
    const full = already + result.taken.length >= maxImagesPerBrand;
    const reason = full
      ? `a brand has at most ${maxImagesPerBrand} images, and these would be ${already + files.length}`
      : await refuse(file);
    if (reason) result.refused.push({ name: file.name, reason });
    else result.taken.push(file);
  }
  return result;
}

/** Words of file names that say nothing of whose mark it is. */
const noise =
  /^(?:logo|icon|mark|brand|image|img|picture|photo|screenshot|untitled|unnamed|download|copy|final|rgb|cmyk|transparent|\d+(?:x\d+)?(?:px)?|v\d+)$/i;

/** `acme-logo_512x512.png` is Acme's; empty where the name says nothing. */
export function brandNameOfFile(fileName: string): string {
  const words = fileName
    .normalize('NFC')
    .replace(/\.[a-z0-9]{2,4}$/i, '')
    .replace(/\(\d+\)/g, ' ')
    .split(/[\s_\-.]+/)
    .filter((word) => word && !noise.test(word));
  const name = words.join(' ').slice(0, 100).trim();
  const shown = name === name.toLowerCase() ? name.replace(/(?<=^|\s)\p{Ll}/gu, (first) => first.toUpperCase()) : name;
  return brandNameSchema.safeParse(shown).success ? shown : '';
}

/** What is wrong with a name; undefined = nothing. */
export function problemOfName(name: string): string | undefined {
  const parsed = brandNameSchema.safeParse(name);
  return parsed.success ? undefined : parsed.error.issues[0]?.message;
}

/** Files of a drop or of the clipboard; text and links in it are none. */
export function filesOf(transfer: DataTransfer | null): File[] {
  return [...(transfer?.files ?? [])];
}
