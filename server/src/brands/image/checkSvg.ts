import { Refusal } from '../../protocol/index.ts';
import { readImageHeader } from './imageHeader.ts';

export const maxSvgBytes = 1024 * 1024;
const maxElements = 20_000;
const maxDepth = 100;

/** Local names in small letters, and what they are called in the refusal. */
const refusedElements = new Map([
  ...['script', 'handler', 'listener'].map((name) => [name, 'scripts'] as const),
  ...['foreignobject', 'iframe', 'object', 'embed', 'html', 'body', 'form'].map(
    (name) => [name, 'a part that is no SVG (foreignObject)'] as const,
  ),
  ...['audio', 'video', 'canvas', 'link', 'tref', 'include'].map((name) => [name, 'outside media'] as const),
  ...['set', 'animate', 'animatetransform', 'animatemotion', 'animatecolor', 'discard'].map(
    (name) => [name, 'animations'] as const,
  ),
]);

const named: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };
const nameStart = '[A-Za-z_\\u00c0-\\uffff]';
const xmlName = `${nameStart}[\\w.\\-\\u00b7-\\uffff]*(?::${nameStart}[\\w.\\-\\u00b7-\\uffff]*)?`;
const openTag = new RegExp(`<(${xmlName})((?:\\s+${xmlName}\\s*=\\s*(?:"[^"<]*"|'[^'<]*'))*)\\s*(/?)>`, 'y');
const closeTag = new RegExp(`</(${xmlName})\\s*>`, 'y');
const attribute = new RegExp(`(${xmlName})\\s*=\\s*(?:"([^"]*)"|'([^']*)')`, 'g');

/**
 * Lets an SVG through that is drawing only: no DTD, no scripts or event handlers, no foreign content, no animations, and
 * no reference that leads out of it but to a PNG or JPEG that it brings along. What can't be read as XML is refused too:
 * nobody shall read it in another way than we did.
 * @returns its text.
 * @throws Refusal `unsupported` with what was found.
 */
export function checkSvg(bytes: Uint8Array): string {
  if (bytes.length > maxSvgBytes) throw refusal(`has ${Math.ceil(bytes.length / 1024)} KiB: at most 1 MiB is taken`);
  const text = decode(bytes);
  new SvgScan(text).run();
  return text;
}

function refusal(what: string): Refusal {
  return new Refusal('unsupported', `the SVG ${what}`);
}

function decode(bytes: Uint8Array): string {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw refusal('is not in UTF-8: save it in that encoding');
  }
  if (/[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/.test(text)) throw refusal('has characters that no XML has');
  return text;
}

/** One walk over the text, element by element. */
class SvgScan {
  readonly #text: string;
  readonly #open: string[] = [];
  #at = 0;
  #elements = 0;
  #css = '';

  constructor(text: string) {
    this.#text = text;
  }

  run(): void {
    const text = this.#text;
    while (this.#at < text.length) {
      const next = text.indexOf('<', this.#at);
      this.#characters(text.slice(this.#at, next < 0 ? text.length : next));
      if (next < 0) break;
      this.#at = next;
      if (text.startsWith('<!--', next)) this.#skipTo('-->', 4);
      else if (text.startsWith('<![CDATA[', next)) this.#cdata();
      else if (text.startsWith('<!', next)) throw refusal('has a DOCTYPE or entities: save it as plain SVG without');
      else if (text.startsWith('<?', next)) this.#instruction();
      else if (text.startsWith('</', next)) this.#close();
      else this.#element();
    }
    if (this.#open.length > 0 || this.#elements === 0) throw notWellFormed();
  }

  #characters(text: string): void {
    if (this.#open.length === 0) {
      if (/\S/.test(text.replace('\ufeff', ''))) throw notWellFormed();
      return;
    }
    const value = unescapeXml(text);
    if (this.#inStyle) this.#css += value;
  }

  get #inStyle(): boolean {
    return this.#open.at(-1) === 'style';
  }

  #skipTo(end: string, from: number): number {
    const at = this.#text.indexOf(end, this.#at + from);
    if (at < 0) throw notWellFormed();
    this.#at = at + end.length;
    return at;
  }

