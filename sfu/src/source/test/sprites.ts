import { Canvas, disc, polygon, rectangle, regularPolygon, stroke, type Colour, type Point } from './Canvas.ts';

const white: Colour = [255, 255, 255];
const black: Colour = [0, 0, 0];

/** Discs from outside to inside, as radius and colour: inference/models/marker/markers.json, which a test compares. */
export const markers = {
  'marker A': [1, 0.76, 0.56, 0.4, 0.22],
  'marker C': [1, 0.76, 0.56],
} as const;
export const quietZoneRadius = 1.5;

/** Outer radius, px. */
const markerRadius = 62;

export function drawMarker(radii: readonly number[]): Canvas {
  const size = 2 * Math.ceil(markerRadius * quietZoneRadius + 2);
  const canvas = new Canvas(size, size).paint(disc(size / 2, size / 2, markerRadius * quietZoneRadius), white);
  radii.forEach((radius, i) =>
    canvas.paint(disc(size / 2, size / 2, radius * markerRadius), i % 2 === 0 ? black : white),
  );
  return canvas;
}

/** Letters of one stroke each, in a box of 1 x 1.6. */
const letters: Record<string, Point[][]> = {
  S: [
    [
      [0.95, 0.3],
      [0.8, 0.05],
      [0.25, 0.05],
      [0.05, 0.3],
      [0.2, 0.65],
      [0.8, 0.9],
      [0.95, 1.25],
      [0.75, 1.55],
      [0.2, 1.55],
      [0.05, 1.3],
    ],
  ],
  T: [
    [
      [0, 0.05],
      [1, 0.05],
    ],
    [
      [0.5, 0.05],
      [0.5, 1.55],
    ],
  ],
  O: [
    [
      [0.3, 0.05],
      [0.7, 0.05],
      [0.95, 0.35],
      [0.95, 1.25],
      [0.7, 1.55],
      [0.3, 1.55],
      [0.05, 1.25],
      [0.05, 0.35],
      [0.3, 0.05],
    ],
  ],
  P: [
    [
      [0.08, 1.55],
      [0.08, 0.05],
      [0.7, 0.05],
      [0.95, 0.25],
      [0.95, 0.6],
      [0.7, 0.82],
      [0.08, 0.82],
    ],
  ],
};

const signRadius = 108;

/** The octagon of the Vienna Convention, type B2a, on its pole. */
export function drawStopSign(): Canvas {
  const width = 2 * signRadius + 4;
  const [centre, height] = [width / 2, width + 150];
  const turn = Math.PI / 8;
  const canvas = new Canvas(width, height)
    .paint(rectangle(centre - 8, width - 30, 16, height - width + 30), [128, 134, 140])
    .paint(regularPolygon(centre, centre, signRadius, 8, turn), [246, 246, 244])
    .paint(regularPolygon(centre, centre, signRadius * 0.93, 8, turn), [186, 18, 32]);
  const [letterWidth, gap] = [30, 13];
  const left = centre - (4 * letterWidth + 3 * gap) / 2;
  [...'STOP'].forEach((letter, i) => {
    for (const line of letters[letter]!) {
      const points = line.map(
        ([x, y]) => [left + i * (letterWidth + gap) + x * letterWidth, centre - 39 + y * 49] as const,
      );
      canvas.paint(stroke(points, 12), white);
    }
  });
  return canvas;
}

export const clockSize = 264;
/** Top left corner of the clock in the scene; even, for 4:2:0. */
export const clockAt = { left: 928, top: 58 };

function paintClockFace(canvas: Canvas): void {
  const radius = clockSize / 2;
  const [centreX, centreY] = [clockAt.left + radius, clockAt.top + radius];
  canvas
    .paint(disc(centreX, centreY, radius - 1), [34, 38, 44])
    .paint(disc(centreX, centreY, radius - 14), [250, 250, 247]);
  for (let minute = 0; minute < 60; minute++) {
    const angle = (minute * Math.PI) / 30;
    const isHour = minute % 5 === 0;
    const at = (out: number): Point => [centreX + out * Math.sin(angle), centreY - out * Math.cos(angle)];
    const [inner, width] = isHour ? [radius - 40, minute % 15 === 0 ? 9 : 6] : [radius - 28, 2.5];
    canvas.paint(stroke([at(inner), at(radius - 22)], width), [30, 32, 36]);
  }
}

