import { execFile, fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import { appendFile, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hlsNames } from '@framelock/server/protocol';
import { until } from '../../testing/until.ts';
import { decodeSidecar } from '../sidecar/sidecarBytes.ts';
import { SidecarWriter } from '../sidecar/SidecarWriter.ts';
import { parseSegmentIndex } from './segmentIndex.ts';
import { SegmentStore, type SegmentStoreOptions } from './SegmentStore.ts';
import { StorageProblem } from './StorageProblem.ts';
import { partsPerSegment, putSegment, testInit, testPart, testSegment } from './testing/testMedia.ts';

const run = promisify(execFile);
let dir: string;
const stores: SegmentStore[] = [];

async function openStore(options: Partial<SegmentStoreOptions> = {}): Promise<SegmentStore> {
  const store = await SegmentStore.create({
    dir,
    streamId: 'stream',
    publicationId: 'pub',
    recording: true,
    onProblem: (problem) => {
      throw problem;
    },
    ...options,
  });
  stores.push(store);
  return store;
}

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'framelock-store-'));
});
afterEach(async () => {
  await Promise.all(stores.splice(0).map((store) => store.close({ keep: true })));
  await rm(dir, { recursive: true, force: true });
});

describe('SegmentStore', () => {
  it('holds each Part from its put on, and writes it, its Segment and an index that a playlist can be made of', async () => {
    const written: string[] = [];
    const store = await openStore({ onWritten: (name) => void written.push(name) });
    store.putInit(testInit());
    const segment = testSegment(0);
    store.putPart(segment.parts[0]!, segment);
    expect(store.held('part-0-0.m4s')).toEqual(segment.parts[0]!.data);
    for (const part of segment.parts.slice(1)) store.putPart(part, segment);
    store.endSegment(segment);
    store.putModel(1, Buffer.from('{}'));
    const whole = Buffer.concat(segment.parts.map(({ data }) => data));
    expect(store.held('seg-0.m4s')).toEqual(whole);
    await store.written();
    expect(await readFile(store.path('seg-0.m4s'))).toEqual(whole);
    expect(await readFile(store.path('part-0-5.m4s'))).toEqual(segment.parts[5]!.data);
    expect(written).toEqual(['init-0.mp4', 'seg-0.m4s', 'model-1.json']);
    const index = parseSegmentIndex(await readFile(store.path('segments.jsonl'), 'utf8'));
    expect(index.segments).toEqual(store.segments);
    expect(index.segments[0]).toMatchObject({
      msn: 0,
      start: 0,
      duration: 180_000,
      bytes: 6_000,
      unixMs: segment.unixMs,
    });
    expect(index.inits[0]).toMatchObject({ codecs: testInit().codecs, width: 1280, bytes: 700 });
    expect(store.summary()).toMatchObject({
      segments: 1,
      durationS: 2,
      bytes: 6_000,
      hasAudio: true,
      state: 'recording',
    });
  });

  it('keeps Parts of what is not recorded in memory only, however little that may hold', async () => {
    const store = await openStore({ recording: false, memoryBytes: 1_000 });
    store.putInit(testInit());
    const segment = testSegment(0);
    for (const part of segment.parts) {
      store.putPart(part, segment);
      store.putSidecar(`part-0-${part.index}.det`, Buffer.from('sidecar'));
    }
    store.endSegment(segment);
    await store.written();
    putSegment(store, 1);
    await store.written();
    expect((await readdir(store.folder)).filter((name) => name.startsWith('part'))).toEqual([]);
    for (const { index, data } of segment.parts) {
      expect(store.held(`part-0-${index}.m4s`)).toEqual(data);
      expect(String(store.held(`part-0-${index}.det`))).toBe('sidecar');
    }
    const [first] = parseSegmentIndex(await readFile(store.path('segments.jsonl'), 'utf8')).segments;
    expect(first).toMatchObject({ msn: 0, bytes: 6_000 });
  });

  it('lets whoever asks for the next Part wait, and nobody for another one', async () => {
    const store = await openStore();
    const segment = testSegment(0);
    const first = store.wait('part-0-0.m4s');
    expect(store.wait('part-0-1.m4s')).toBeUndefined();
    expect(store.wait('part-1-0.m4s')).toBeUndefined();
    expect(store.wait('seg-0.m4s')).toBeUndefined();
    store.putPart(segment.parts[0]!, segment);
    expect(await first).toBe(segment.parts[0]!.data);
    const hinted = store.wait('part-0-1.m4s');
    expect(store.wait('part-0-1.m4s')).toBe(hinted);
    // The Segment ends with its first Part: the hint did not come true.
    store.endSegment({ ...segment, parts: segment.parts.slice(0, 1), duration: 30_000 });
    expect(await hinted).toBeUndefined();
    const next = store.wait('part-1-0.m4s');
    expect(next).toBeDefined();
    await store.close({ keep: false });
    expect(await next).toBeUndefined();
    expect(existsSync(store.folder)).toBe(false);
  });

  it('lets whoever asks for an open sidecar wait, until none comes any more', async () => {
    const store = await openStore();
    putSegment(store, 0);
    const [part, segment] = [store.wait('part-0-3.det'), store.wait('seg-0.det')];
    expect(store.wait('seg-7.det')).toBeUndefined();
    store.putSidecar('part-0-3.det', Buffer.from('sidecar'));
    expect(String(await part)).toBe('sidecar');
    store.sidecarsOver();
    expect(await segment).toBeUndefined();
    expect(store.wait('seg-0.det')).toBeUndefined();
  });

  it('removes Parts behind the window, drops the oldest Segments, and their files a little later', async () => {
    let nowMs = 0;
    const removed: string[] = [];
    const store = await openStore({
      partKeepS: 4,
      now: () => nowMs,
      onRemoved: (names) => void removed.push(...names),
    });
    store.putInit(testInit());
    for (let msn = 0; msn < 8; msn++) {
      putSegment(store, msn);
      store.putSidecar(`seg-${msn}.det`, Buffer.alloc(100));
    }
    expect(store.retain({ maxAgeS: 6 })).toEqual({ firstMsn: 5, dropped: 5 });
    await store.written();
    const parts = (await readdir(store.folder)).filter((name) => name.startsWith('part-'));
    expect(new Set(parts.map((name) => name.split('-')[1]))).toEqual(new Set(['5', '6', '7']));
    expect(existsSync(store.path('seg-0.m4s'))).toBe(true);
    nowMs = 40_000;
    expect(store.retain({ maxBytes: 2 * 6_100 })).toEqual({ firstMsn: 6, dropped: 1 });
    await store.written();
    expect(existsSync(store.path('seg-4.m4s'))).toBe(false);
    expect(existsSync(store.path('seg-5.m4s'))).toBe(true);
    expect(removed).toContain('seg-4.det');
    expect(store.held('seg-4.m4s')).toBeUndefined();
    // The newest one always stays.
    expect(store.retain({ maxBytes: 1 })).toEqual({ firstMsn: 7, dropped: 1 });
    expect(store.summary()).toMatchObject({ segments: 1, bytes: 6_100, durationS: 2 });
  });

  it('keeps its index short, whatever was dropped, and continues it', async () => {
    const store = await openStore({ memoryBytes: 20_000 });
    store.putInit(testInit());
    for (let msn = 0; msn < 400; msn++) {
      putSegment(store, msn, 10);
      store.retain({ maxAgeS: 10 });
    }
    await store.close({ keep: true });
    const lines = (await readFile(store.path('segments.jsonl'), 'utf8')).split('\n').length;
    expect(lines).toBeLessThan(1_300);
    const again = await openStore();
    expect(again.nextMsn).toBe(400);
    expect(again.nextInitIndex).toBe(1);
    expect(again.segments.map(({ msn }) => msn)).toEqual([395, 396, 397, 398, 399]);
    putSegment(again, 400);
    expect(again.held('seg-400.m4s')).toBeDefined();
  });

  it('makes a last Segment of the Parts that a crash left, with their detections', async () => {
    const store = await openStore();
    const sidecars = new SidecarWriter({
      publicationId: 'pub',
      onSidecar: (name, bytes) => store.putSidecar(name, bytes),
    });
    store.putInit(testInit());
    for (const segment of [testSegment(0), testSegment(1)]) {
      for (const part of segment.parts.slice(0, segment.msn === 0 ? partsPerSegment : 4)) {
        store.putPart(part, segment);
        sidecars.addPart(part);
        sidecars.add(part.start + 3_000, Buffer.from([segment.msn, part.index]));
      }
      if (segment.msn === 0) {
        store.endSegment(segment);
        sidecars.endSegment(segment);
      }
    }
    // A message of the last Part's time closed all but that one.
    await store.written();
    // What a crash leaves behind: a torn line, a file that was being written, somebody's Part without a line.
    await appendFile(store.path('segments.jsonl'), '{"k":"part","msn":1,"ind');
    await writeFile(store.path('.part-1-4.m4s.tmp'), 'half');
    await writeFile(store.path('part-1-4.m4s'), 'whole, but nothing says what it is');
    const again = await openStore();
    expect(again.segments.map(({ msn, duration }) => [msn, duration])).toEqual([
      [0, 180_000],
      [1, 120_000],
    ]);
    expect(again.nextMsn).toBe(2);
    const whole = Buffer.concat(
      testSegment(1)
        .parts.slice(0, 4)
        .map(({ data }) => data),
    );
    expect(await readFile(again.path('seg-1.m4s'))).toEqual(whole);
    const sidecar = decodeSidecar(await readFile(again.path('seg-1.det')))!;
    expect(sidecar).toMatchObject({ pub: 'pub', start: 180_000, end: 300_000, complete: false });
    expect(sidecar.d.map((bytes) => [...bytes])).toEqual([
      [1, 0],
      [1, 1],
      [1, 2],
    ]);
    expect((await readdir(again.folder)).filter((name) => /part|tmp/.test(name))).toEqual([]);
    sidecars.close();
  });

  it('goes on without a gap where Parts that it wrote are gone', async () => {
    const store = await openStore();
    store.putInit(testInit());
    putSegment(store, 0);
    const segment = testSegment(1);
    for (const part of segment.parts.slice(0, 2)) store.putPart(part, segment);
    await store.close({ keep: true });
    await rm(store.path('part-1-0.m4s'));
    const again = await openStore();
    expect([again.segments.length, again.nextMsn]).toEqual([1, 1]);
  });

  it('loses at most the last Part to a kill -9 of its process', async () => {
    const child = fork(new URL('testing/storeWriter.ts', import.meta.url), [dir], { stdio: 'ignore' });
    let last = { msn: -1, index: -1 };
    child.on('message', (message) => (last = message as typeof last));
    await until('some Segments', () => last.msn >= 3 && last.index === 3);
    const exited = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await exited;
    const store = await openStore();
    const stored = store.segments.reduce((sum, { duration }) => sum + duration / 30_000, 0);
    const told = last.msn * partsPerSegment + last.index + 1;
    expect(stored).toBeGreaterThanOrEqual(told);
    expect(store.segments[0]!.msn).toBe(0);
    for (const segment of store.segments) {
      const { size } = await stat(store.path(hlsNames.segment(segment.msn)));
      expect(size).toBe(segment.bytes);
      expect(size).toBe((segment.duration / 30_000) * 1_000);
    }
  });

  it('tells once that the disk is full, leaves nothing half, and goes on when there is room again', async (test) => {
    const mounted = await mountTmpfs(dir, '8m');
    if (mounted !== true) {
      console.log(`no test of a full disk: this machine refuses a tmpfs (${mounted})`);
      return test.skip();
    }
    try {
      const problems: StorageProblem[] = [];
      const store = await openStore({ onProblem: (problem) => void problems.push(problem) });
      store.putInit(testInit());
      for (let msn = 0; msn < 10; msn++) putSegment(store, msn, 250_000);
      await store.written();
      expect(problems.map(({ kind }) => kind)).toEqual(['full']);
      expect(store.problem).toBe(problems[0]);
      // Players at the live edge still get what is in memory.
      expect(store.held('seg-9.m4s')?.length).toBe(6 * 250_000);
      expect((await readdir(store.folder)).filter((name) => name.endsWith('.tmp'))).toEqual([]);
      await store.close({ keep: true });
      expect(await SegmentStore.hasRoom(dir)).toBe(false);
      await run('mount', ['-o', 'remount,size=64m', dir]);
      expect(await SegmentStore.hasRoom(dir)).toBe(true);
      const again = await openStore();
      const { nextMsn } = again;
      expect(nextMsn).toBeGreaterThan(0);
      for (const { msn, bytes } of again.segments) {
        expect((await stat(again.path(hlsNames.segment(msn)))).size).toBe(bytes);
      }
      putSegment(again, nextMsn, 250_000);
      await again.written();
      expect(again.problem).toBeUndefined();
      await again.close({ keep: true });
    } finally {
      await run('umount', ['-l', dir]);
    }
  });

  it('gives up on a disk that takes less than comes', async () => {
    const problems: StorageProblem[] = [];
    const store = await openStore({ queueBytes: 100_000, onProblem: (problem) => void problems.push(problem) });
    const segment = testSegment(0, 60_000);
    for (const part of segment.parts) store.putPart(part, segment);
    await store.written();
    expect(problems.map(({ kind }) => kind)).toEqual(['slow']);
  });

  it('says what is wrong with a folder that cannot be', async () => {
    await writeFile(join(dir, 'stream'), 'a file');
    await expect(openStore()).rejects.toThrow(StorageProblem);
  });

  it('is not confused by what else lies in its folder', async () => {
    const folder = join(dir, 'stream', 'pub');
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'segments.jsonl'), 'not json\n{"k":"segment"}\n[]\n"\n');
    await writeFile(join(folder, 'publication.json'), '{');
    await writeFile(join(folder, 'notes.txt'), 'mine');
    const store = await openStore();
    expect(store.nextMsn).toBe(0);
    expect(existsSync(join(folder, 'notes.txt'))).toBe(true);
    store.putPart(testPart(0, 0), testSegment(0));
    await store.written();
    expect(store.problem).toBeUndefined();
  });
});

async function mountTmpfs(path: string, size: string): Promise<true | string> {
  try {
    await run('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', path]);
    return true;
  } catch (error) {
    return String((error as { stderr?: string }).stderr ?? error).trim();
  }
}
