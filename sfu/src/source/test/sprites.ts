import { readFileSync } from 'node:fs';
import { clock, pair, panel, scene } from './layout.ts';

interface Mark {
  title: string;
  /** `#rrggbb`. */
  colour: string;
  /** On a field of 24 x 24. */
  path: string;
}

const file = new URL('marks.json', import.meta.url);
const { marks } = JSON.parse(readFileSync(file, 'utf8')) as {
  marks: Record<'debian' | 'vuedotjs' | 'postgresql' | 'python', Mark>;
};

/** Discs from outside to inside, as radius: inference/models/marker/markers.json, which a test compares. */
export const markers = { 'marker A': [1, 0.76, 0.56, 0.4, 0.22] } as const;
export const quietZoneRadius = 1.5;

/** Where the desk begins, px from the top. */
const deskAt = 548;
const panelColour = '#161a21';
const digitColour = '#f2f6fb';

function svg(width: number, height: number, content: string): string {
  const shadow =
    '<filter id="soft" x="-30%" y="-30%" width="160%" height="160%"><feGaussianBlur stdDeviation="6"/></filter>';
  const head = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">`;
  return `${head}<defs>${shadow}</defs>${content}</svg>`;
}

/** A mark `size` wide and high, around a centre. */
function drawMark({ path }: Mark, centreX: number, centreY: number, size: number, colour: string): string {
  const place = `translate(${centreX - size / 2} ${centreY - size / 2}) scale(${size / 24})`;
  return `<path transform="${place}" fill="${colour}" d="${path}"/>`;
}

function gradient(id: string, from: string, to: string, place = 'x1="0" y1="0" x2="0" y2="1"'): string {
  return `<linearGradient id="${id}" ${place}><stop offset="0" stop-color="${from}"/><stop offset="1" stop-color="${to}"/></linearGradient>`;
}

const shadowOf = (x: number, y: number, width: number, height: number, radius: number): string =>
  `<rect x="${x}" y="${y}" width="${width}" height="${height}" rx="${radius}" fill="#1b2530" opacity="0.35" filter="url(#soft)"/>`;

/** A calm room: what moves has to stand out, and a flat picture costs few bits. */
function drawBackground(): string {
  const { width, height } = scene;
  const desk = height - deskAt;
  return svg(
    width,
    height,
    [
      gradient('wall', '#d9e2ea', '#f1efe9'),
      gradient('desk', '#c9a680', '#a47c56'),
      `<radialGradient id="light" cx="0.24" cy="0.1" r="0.75"><stop offset="0" stop-color="#fffdf5" stop-opacity="0.9"/><stop offset="1" stop-color="#fffdf5" stop-opacity="0"/></radialGradient>`,
      `<rect width="${width}" height="${deskAt}" fill="url(#wall)"/>`,
      `<rect width="${width}" height="${deskAt}" fill="url(#light)"/>`,
      `<rect y="${deskAt}" width="${width}" height="${desk}" fill="url(#desk)"/>`,
      `<rect y="${deskAt}" width="${width}" height="5" fill="#e2c6a4"/>`,
      drawPlant(64, deskAt + 34),
      drawClockFace(),
      drawPanel(),
    ].join(''),
  );
}

/** In its pot, whose foot is at (x, y). */
function drawPlant(x: number, y: number): string {
  const leaf = (turn: number, length: number, colour: string): string =>
    `<path transform="translate(${x} ${y - 88}) rotate(${turn})" fill="${colour}" d="M0 0C${-length * 0.22} ${-length * 0.4} ${-length * 0.16} ${-length * 0.8} 0 ${-length}C${length * 0.16} ${-length * 0.8} ${length * 0.22} ${-length * 0.4} 0 0Z"/>`;
  const leaves = [
    leaf(-52, 118, '#4d7f63'),
    leaf(48, 112, '#4d7f63'),
    leaf(-26, 150, '#5e9573'),
    leaf(24, 146, '#5e9573'),
    leaf(-2, 168, '#6fa884'),
  ];
  return [
    `<ellipse cx="${x}" cy="${y}" rx="58" ry="10" fill="#5e4127" opacity="0.35"/>`,
    ...leaves,
    `<path fill="#d98f6f" d="M${x - 48} ${y - 92}h96l-12 92h-72z"/>`,
    `<rect x="${x - 54}" y="${y - 104}" width="108" height="22" rx="5" fill="#e4a283"/>`,
  ].join('');
}

