import { ModelSession } from './ModelSession.ts';
import type { FrameResult, FrameToAnalyse, FromModelWorker, LoadModel } from './messages.ts';

/** Runs the model, and nothing else: a run keeps its thread busy, which must not hold frames up on their way out. */
const page = self as unknown as {
  onmessage: ((event: MessageEvent<LoadModel>) => void) | null;
  postMessage(message: FromModelWorker): void;
};

page.onmessage = ({ data }) => {
  page.onmessage = null;
  load(data).catch((error: unknown) => fail(error));
};

async function load({ frames, ...options }: LoadModel): Promise<void> {
  const session = await ModelSession.create(options);
  frames.onmessage = ({ data }: MessageEvent<FrameToAnalyse>) => {
    analyse(session, data).then(
      (result) => frames.postMessage(result, transferables(result)),
      (error: unknown) => fail(error),
    );
  };
  page.postMessage({ kind: 'ready', provider: session.provider, threads: session.threads });
}

/** One after the other: the next frame comes when this one was answered. */
async function analyse(session: ModelSession, { id, frame }: FrameToAnalyse): Promise<FrameResult> {
  try {
    return { id, ...(await session.detect(frame)) };
  } finally {
    frame.close();
  }
}

function transferables({ packed, embeddings }: FrameResult): Transferable[] {
  return embeddings ? [packed.buffer, embeddings.buffer] : [packed.buffer];
}

function fail(error: unknown): void {
  page.postMessage({ kind: 'failed', reason: error instanceof Error ? error.message : String(error) });
}
