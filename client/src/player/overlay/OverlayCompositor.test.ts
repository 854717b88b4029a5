import type { LayerTimeline, ModelDescription, PublicationView } from '@framelock/server/protocol';
import { expect, it } from 'vitest';
import { OverlayCounters } from '../stats/OverlayCounters.ts';
import { DetectionBuffer } from './DetectionBuffer.ts';
import type { DrawnRecord } from './DrawnRecord.ts';
import type { Picture } from './FrameSource.ts';
import { rtpClock } from './PictureClock.ts';
import { LayerClock } from './LayerClock.ts';
import { OverlayCompositor } from './OverlayCompositor.ts';
import { defaultOverlayOptions } from './OverlayOptions.ts';
import { box, detectionMessage } from './testing.ts';

/** A canvas of Node: takes every call, shows nothing. */
function blindCanvas(): HTMLCanvasElement {
  const ignore = (): { width: number } => ({ width: 10 });
  const context = new Proxy({}, { get: () => ignore, set: () => true });
  return { getContext: () => context, clientWidth: 640, clientHeight: 360, width: 0, height: 0 } as never;
}

function description(label: string): ModelDescription {
  const sizes = { inputWidth: 320, inputHeight: 320 };
  return { revision: 1, modelId: 'any', name: 'any', labels: [label], executionProvider: 'cpu', ...sizes };
}

function picture(more: Partial<Picture>): Picture {
  return {
    ...{
      image: {} as HTMLVideoElement,
      rtpTimestamp: 3000,
      own: true,
      clock: rtpClock,
      producerId: 'large',
      width: 640,
      height: 360,
    },
    ...{ mediaTimeMs: 0, receivedAtMs: 0, presentedAtMs: 0 },
    ...more,
  };
}

function drawing(buffer: DetectionBuffer, layers = new LayerClock(), counters = new OverlayCounters()) {
  const drawn: Pick<DrawnRecord, 'kind' | 'rtpTimestamp' | 'boxesRtpTimestamp' | 'redraw'>[] = [];
  const compositor = new OverlayCompositor({
    canvas: blindCanvas(),
    buffer,
    counters,
    layers,
    overlay: defaultOverlayOptions,
    onDrawn: ({ kind, rtpTimestamp, boxesRtpTimestamp, redraw }) =>
      drawn.push({ kind, rtpTimestamp, boxesRtpTimestamp, redraw }),
  });
  return { compositor, drawn };
}

it('draws no boxes again where the kept image is the <video>, which may show a newer picture by now', () => {
  const buffer = new DetectionBuffer();
  buffer.reset('pub1');
  buffer.add(detectionMessage(3000, [box(0.1, 0.1)]), 0);
  const { compositor, drawn } = drawing(buffer);
  compositor.onPicture(picture({ own: false }));
  compositor.redraw();
  expect(drawn).toEqual([
    { kind: 'extrapolated', rtpTimestamp: 3000, boxesRtpTimestamp: 3000, redraw: false },
    { kind: 'unanalysed', rtpTimestamp: 3000, boxesRtpTimestamp: null, redraw: true },
  ]);
  compositor.close();
});

it('draws a picture of unknown time without boxes', () => {
  const buffer = new DetectionBuffer();
  buffer.reset('pub1');
  buffer.add(detectionMessage(0, [box(0.1, 0.1)]), 0);
  const { compositor, drawn } = drawing(buffer);
  compositor.onPicture(picture({ rtpTimestamp: undefined, own: false }));
  compositor.onDetections(0);
  expect(drawn).toEqual([{ kind: 'unanalysed', rtpTimestamp: null, boxesRtpTimestamp: null, redraw: false }]);
  compositor.close();
});

function layersWith(timeline: LayerTimeline): PublicationView {
  const video = (id: string, order: number, of: LayerTimeline) => ({
    ...{ id, kind: 'video' as const, mimeType: 'video/H264', paused: false },
    layer: { rid: String(order), order, timeline: of },
  });
  return {
    ...{ id: 'pub1', startedAt: '2026-11-21T00:00:00.000Z', publishedBy: 'whip', analysedProducerId: 'large' },
    producers: [video('large', 0, { state: 'known', offsetTicks: 0 }), video('small', 1, timeline)],
  };
}

it('draws on another layer what was detected in the same frame, and nothing while that is not known', () => {
  const buffer = new DetectionBuffer();
  buffer.reset('pub1');
  buffer.add(detectionMessage(6000, [box(0.1, 0.1)]), 0);
  const [layers, counters] = [new LayerClock(), new OverlayCounters()];
  const { compositor, drawn } = drawing(buffer, layers, counters);
  layers.setPublication(layersWith({ state: 'checking' }));
  compositor.onPicture(picture({ rtpTimestamp: 6000, producerId: 'small' }));
  layers.setPublication(layersWith({ state: 'known', offsetTicks: 3000 }));
  compositor.onPicture(picture({ rtpTimestamp: 3000, producerId: 'small' }));
  buffer.add(detectionMessage(9000, [box(0.1, 0.1)]), 0);
  compositor.onPicture(picture({ rtpTimestamp: 9000, producerId: 'large' }));
  compositor.onPicture(picture({ rtpTimestamp: 9000, producerId: 'small' }));
  buffer.add(detectionMessage(12_000, [box(0.1, 0.1)]), 0);
  compositor.onDetections(12_000);
  layers.setPublication(layersWith({ state: 'unknown', reason: 'drift' }));
  compositor.onLayersChanged();
  expect(drawn).toEqual([
    { kind: 'unanalysed', rtpTimestamp: 6000, boxesRtpTimestamp: null, redraw: false },
    { kind: 'exact', rtpTimestamp: 3000, boxesRtpTimestamp: 6000, redraw: false },
    { kind: 'exact', rtpTimestamp: 9000, boxesRtpTimestamp: 9000, redraw: false },
    { kind: 'unanalysed', rtpTimestamp: 9000, boxesRtpTimestamp: null, redraw: false },
    { kind: 'exact', rtpTimestamp: 9000, boxesRtpTimestamp: 12_000, redraw: true },
    { kind: 'unanalysed', rtpTimestamp: 9000, boxesRtpTimestamp: null, redraw: true },
  ]);
  expect(counters.totals).toMatchObject({ exact: 3, unanalysed: 1, wrongFrame: 0 });
  compositor.close();
});

it('leaves the last picture of a Publication its labels when the next one counts revisions from 1 again', () => {
  const buffer = new DetectionBuffer();
  const drawnLabels: string[][] = [];
  const compositor = new OverlayCompositor({
    canvas: blindCanvas(),
    buffer,
    counters: new OverlayCounters(),
    layers: new LayerClock(),
    overlay: defaultOverlayOptions,
    onDrawn: ({ boxes }) => drawnLabels.push(boxes.map(({ label }) => label)),
  });
  buffer.reset('pub1');
  compositor.addDescription(description('cat'));
  buffer.add(detectionMessage(3000, [box(0.1, 0.1)]), 0);
  compositor.onPicture(picture({}));
  buffer.reset('pub2');
  compositor.clearDescriptions();
  compositor.redraw();
  compositor.addDescription(description('dog'));
  expect(drawnLabels).toEqual([['cat'], ['cat'], ['cat']]);
  compositor.close();
});
