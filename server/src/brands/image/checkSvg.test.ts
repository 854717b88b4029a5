import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jpeg, png, pngOf, svg } from '../../../test/pictures.ts';
import { Refusal } from '../../protocol/index.ts';
import { checkSvg, maxSvgBytes } from './checkSvg.ts';

const embeddedPng = `data:image/png;base64,${png(8, 8, () => [1, 2, 3]).toString('base64')}`;
const bomb = `data:image/png;base64,${pngOf(60_000, 60_000, Buffer.alloc(0)).toString('base64')}`;
const rect = '<rect width="9" height="9"/>';

function refused(bytes: Uint8Array | string): string {
  try {
    checkSvg(Buffer.from(bytes as string));
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    expect(error.code).toBe('unsupported');
    return error.message;
  }
  return 'taken';
}

describe('checkSvg', () => {
  it.each([
    ['a path', svg('<path d="M0 0h24v24z" fill="#f00"/>')],
    [
      'a declaration and comments',
      `<?xml version="1.0" encoding="UTF-8"?><!-- <script> --><svg>${rect}</svg> <!-- -->`,
    ],
    [
      'what drawing programs leave',
      svg(`<sodipodi:namedview id="x"/><metadata><rdf:RDF>a &amp; b</rdf:RDF></metadata>`),
    ],
    ['gradients by url(#)', svg(`<g style="fill:url(#a);stroke:url( '#b' )" clip-path="url(#c)">${rect}</g>`)],
    ['own styles', svg('<style><![CDATA[.a{fill:url("#g")}]]></style>')],
    ['its own parts', svg('<defs><g id="a"/></defs><use xlink:href="#a"/>')],
    ['a PNG inside', svg(`<image href="${embeddedPng}"/>`)],
    ['a JPEG inside', svg(`<image href='data:image/jpeg;base64,${jpeg.toString('base64')}'/>`)],
    ['a byte order mark', `\ufeff<svg/>`],
    ['single quotes and spaces', '<svg  a = \'1\'\n b="2" ><g></g ></svg>'],
  ])('takes %s', (_, bytes) => {
    expect(refused(bytes)).toBe('taken');
  });

  it.each<[string, Uint8Array | string, string]>([
    ['a script', svg('<script>alert(1)</script>'), 'scripts'],
    ['a script under a prefix', svg('<s:script xmlns:s="http://www.w3.org/2000/svg"/>'), 'scripts'],
    ['a script in capitals', svg('<SCRIPT/>'), 'scripts'],
    ['an event handler', svg('<rect onload="alert(1)"/>'), 'scripts'],
    ['an event handler on the root', '<svg OnLoad="x"/>', 'scripts'],
    ['an event handler under a prefix', svg('<rect ev:onclick="x"/>'), 'scripts'],
    ['foreignObject', svg('<foreignObject><body/></foreignObject>'), 'foreignObject'],
    ['HTML', svg('<html:iframe src="x"/>'), 'foreignObject'],
    ['a DOCTYPE', `<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "x.dtd">${svg('').toString()}`, 'DOCTYPE'],
    ['entities', `<!DOCTYPE svg [<!ENTITY a SYSTEM "file:///etc/passwd">]><svg>&a;</svg>`, 'DOCTYPE'],
    ['an entity in the middle', svg('<!ENTITY x "y">'), 'DOCTYPE'],
    ['an unknown entity', svg('<text>&xxe;</text>'), 'entities'],
    ['a bare ampersand', svg('<text>a & b</text>'), 'entities'],
    ['a character that is none', svg('<text>&#x110000;</text>'), 'entities'],
    ['a style sheet', `<?xml-stylesheet href="http://x/a.css"?><svg/>`, 'style sheet'],
    ['a file', svg('<image href="file:///etc/passwd"/>'), 'outside'],
    ['an address', svg('<image xlink:href="http://169.254.169.254/latest"/>'), 'outside'],
    ['an address without scheme', svg('<image href="//x/a.png"/>'), 'outside'],
    ['a relative address', svg('<use href="other.svg#a"/>'), 'outside'],
    ['a link', svg('<a href="javascript:alert(1)"/>'), 'outside'],
    ['javascript in references', svg('<a href="&#106;avascript:alert(1)"/>'), 'outside'],
    ['a data URL of HTML', svg('<image href="data:text/html;base64,PGI+"/>'), 'outside'],
    ['an SVG inside', svg('<image href="data:image/svg+xml;base64,PHN2Zy8+"/>'), 'outside'],
    [
      'an SVG that says it is a PNG',
      svg(`<image href="data:image/png;base64,${svg('').toString('base64')}"/>`),
      'SVG inside',
    ],
    ['a picture bomb inside', svg(`<image href="${bomb}"/>`), 'at most'],
    ['a base', svg('<g xml:base="http://x/"/>'), 'outside'],
    ['url() outside', svg('<rect fill="url(http://x/#a)"/>'), 'outside'],
    ['url() outside in a style', svg('<rect style="fill:URL( \'http://x/\' )"/>'), 'outside'],
    ['url() outside in a style sheet', svg('<style>.a{fill:url(http://x)}</style>'), 'outside'],
    ['url() over a CDATA border', svg('<style>.a{fill:u<![CDATA[rl(http://x)]]>}</style>'), 'outside'],
    ['url() over a comment', svg('<style>.a{fill:url(/**/http://x)}</style>'), 'outside'],
    ['url() that does not end', svg('<style>.a{fill:url(http://x</style>'), 'outside'],
    ['url() by character references', svg('<rect fill="&#117;rl(http://x)"/>'), 'outside'],
    ['escapes in styles', svg('<style>.a{fill:\\75 rl(http://x)}</style>'), 'escapes'],
    ['@import', svg('<style>@import "x.css";</style>'), '@import'],
    ['animations', svg('<animate attributeName="href" values="javascript:x"/>'), 'animations'],
    ['set', svg('<set attributeName="onmouseover" to="x"/>'), 'animations'],
    ['another encoding', '<?xml version="1.0" encoding="UTF-16"?><svg/>', 'UTF-8'],
    ['UTF-16', Buffer.from('\ufeff<svg/>', 'utf16le'), 'UTF-8'],
    ['control characters', svg('\u0001'), 'characters'],
    ['HTML instead', '<!-- --><html/>', 'foreignObject|first element'],
    ['two roots', '<svg/><svg/>', 'only one'],
    ['an element that does not end', '<svg><g></svg>', 'well-formed'],
    ['words outside', '<svg/>hello', 'well-formed'],
    ['an attribute without quotes', '<svg a=1/>', 'well-formed'],
    ['a < in an attribute', '<svg a="<"/>', 'well-formed'],
    ['nothing', '<', 'well-formed'],
    ['too many elements', svg('<g/>'.repeat(20_001)), 'elements'],
    ['too deep nesting', svg('<g>'.repeat(101) + '</g>'.repeat(101)), 'deep'],
    ['too many bytes', Buffer.concat([svg(''), Buffer.alloc(maxSvgBytes, 32)]), '1 MiB'],
  ])('refuses %s', (_, bytes, words) => {
    expect(refused(bytes)).toMatch(new RegExp(words));
  });

  it('takes or refuses whatever comes, and does not take long for it', () => {
    const pieces = [
      '<svg>',
      '</svg>',
      '<g ',
      'a="1"',
      '/>',
      '>',
      '<![CDATA[',
      ']]>',
      '<!--',
      '-->',
      '<?',
      '?>',
      '&',
      ';',
      '"',
    ];
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.constantFrom(...pieces), fc.string()), { maxLength: 40 }), (parts) => {
        refused(parts.join(''));
        refused(`<svg>${parts.join('')}</svg>`);
      }),
      { seed: 20_261_121, numRuns: 2_000 },
    );
    // What makes a regular expression go back over and over.
    for (const hostile of [' a="1"'.repeat(100_000), ' '.repeat(500_000), 'a'.repeat(500_000), '&'.repeat(500_000)]) {
      refused(`<svg${hostile}`);
      refused(svg(`<style>${hostile}`));
      refused(svg(`<g a="${hostile.replaceAll('"', '')}"/>`));
    }
    refused(svg(`<style>${'url('.repeat(100_000)}</style>`));
    refused(svg(`<style>${'/*'.repeat(200_000)}</style>`));
  });
});
