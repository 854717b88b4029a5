import { parseArgs } from 'node:util';
import { HeadlessViewer } from './HeadlessViewer.ts';

const usage = `node client/src/cli/watch.ts [--viewers N] [--token T] [--seconds S] [--json] <watch URL or stream id> [server URL]
Watches a Stream without a browser and prints once a second what arrives.`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    viewers: { type: 'string', default: '1' },
    token: { type: 'string' },
    seconds: { type: 'string' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const [target, server] = positionals;
if (!target || values.help) {
  console.log(usage);
  process.exit(values.help ? 0 : 2);
}
const { streamId, serverUrl } = streamOf(target, server);
const viewers = await Promise.all(
  Array.from({ length: Math.max(1, Number(values.viewers) || 1) }, () =>
    HeadlessViewer.create({
      serverUrl,
      streamId,
      ...(values.token ? { token: values.token } : {}),
      onProblem: ({ reason }) => console.error(reason),
    }),
  ),
).catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
});

let before = { frames: 0, detections: 0 };
const timer = setInterval(print, 1000);
const stopTimer = values.seconds ? setTimeout(stop, Number(values.seconds) * 1000) : undefined;
process.on('SIGINT', stop);
process.on('SIGTERM', stop);

function print(): void {
  const sum = (of: (viewer: HeadlessViewer) => number) => viewers.reduce((total, viewer) => total + of(viewer), 0);
  const now = { frames: sum((viewer) => viewer.frames), detections: sum((viewer) => viewer.detections) };
  const [fps, detectionsPerSecond] = [now.frames - before.frames, now.detections - before.detections];
  before = now;
  const { width, height, publicationId, analysis } = viewers[0]!;
  const figures = { viewers: viewers.length, ...now, fps, detectionsPerSecond, width, height, publicationId };
  if (values.json) console.log(JSON.stringify({ ...figures, analysis: analysis?.state }));
  else {
    const what = publicationId ? `${width}x${height}` : 'idle';
    console.log(`${what}  ${fps} pictures/s  ${detectionsPerSecond} detection messages/s  analysis ${analysis?.state}`);
  }
}

function stop(): void {
  clearInterval(timer);
  clearTimeout(stopTimer);
  for (const viewer of viewers) viewer.close('the watcher stopped');
  // libwebrtc's threads keep Node alive for a while otherwise.
  setTimeout(() => process.exit(0), 200);
}

function streamOf(target: string, server = 'http://127.0.0.1:8080'): { streamId: string; serverUrl: string } {
  if (!/^https?:/.test(target)) return { streamId: target, serverUrl: server };
  const url = new URL(target);
  return { streamId: url.pathname.split('/').filter(Boolean).at(-1) ?? '', serverUrl: url.origin };
}
