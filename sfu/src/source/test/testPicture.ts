import { join } from 'node:path';
import { audioOutput, rtpOutput } from '../ffmpegArguments.ts';
import type { SourceInput } from '../SourceInput.ts';
import { clock, pair, panel, scene } from './layout.ts';

const framesPerSecond = 30;
const sprites = [
  ...['background.png', 'digits.png', 'hour-hand.png', 'minute-hand.png', 'second-hand.png'],
  ...['sign.png', 'notebook.png', 'phone.png', 'mug.png', 'marker.png'],
];
/** Input 0 is the pace, then come the sprites, then the sound. */
const soundInput = sprites.length + 1;

/**
 * A moving picture for whoever has no camera at hand: things with well-known marks on them, one of our markers, and
 * clocks. It has no loop, so nothing jumps: every place is a function of the time of day.
 */
export function openTestPicture(now = new Date()): SourceInput {
  const files = sprites.flatMap((name) => ['-i', `file:${join(import.meta.dirname, name)}`]);
  const graph = testPictureGraph(-now.getTimezoneOffset() * 60);
  const pace = ['-re', '-f', 'lavfi', '-i', `color=black:s=${scene.width}x${scene.height}:r=${framesPerSecond}`];
  // A short beep each second.
  const sound = ['-re', '-f', 'lavfi', '-i', 'aevalsrc=0.05*sin(880*2*PI*t)*lt(mod(t\\,1)\\,0.06):s=8000'];
  return {
    ffmpegArguments: [...pace, ...files, '-filter_complex_threads', '1', ...sound],
    protocols: ['file'],
    drawn: {
      output: (kind, output) => {
        if (kind === 'audio') return audioOutput('transcoded', output, `${soundInput}:a:0`);
        return ['-filter_complex', graph, '-map', '[picture]', ...encode, ...rtpOutput(output)];
      },
      packetLines: [
        '-map',
        `${soundInput}:a:0`,
        '-c:a',
        'pcm_s16le',
        '-flush_packets',
        '1',
        '-f',
        'framecrc',
        'pipe:1',
      ],
    },
    ready: Promise.resolve(),
    ended: new Promise(() => {}),
    close: () => {},
  };
}

/** Little moves, so the cheapest preset is good enough. */
const encode = [
  ...['-c:v', 'libx264', '-preset', 'ultrafast', '-tune', 'zerolatency', '-profile:v', 'baseline', '-threads', '1'],
  ...['-g', String(framesPerSecond), '-sc_threshold', '0', '-crf', '23', '-maxrate', '3M', '-bufsize', '3M'],
];

/** Filters work in Unix time: RTCSTART is when the graph began, µs. `zoneSeconds`: of local time over UTC. */
export function testPictureGraph(zoneSeconds: number): string {
  const input = (name: string): string => `[${sprites.indexOf(name) + 1}:v]`;
  const once = 'loop=loop=-1:size=1';
  const eachSecond = `${once},setpts='(N+floor(RTCSTART/1000000))/TB'`;
  const local = `(t+${zoneSeconds})`;
  const { left, top, pairsAt } = panel;
  const clockPlace = [clock.left, clock.top] as const;
  const place = (x: string | number, y: string | number): string => `overlay=x='${x}':y='${y}':format=yuv420`;
  const hand = (name: string, turnSeconds: number, label: string): string =>
    `${input(name)}${eachSecond},rotate=a='2*PI*mod(${local},${turnSeconds})/${turnSeconds}':c=none,format=yuva420p[${label}]`;
  const row = (from: string, value: string, label: string): string =>
    `${from}${eachSecond},crop=${pair.width}:${pair.height}:0:'${pair.height}*floor(${value})'[${label}]`;
  // Down from above for 16 of 40 s: rings of a marker look like some brands' marks.
  const markerY = '-220+292*clip(mod(t,40)/1.2,0,1)*clip((16-mod(t,40))/1.2,0,1)+26*cos(t/1.5)';
  const pairAt = (index: number): string => place(left + pairsAt[index]!, top + 8);
  return [
    `[0:v]setpts='PTS+RTCSTART/1000000/TB',format=yuv420p,split=2[pace][pace2]`,
    `${input('background.png')}format=yuv420p[background]`,
    `${input('digits.png')}format=yuv420p,split=4[strip1][strip2][strip3][strip4]`,
    row('[strip1]', `mod(${local}/3600,24)`, 'hours'),
    row('[strip2]', `mod(${local}/60,60)`, 'minutes'),
    row('[strip3]', `mod(${local},60)`, 'seconds'),
    // In step with the picture itself: the strip moves behind a window.
    `[pace2]crop=${pair.width}:${pair.height}:0:0[window];[window][strip4]${place(0, `-${pair.height}*floor(100*mod(t,1))`)}[hundredths]`,
    hand('hour-hand.png', 43_200, 'hour'),
    hand('minute-hand.png', 3_600, 'minute'),
    hand('second-hand.png', 60, 'second'),
    `[pace][background]${place(0, 0)}[p0]`,
    `[p0][hour]${place(...clockPlace)}[p1]`,
    `[p1][minute]${place(...clockPlace)}[p2]`,
    `[p2][second]${place(...clockPlace)}[p3]`,
    `[p3]${input('sign.png')}${place('152+40*sin(t/2.9)', 0)}[p4]`,
    `[p4]${input('notebook.png')}${place('1030+22*sin(t/3.7)', 336)}[p5]`,
    `[p5]${input('phone.png')}${place('470+70*sin(t/2.3)', '136+34*cos(t/1.7)')}[p6]`,
    `[p6]${input('mug.png')}${place('726+70*sin(t/3.1+1)', 392)}[p7]`,
    `[p7]${input('marker.png')}${place('786+46*sin(t/2.1)', markerY)}[p8]`,
    `[p8][hours]${pairAt(0)}[p9]`,
    `[p9][minutes]${pairAt(1)}[p10]`,
    `[p10][seconds]${pairAt(2)}[p11]`,
    `[p11][hundredths]${pairAt(3)},setpts=PTS-STARTPTS[picture]`,
  ].join(';');
}