/** A hand that points to 12, in the middle of a square so that it turns about its centre. */
export function drawHand(length: number, width: number, colour: Colour): Canvas {
  const centre = clockSize / 2;
  const base = width * 0.9;
  const hand: Point[] = [
    [centre - width / 2, centre - length],
    [centre + width / 2, centre - length],
    [centre + base / 1.6, centre + 26],
    [centre - base / 1.6, centre + 26],
  ];
  return new Canvas(clockSize, clockSize)
    .paint(polygon(hand), colour)
    .paint(disc(centre, centre, width * 1.1 + 3), colour);
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
const digit = { width: 30, height: 52, thick: 7, advance: 42 };
/** One row of the strip: two digits. */
export const pair = { width: 2 * digit.advance, height: 64 };
const digitColour: Colour = [245, 248, 252];

function paintDigit(canvas: Canvas, value: number, left: number, top: number): void {
  const { width, height, thick } = digit;
  const [right, middle, bottom] = [left + width, top + height / 2, top + height];
  const lines: [Point, Point][] = [
    [
      [left, top],
      [right, top],
    ],
    [
      [right, top],
      [right, middle],
    ],
    [
      [right, middle],
      [right, bottom],
    ],
    [
      [left, bottom],
      [right, bottom],
    ],
    [
      [left, middle],
      [left, bottom],
    ],
    [
      [left, top],
      [left, middle],
    ],
    [
      [left, middle],
      [right, middle],
    ],
  ];
  lines.forEach((line, i) => {
    if (segments[value]![i] === '1') canvas.paint(stroke(line, thick), digitColour);
  });
}

/** `00` to `99` below one another: shown through a window of one row. */
export function drawPairs(): Canvas {
  const strip = new Canvas(pair.width, 100 * pair.height);
  for (let value = 0; value < 100; value++) {
    const row = new Canvas(pair.width, pair.height).paint(rectangle(0, 0, pair.width, pair.height), panelColour);
    paintDigit(row, Math.floor(value / 10), 6, 6);
    paintDigit(row, value % 10, 6 + digit.advance, 6);
    row.rgba.copy(strip.rgba, value * row.rgba.length);
  }
  return strip;
}

export const panelColour: Colour = [22, 26, 33];
export const clockPanel = { left: 402, top: 618, width: 476, height: 84, pairsAt: [34, 140, 246, 358] as const };
const scene = { width: 1280, height: 720 };

/** A calm room: what moves has to stand out, and a flat picture costs few bits. */
export function drawBackground(): Canvas {
  const floorAt = 560;
  const canvas = new Canvas(scene.width, scene.height)
    .paint(rectangle(0, 0, scene.width, floorAt), (_, y) => shade([196, 208, 219], [224, 230, 235], y / floorAt))
    .paint(rectangle(0, floorAt, scene.width, scene.height - floorAt), (_, y) =>
      shade([150, 160, 168], [116, 126, 136], (y - floorAt) / (scene.height - floorAt)),
    )
    .paint(rectangle(0, floorAt - 6, scene.width, 6), [238, 240, 242]);
  paintClockFace(canvas);
  const { left, top, width, height, pairsAt } = clockPanel;
  canvas.paint(
    stroke(
      [
        [left + 20, top + height / 2],
        [left + width - 20, top + height / 2],
      ],
      height,
    ),
    panelColour,
  );
  for (const gapAt of [pairsAt[1], pairsAt[2]]) {
    for (const y of [32, 52]) canvas.paint(disc(left + gapAt - 11, top + y, 4.5), digitColour);
  }
  return canvas.paint(disc(left + pairsAt[3] - 14, top + 64, 4.5), digitColour);
}

function shade(from: Colour, to: Colour, share: number): Colour {
  return from.map((one, i) => Math.round(one + (to[i]! - one) * share)) as unknown as Colour;
}

/** Files of this folder by name; `node drawSprites.ts` writes them, a test compares. */
export const sprites: Record<string, () => Canvas> = {
  'background.png': drawBackground,
  'hour-hand.png': () => drawHand(62, 11, [30, 32, 36]),
  'minute-hand.png': () => drawHand(92, 8, [30, 32, 36]),
  'second-hand.png': () => drawHand(98, 3, [200, 30, 38]),
  'digits.png': drawPairs,
  'stop-sign.png': drawStopSign,
  'marker-a.png': () => drawMarker(markers['marker A']),
  'marker-c.png': () => drawMarker(markers['marker C']),
};
