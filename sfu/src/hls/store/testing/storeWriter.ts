/** Writes a Recording until it is killed, and tells each Part that is on the disk. For tests. */
import { setTimeout as sleep } from 'node:timers/promises';
import { SegmentStore } from '../SegmentStore.ts';
import { testInit, testSegment } from './testMedia.ts';

const store = await SegmentStore.create({
  dir: process.argv[2]!,
  streamId: 'stream',
  publicationId: 'pub',
  recording: true,
  onProblem: (problem) => {
    throw problem;
  },
});
store.putInit(testInit());
for (let msn = 0; ; msn++) {
  const segment = testSegment(msn);
  for (const part of segment.parts) {
    store.putPart(part, segment);
    await store.written();
    process.send!({ msn, index: part.index });
    await sleep(2);
  }
  store.endSegment(segment);
}