/** Square: round ones look like several brands' marks. */
function drawClockFace(): string {
  const { left, top, size } = clock;
  const radius = size / 2;
  const [x, y] = [left + radius, top + radius];
  const block = (inset: number, corner: number, fill: string): string =>
    `<rect x="${left + inset}" y="${top + inset}" width="${size - 2 * inset}" height="${size - 2 * inset}" rx="${corner}" fill="${fill}"/>`;
  const hours = Array.from(
    { length: 12 },
    (_, hour) =>
      `<line transform="rotate(${hour * 30} ${x} ${y})" x1="${x}" x2="${x}" y1="${y - radius * 0.8}" y2="${y - radius * 0.68}" stroke="#2b3138" stroke-width="${hour % 3 === 0 ? 6 : 3.5}" stroke-linecap="round"/>`,
  );
  return [
    shadowOf(left + 4, top + 10, size - 8, size - 8, 24),
    block(0, 24, '#b98f66'),
    block(10, 16, '#fbfaf6'),
    ...hours,
  ].join('');
}

/** A hand that points to 12, in the middle of a square so that it turns about its centre. */
function drawHand(length: number, width: number, colour: string): string {
  const middle = clock.size / 2;
  const base = width * 0.65;
  const hand = `M${middle - width / 2} ${middle - length}h${width}L${middle + base} ${middle + 13}h${-2 * base}z`;
  return svg(
    clock.size,
    clock.size,
    `<path fill="${colour}" d="${hand}"/><circle cx="${middle}" cy="${middle}" r="${width + 2.5}" fill="${colour}"/>`,
  );
}

function drawPanel(): string {
  const { left, top, width, height, pairsAt } = panel;
  const dot = (x: number, y: number): string =>
    `<circle cx="${left + x}" cy="${top + y}" r="3.4" fill="${digitColour}"/>`;
  const colons = [pairsAt[1], pairsAt[2]].flatMap((x) => [dot(x - 8, 24), dot(x - 8, 40)]);
  return [
    `<ellipse cx="${left + width / 2}" cy="${top + height + 12}" rx="${width / 2 + 12}" ry="12" fill="#5e4127" opacity="0.4"/>`,
    `<rect x="${left - 14}" y="${top - 12}" width="${width + 28}" height="${height + 24}" rx="22" fill="#2d353f"/>`,
    `<rect x="${left}" y="${top}" width="${width}" height="${height}" rx="12" fill="${panelColour}"/>`,
    ...colons,
    dot(pairsAt[3] - 12, 52),
  ].join('');
}

/** Which of the seven segments (top, top right, bottom right, bottom, bottom left, top left, middle) each digit lights. */
const segments = [
  '1111110',
  '0110000',
  '1101101',
  '1111001',
  '0110011',
  '1011011',
  '1011111',
  '1110000',
  '1111111',
  '1111011',
];

function drawDigit(value: number, x: number, y: number): string {
  const [width, height] = [19, 36];
  const [right, middle, bottom] = [x + width, y + height / 2, y + height];
  const lines = [
    `M${x} ${y}H${right}`,
    `M${right} ${y}V${middle}`,
    `M${right} ${middle}V${bottom}`,
    `M${x} ${bottom}H${right}`,
    `M${x} ${middle}V${bottom}`,
    `M${x} ${y}V${middle}`,
    `M${x} ${middle}H${right}`,
  ];
  const lit = lines.filter((_, i) => segments[value]![i] === '1').join('');
  return `<path d="${lit}" fill="none" stroke="${digitColour}" stroke-width="4.6" stroke-linecap="round"/>`;
}

/** `00` to `99` below one another: shown through a window of one row. */
function drawPairs(): string {
  const rows = Array.from({ length: 100 }, (_, value) => {
    const y = value * pair.height + 6;
    return drawDigit(Math.floor(value / 10), 5, y) + drawDigit(value % 10, 33, y);
  });
  const height = 100 * pair.height;
  return svg(
    pair.width,
    height,
    `<rect width="${pair.width}" height="${height}" fill="${panelColour}"/>${rows.join('')}`,
  );
}

