import { ModelSession } from './ModelSession.ts';
import type { FrameResult, FrameToAnalyse, FromModelWorker, LoadModel, ToModelWorker } from './messages.ts';
import { ObjectNamer } from './ObjectNamer.ts';

/** Runs the model and names what it finds: all that keeps a thread busy, which must not hold frames up on their way out. */
const page = self as unknown as {
  onmessage: ((event: MessageEvent<ToModelWorker>) => void) | null;
  postMessage(message: FromModelWorker): void;
};

let namer: ObjectNamer | undefined;

page.onmessage = ({ data }) => {
  if (data.kind === 'load') load(data).catch((error: unknown) => fail(error));
  else namer?.setGallery(data.gallery, data.version);
};

async function load({ frames, spec, providers, threads }: LoadModel): Promise<void> {
  const naming = new ObjectNamer(spec.brands, spec.track);
  namer = naming;
  const onLost = (reason: string) => fail(new Error(reason));
  const { session, problems } = await ModelSession.create({ spec, providers, threads, onLost });
  frames.onmessage = ({ data }: MessageEvent<FrameToAnalyse>) => {
    analyse(session, naming, data).then(
      (result) => frames.postMessage(result),
      (error: unknown) => fail(error),
    );
  };
  page.postMessage({ kind: 'ready', provider: session.provider, threads: session.threads, problems });
}

/** One after the other: the next frame comes when this one was answered. */
async function analyse(session: ModelSession, naming: ObjectNamer, order: FrameToAnalyse): Promise<FrameResult> {
  const { id, frame, isNewScene } = order;
  try {
    const { timestamp } = frame;
    const { objects, change, ...times } = await session.detect(frame);
    if (isNewScene) naming.startScene();
    const trackIds = naming.name(objects, timestamp, change);
    return { id, objects, trackIds, galleryVersion: naming.galleryVersion, ...times };
  } finally {
    frame.close();
  }
}

function fail(error: unknown): void {
  page.postMessage({ kind: 'failed', reason: error instanceof Error ? error.message : String(error) });
}
