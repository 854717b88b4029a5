import { galleryFileSchema, maxBrands, parseOrRefuse, Refusal } from '../protocol/index.ts';
import { dropRest } from '../sources/SourceFiles.ts';

/** One brand with its images as base64; exported ones have less than a fifth of it. */
const defaultMaxBrandBytes = 64 * 1024 ** 2;
/** All that is not in a brand. */
const maxRestBytes = 256 * 1024;

const [quote, backslash, comma] = [0x22, 0x5c, 0x2c];
const [braceOpen, braceClose, bracketOpen, bracketClose] = [0x7b, 0x7d, 0x5b, 0x5d];
const isSpace = (byte: number): boolean => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;

/**
 * Takes an exported gallery apart while it comes in: its brands one at a time, as they are (nobody has checked them), so
 * that a file may be larger than memory. What stands around them has to come before them, as in an exported file.
 */
export class GalleryFileReader {
  readonly #maxBrandBytes: number;
  /** The file without its brands: `{"kind":…,"brands":[]}`. */
  readonly #rest: number[] = [];
  /** Of the brand that is coming; none = between two of them. */
  #pieces: Buffer[] | undefined;
  #pieceBytes = 0;
  #depth = 0;
  /** Depth in the array of brands; 0 = not there yet. */
  #inBrands = 0;
  #inString = false;
  #escaped = false;
  #count = 0;

  constructor({ maxBrandBytes = defaultMaxBrandBytes }: { maxBrandBytes?: number } = {}) {
    this.#maxBrandBytes = maxBrandBytes;
  }

  /**
   * The brands that end in this piece of the file, in their order.
   * @throws Refusal `badRequest` or `tooLarge`; what was yielded before stays good.
   */
  *push(piece: Uint8Array): Generator<unknown> {
    const bytes = Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
    let begin = 0;
    for (let at = 0; at < bytes.length; at++) {
      const byte = bytes[at]!;
      const wasInBrand = this.#pieces !== undefined;
      if (!wasInBrand && this.#beginsBrand(byte)) {
        begin = at;
        this.#beginBrand();
      }
      this.#step(byte);
      if (this.#pieces === undefined) this.#keepRest(byte);
      else if (this.#depth === this.#inBrands && !this.#inString && wasInBrand) {
        const isEnd = byte === braceClose || byte === bracketClose;
        if (!isEnd) throw notThisFile('a brand is an object');
        this.#add(bytes.subarray(begin, at + 1));
        yield this.#takeBrand();
      }
    }
    if (this.#pieces) this.#add(bytes.subarray(begin));
  }

  /** The file is over. Throws like `push` where it is not whole. */
  end(): void {
    if (this.#depth > 0 || this.#inString) throw notThisFile('it ends in the middle');
    this.#check(Buffer.from(this.#rest).toString());
  }

  #beginsBrand(byte: number): boolean {
    if (this.#inBrands === 0 || this.#depth !== this.#inBrands || this.#inString) return false;
    return byte !== bracketClose && byte !== comma && !isSpace(byte);
  }

  #beginBrand(): void {
    // Of another kind or version nothing is to be taken in.
    if (this.#count === 0) this.#check(`${Buffer.from(this.#rest).toString()}]}`);
    if (++this.#count > maxBrands) throw new Refusal('tooLarge', `the file has more than ${maxBrands} brands`);
    this.#pieces = [];
    this.#pieceBytes = 0;
  }

  #step(byte: number): void {
    if (this.#inString) {
      if (this.#escaped) this.#escaped = false;
      else if (byte === backslash) this.#escaped = true;
      else if (byte === quote) this.#inString = false;
    } else if (byte === quote) this.#inString = true;
    else if (byte === braceOpen || byte === bracketOpen) {
      this.#depth++;
      if (byte === bracketOpen && this.#depth === 2 && this.#inBrands === 0 && this.#isBrandsNext()) this.#inBrands = 2;
    } else if (byte === braceClose || byte === bracketClose) {
      if (--this.#depth < 0) throw notThisFile('it is no JSON');
      // Brands of a second array by that name would come too late for the first one's check.
      if (this.#depth < this.#inBrands) this.#inBrands = Infinity;
    }
  }

  #isBrandsNext(): boolean {
    return /"brands"\s*:\s*$/.test(Buffer.from(this.#rest.slice(-64)).toString());
  }

  #keepRest(byte: number): void {
    // Separators of brands: one is enough to tell nothing.
    if (this.#count > 0 && this.#depth === this.#inBrands && byte === comma) return;
    this.#rest.push(byte);
    if (this.#rest.length > maxRestBytes) throw notThisFile('there is too much beside its brands');
  }

  #add(bytes: Buffer): void {
    this.#pieceBytes += bytes.length;
    if (this.#pieceBytes > this.#maxBrandBytes) {
      const MiB = Math.floor(this.#maxBrandBytes / 1024 ** 2);
      throw new Refusal('tooLarge', `brand ${this.#count} of the file has more than ${MiB} MiB`);
    }
    // A copy: the piece that it is of may be used again by who reads.
    this.#pieces!.push(Buffer.from(bytes));
  }

  #takeBrand(): unknown {
    const text = Buffer.concat(this.#pieces!).toString();
    this.#pieces = undefined;
    return parse(text);
  }

  #check(text: string): void {
    parseOrRefuse(galleryFileSchema, parse(text), 'the file');
  }
}

/** Brands of a body, which may stand still for so long. */
export async function* readGalleryFile(
  body: ReadableStream<Uint8Array> | null,
  { idleMs = 30_000 }: { idleMs?: number } = {},
): AsyncGenerator<unknown> {
  const file = new GalleryFileReader();
  const reader = body?.getReader();
  try {
    for (let next; reader && !(next = await readWithin(reader, idleMs)).done;) yield* file.push(next.value);
    file.end();
  } catch (error) {
    // Browsers show no answer that comes before they have sent all.
    if (reader && error instanceof Refusal) await dropRest(reader);
    throw error;
  } finally {
    void reader?.cancel().catch(() => undefined);
  }
}

async function readWithin(reader: ReadableStreamDefaultReader<Uint8Array>, ms: number) {
  const silent = Promise.withResolvers<never>();
  const words = `nothing more of the file came for ${Math.round(ms / 1000)} s`;
  const timer = setTimeout(() => silent.reject(new Refusal('badRequest', words)), ms);
  const broken = () => new Refusal('badRequest', 'the body ended before its end');
  try {
    return await Promise.race([reader.read().catch(() => Promise.reject(broken())), silent.promise]);
  } finally {
    clearTimeout(timer);
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw notThisFile('it is no JSON');
  }
}

function notThisFile(why: string): Refusal {
  return new Refusal('badRequest', `the file is not one that this server exports: ${why}`);
}