  #cdata(): void {
    const start = this.#at + 9;
    if (this.#open.length === 0) throw notWellFormed();
    const end = this.#skipTo(']]>', 9);
    if (this.#inStyle) this.#css += this.#text.slice(start, end);
  }

  #instruction(): void {
    const start = this.#at;
    const end = this.#skipTo('?>', 2);
    const words = this.#text.slice(start + 2, end);
    if (/^xml-stylesheet/i.test(words)) throw refusal('refers to a style sheet outside of it');
    if (!/^xml\s/i.test(words)) return;
    const encoding = /encoding\s*=\s*["']([^"']*)["']/i.exec(words)?.[1] ?? 'utf-8';
    if (!/^(utf-?8|us-ascii)$/i.test(encoding)) throw refusal(`says that it is in ${encoding}: save it in UTF-8`);
  }

  #close(): void {
    closeTag.lastIndex = this.#at;
    const match = closeTag.exec(this.#text);
    const name = localName(match?.[1] ?? '');
    if (!match || this.#open.pop() !== name) throw notWellFormed();
    if (name === 'style') {
      checkCss(this.#css);
      this.#css = '';
    }
    this.#at = closeTag.lastIndex;
  }

  #element(): void {
    openTag.lastIndex = this.#at;
    const match = openTag.exec(this.#text);
    if (!match) throw notWellFormed();
    this.#at = openTag.lastIndex;
    const name = localName(match[1]!);
    if (this.#open.length === 0 && (this.#elements > 0 || name !== 'svg')) {
      throw refusal('is none: its first element is to be <svg>, and the only one');
    }
    if (++this.#elements > maxElements) throw refusal(`has more than ${maxElements} elements`);
    const found = refusedElements.get(name);
    if (found !== undefined) throw refusal(`has ${found} (<${match[1]}>): save it as plain SVG, or send a PNG`);
    for (const [, key, double, single] of match[2]!.matchAll(attribute)) {
      checkAttribute(key!, unescapeXml(double ?? single ?? ''));
    }
    if (match[3] === '/') return;
    if (this.#open.push(name) > maxDepth) throw refusal(`is nested more than ${maxDepth} deep`);
  }
}

function notWellFormed(): Refusal {
  return refusal('is not well-formed XML: save it anew from a drawing program');
}

function localName(name: string): string {
  return name.slice(name.indexOf(':') + 1).toLowerCase();
}

function unescapeXml(text: string): string {
  return text.replace(/&([^;\s&]{0,12};)?/g, (_, reference?: string) => {
    const [, decimal, hex, name] = /^(?:#(\d+)|#x([0-9a-f]+)|(\w+));$/i.exec(reference ?? '') ?? [];
    if (name !== undefined && Object.hasOwn(named, name)) return named[name]!;
    const code = decimal === undefined ? Number.parseInt(hex ?? '', 16) : Number(decimal);
    if (!(code <= 0x10ffff)) throw refusal('has entities of its own: save it as plain SVG without');
    return String.fromCodePoint(code);
  });
}

function checkAttribute(name: string, value: string): void {
  const local = localName(name);
  if (local.startsWith('on')) throw refusal(`has scripts (${name}="…"): save it as plain SVG, or send a PNG`);
  if (local === 'base') throw refusal('refers to what is outside of it (xml:base)');
  if (local === 'href' || local === 'src') checkReference(value.trim());
  else if (local !== 'xmlns' && !name.startsWith('xmlns:')) checkCss(value, local === 'style');
}

const embedded = /^data:image\/(?:png|jpe?g)(?:;[\w=.-]+)*;base64,([A-Za-z0-9+/=\s]+)$/i;

function checkReference(value: string): void {
  if (value === '' || /^#[^\s]*$/.test(value)) return;
  const match = embedded.exec(value);
  if (!match) {
    const start = value.slice(0, 40).replace(/\s+/g, ' ');
    throw refusal(
      `refers to what is outside of it (${start}): only its own parts, and PNG or JPEG inside it, are taken`,
    );
  }
  // A picture inside is a picture: the same limits before it is decoded.
  if (readImageHeader(Buffer.from(match[1]!, 'base64')).kind === 'svg') throw refusal('has another SVG inside it');
}

/** Of a style sheet, or of any attribute, since many of them take `url(…)`. */
function checkCss(css: string, isCss = true): void {
  if (isCss && css.includes('\\')) throw refusal('has escapes (\\) in its styles: save it as plain SVG without');
  const plain = css.replace(/\/\*[\s\S]*?\*\//g, ' ');
  if (/@import/i.test(plain)) throw refusal('loads a style sheet from outside of it (@import)');
  for (const text of [css, plain]) {
    for (const [, inner] of text.matchAll(/url\s*\(([^)]*)\)?/gi)) {
      const target = inner!
        .trim()
        .replace(/^(["'])(.*)\1$/s, '$2')
        .trim();
      checkReference(target);
    }
  }
}
