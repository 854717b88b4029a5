import { FramePump } from './FramePump.ts';
import type { TransformEvent } from './mediaTypes.ts';
import type { FromFrameWorker, ToFrameWorker, TransformOptions } from './messages.ts';

/** Frames on their way from the camera to the encoder, and encoded ones on theirs to the network. */
const page = self as unknown as {
  onmessage: ((event: MessageEvent<ToFrameWorker>) => void) | null;
  onrtctransform: ((event: TransformEvent) => void) | null;
  postMessage(message: FromFrameWorker, transfer?: Transferable[]): void;
};

const pump = new FramePump({
  onDetections: (bytes) => page.postMessage({ kind: 'detections', bytes }, [bytes.buffer]),
  onReport: (report) => page.postMessage({ kind: 'report', report }),
  onStalled: () => page.postMessage({ kind: 'stalled' }),
});

page.onmessage = ({ data }) => {
  switch (data.kind) {
    case 'begin':
      return pump.begin(data);
    case 'frames':
      return void pump.take(data.frames);
    case 'model':
      return pump.setModel(data.port);
    case 'gallery':
      return pump.setGallery(data.version, data.revision);
    case 'publication':
      return pump.setPublication(data.publication);
    case 'clock':
      return pump.setClock(data.offsetMs);
    case 'release':
      return pump.release();
  }
};

page.onrtctransform = ({ transformer }) => {
  const { readable, writable, options } = transformer;
  const { connection } = options as TransformOptions;
  pump.openConnection(connection);
  const look = new TransformStream({
    transform(frame: { getMetadata(): { rtpTimestamp?: number } }, controller) {
      // Sent on at once, whatever else: video never waits for its analysis.
      controller.enqueue(frame);
      // And goes on when that fails, which is counted.
      try {
        pump.encoded(connection, frame.getMetadata().rtpTimestamp);
      } catch (error) {
        reportError(error);
      }
    },
  });
  // Ends with its connection.
  readable
    .pipeThrough(look)
    .pipeTo(writable)
    .catch(() => undefined);
};