/** A sign that hangs from above on two threads. */
function drawSign(): string {
  return svg(
    236,
    290,
    [
      '<path d="M62 0V60M174 0V60" stroke="#6b7680" stroke-width="2.5"/>',
      shadowOf(18, 64, 200, 204, 10),
      '<rect x="14" y="54" width="208" height="212" rx="10" fill="#b98f66"/>',
      '<rect x="24" y="64" width="188" height="192" rx="5" fill="#fbf9f4"/>',
      drawMark(marks.debian, 118, 160, 150, marks.debian.colour),
    ].join(''),
  );
}

function drawPhone(): string {
  return svg(
    204,
    370,
    [
      gradient('screen', '#1d2733', '#0d1319'),
      shadowOf(24, 30, 164, 320, 30),
      '<rect x="18" y="16" width="168" height="332" rx="30" fill="#20262e"/>',
      '<rect x="20" y="18" width="164" height="328" rx="28" fill="none" stroke="#59636f" stroke-width="2"/>',
      '<rect x="27" y="25" width="150" height="314" rx="22" fill="url(#screen)"/>',
      '<rect x="80" y="34" width="44" height="9" rx="4.5" fill="#05080b"/>',
      drawMark(marks.vuedotjs, 102, 176, 116, marks.vuedotjs.colour),
      '<rect x="70" y="325" width="64" height="4" rx="2" fill="#5d6874"/>',
    ].join(''),
  );
}

function drawMug(): string {
  const body = 'M20 24H206V170Q206 204 172 204H54Q20 204 20 170Z';
  return svg(
    300,
    236,
    [
      gradient('glaze', '#274b6d', '#3f74a3', 'x1="0" y1="0" x2="1" y2="0"'),
      '<g transform="translate(16 0)">',
      '<ellipse cx="114" cy="205" rx="104" ry="12" fill="#4d341e" opacity="0.4" filter="url(#soft)"/>',
      '<path d="M200 62h22c34 0 44 18 44 42s-14 46-46 46h-20" fill="none" stroke="#2f5a82" stroke-width="19"/>',
      `<path d="${body}" fill="url(#glaze)"/>`,
      '<ellipse cx="113" cy="25" rx="93" ry="13" fill="#4f86b6"/><ellipse cx="113" cy="27" rx="84" ry="9" fill="#3a2417"/>',
      drawMark(marks.postgresql, 113, 122, 132, '#f6f9fc'),
      '</g>',
    ].join(''),
  );
}

function drawNotebook(): string {
  return svg(
    226,
    266,
    [
      gradient('cover', '#ffe07a', '#f6c445'),
      shadowOf(24, 28, 182, 224, 10),
      '<rect x="24" y="18" width="180" height="230" rx="6" fill="#f4f1ea"/>',
      '<rect x="18" y="14" width="182" height="230" rx="10" fill="url(#cover)"/>',
      '<rect x="18" y="14" width="22" height="230" rx="8" fill="#d9a52c"/>',
      drawMark(marks.python, 120, 126, 122, '#24527a'),
    ].join(''),
  );
}

/** Outer radius of the marker, px. */
const markerRadius = 50;

function drawMarkerCard(): string {
  const middle = markerRadius * quietZoneRadius + 20;
  const discs = markers['marker A'].map(
    (radius, i) =>
      `<circle cx="${middle}" cy="${middle}" r="${radius * markerRadius}" fill="${i % 2 === 0 ? '#000' : '#fff'}"/>`,
  );
  const side = 2 * (middle - 18);
  return svg(
    2 * middle,
    2 * middle,
    [
      shadowOf(20, 23, side - 4, side - 4, 18),
      `<rect x="18" y="18" width="${side}" height="${side}" rx="18" fill="#fff"/>`,
    ]
      .concat(discs)
      .join(''),
  );
}

/** Files of this folder by name, as SVG; `node drawSprites.ts` writes them, a test compares. */
export const sprites: Record<string, () => string> = {
  'background.png': drawBackground,
  'hour-hand.png': () => drawHand(42, 7, '#2b3138'),
  'minute-hand.png': () => drawHand(62, 5, '#2b3138'),
  'second-hand.png': () => drawHand(66, 2, '#c8281e'),
  'digits.png': drawPairs,
  'sign.png': drawSign,
  'phone.png': drawPhone,
  'mug.png': drawMug,
  'notebook.png': drawNotebook,
  'marker.png': drawMarkerCard,
};
