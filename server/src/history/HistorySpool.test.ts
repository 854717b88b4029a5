import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { HistoryItem } from './HistoryItem.ts';
import { HistorySpool, type HistorySpoolOptions, type SpoolDisk, SpoolFull } from './HistorySpool.ts';
import { testItem } from './testBatches.ts';

let folder: string;
let spoiled: number;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'framelock-spool-'));
  spoiled = 0;
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function open(rest: Partial<HistorySpoolOptions> = {}) {
  const logger = pino({ level: 'silent' });
  const onSpoiled = (records: number) => void (spoiled += records);
  return HistorySpool.create({ folder, maxBytes: 1e9, minFreeBytes: 0, logger, onSpoiled, ...rest });
}
const files = (): string[] => readdirSync(folder).sort();
const nameOf = ({ batch, events }: HistoryItem): string =>
  batch ? `${batch.runId}:${batch.sequence}` : events.map(({ id }) => id).join();

/** All that is in it, oldest first. */
async function drain(spool: HistorySpool): Promise<string[]> {
  const names: string[] = [];
  for (let record = await spool.oldest(); record; record = await spool.oldest()) {
    names.push(...record.items.map(nameOf));
    await spool.drained();
  }
  return names;
}

describe('HistorySpool', () => {
  it('gives back what it took, oldest first, in several segments, and leaves no file', async () => {
    const { spool, known } = await open({ segmentBytes: 2_000 });
    expect(known).toEqual([]);
    const first = [testItem('a', 0), testItem('a', 1, { detections: Buffer.alloc(5_000, 3).toString('base64') })];
    await spool.append(first);
    for (let sequence = 2; sequence < 30; sequence++) await spool.append([testItem('a', sequence)]);
    expect(files().length).toBeGreaterThan(3);
    expect(spool.items).toBe(30);
    expect(spool.bytes).toBe(files().reduce((sum, name) => sum + readFileSync(join(folder, name)).length, 0));
    expect((await spool.oldest())!.items).toEqual(first);
    expect(await drain(spool)).toEqual(Array.from({ length: 30 }, (_, i) => `a:${i}`));
    expect([files(), spool.bytes, spool.items, spool.empty]).toEqual([[], 0, 0, true]);
    await spool.close();
  });

  it('takes more while it is drained', async () => {
    const { spool } = await open();
    const names: string[] = [];
    for (let sequence = 0; sequence < 20; sequence++) {
      await spool.append([testItem('a', sequence)]);
      if (sequence % 3 === 0) continue;
      names.push(...(await spool.oldest())!.items.map(nameOf));
      await Promise.all([spool.drained(), spool.append([testItem('b', sequence)])]);
    }
    names.push(...(await drain(spool)));
    expect(names.filter((name) => name.startsWith('a'))).toEqual(Array.from({ length: 20 }, (_, i) => `a:${i}`));
    expect(names).toHaveLength(33);
    expect(files()).toEqual([]);
    await spool.close();
  });

  it('knows after a restart what is in it, and goes on', async () => {
    const before = await open({ segmentBytes: 1_500 });
    for (let sequence = 0; sequence < 10; sequence++) await before.spool.append([testItem('a', sequence)]);
    const away = { kind: 'streamDown' as const, id: 'down', at: new Date(0).toISOString(), streamId: 's' };
    const none = { publicationId: null, rtpTimestamp: null, zoneId: null, zoneName: null, trackId: null, runId: null };
    await before.spool.append([{ events: [{ ...away, ...none, streamName: 'S', label: null, data: {} }] }]);
    for (let i = 0; i < 3; i++) {
      await before.spool.oldest();
      await before.spool.drained();
    }
    await before.spool.close();
    const { spool, known } = await open();
    // Whole segments go: what is left of one comes again.
    expect(known.length).toBeGreaterThanOrEqual(7);
    expect(known.at(-1)).toEqual({ runId: 'a', sequence: 9 });
    await spool.append([testItem('a', 10)]);
    expect((await drain(spool)).slice(-9)).toEqual([...[3, 4, 5, 6, 7, 8, 9].map((i) => `a:${i}`), 'down', 'a:10']);
    await spool.close();
  });

  it('cut off at any byte, as by a kill, it has all records before that, and no more', async () => {
    const { spool } = await open();
    const ends = [0];
    for (let sequence = 0; sequence < 3; sequence++) {
      await spool.append([testItem('a', sequence, { detections: '' })]);
      ends.push(spool.bytes);
    }
    await spool.close();
    const [name] = files();
    const whole = readFileSync(join(folder, name!));
    for (let length = 0; length <= whole.length; length++) {
      writeFileSync(join(folder, name!), whole.subarray(0, length));
      const { spool: again, known } = await open();
      const complete = ends.filter((end) => end <= length).length - 1;
      expect([length, known.length]).toEqual([length, complete]);
      if (length % 97 === 0) expect(await drain(again)).toHaveLength(complete);
      await again.close();
    }
    expect(spoiled).toBe(0);
  });

  it('filled with zeros or noise behind a record, or with a byte changed, it has the others', async () => {
    const { spool } = await open();
    const ends = [0];
    for (let sequence = 0; sequence < 4; sequence++) {
      await spool.append([testItem('a', sequence)]);
      ends.push(spool.bytes);
    }
    await spool.close();
    const [name] = files();
    const whole = readFileSync(join(folder, name!));
    let state = 42;
    const random = (below: number): number => (state = (state * 1_103_515_245 + 12_345) % 2 ** 31) % below;
    for (let round = 0; round < 150; round++) {
      const content = Buffer.from(whole);
      const at = random(content.length);
      const how = round % 3;
      if (how === 0) content.fill(0, at);
      if (how === 1) for (let i = at; i < content.length; i++) content[i] = random(256);
      if (how === 2) content[at]! ^= 1 + random(255);
      writeFileSync(join(folder, name!), content);
      const hit = ends.findIndex((end) => end > at) - 1;
      const { spool: again } = await open();
      const left = await drain(again);
      const expected = [0, 1, 2, 3].filter((i) => (how === 2 ? i !== hit : i < hit)).map((i) => `a:${i}`);
      // A length that is wrong hides what follows.
      if (how === 2 && at - ends[hit]! < 4) expect(left).toEqual(expected.filter((one) => left.includes(one)));
      else expect(left).toEqual(expected);
      await again.close();
    }
    expect(spoiled).toBeGreaterThan(0);
  });

  it('a record that rots while it waits is counted, and the next one comes', async () => {
    const { spool } = await open();
    await spool.append([testItem('a', 0)]);
    const [end] = [spool.bytes];
    await spool.append([testItem('a', 1)]);
    const path = join(folder, files()[0]!);
    const content = readFileSync(path);
    content[end - 1]! ^= 1;
    writeFileSync(path, content);
    expect(await drain(spool)).toEqual(['a:1']);
    expect(spoiled).toBe(1);
    rmSync(path, { force: true });
    await spool.append([testItem('a', 2)]);
    rmSync(join(folder, files()[0]!));
    expect(await drain(spool)).toEqual([]);
    expect(spoiled).toBe(2);
    await spool.close();
  });

  it('takes no more than its bytes, and again when there is room', async () => {
    const { spool } = await open({ maxBytes: 3_000, segmentBytes: 1 });
    let taken = 0;
    const fill = async () => {
      for (;;) {
        await spool.append([testItem('a', taken)]);
        taken++;
      }
    };
    await expect(fill()).rejects.toThrow(SpoolFull);
    expect(spool.bytes).toBeLessThanOrEqual(3_000);
    const before = taken;
    await spool.oldest();
    await spool.drained();
    await expect(fill()).rejects.toThrow(SpoolFull);
    expect(taken).toBe(before + 1);
    await spool.close();
  });
});

describe('HistorySpool on a disk that', () => {
  const disk = { fails: '' as '' | 'ENOSPC' | 'EIO', atSync: false, free: 1e12 };
  const failing: SpoolDisk = {
    async write(file, bytes, position) {
      const fails = disk.fails !== '' && !disk.atSync;
      await file.write(bytes, 0, fails ? bytes.length >> 1 : bytes.length, position);
      if (fails) throw Object.assign(new Error(disk.fails), { code: disk.fails });
    },
    async sync(file) {
      if (disk.fails !== '' && disk.atSync) throw Object.assign(new Error(disk.fails), { code: disk.fails });
      await file.datasync();
    },
    freeBytes: () => Promise.resolve(disk.free),
  };
  beforeEach(() => void Object.assign(disk, { fails: '', atSync: false, free: 1e12 }));

  it.each([
    ['ENOSPC', false, SpoolFull],
    ['ENOSPC', true, SpoolFull],
    ['EIO', false, Error],
    ['EIO', true, Error],
  ] as const)(
    'fails with %s (at sync: %s) takes nothing of that record, and goes on later',
    async (code, atSync, kind) => {
      const { spool } = await open({ disk: failing });
      await spool.append([testItem('a', 0)]);
      const bytes = spool.bytes;
      Object.assign(disk, { fails: code, atSync });
      for (let i = 0; i < 3; i++) await expect(spool.append([testItem('a', 1)])).rejects.toThrow(kind);
      expect(spool.bytes).toBe(bytes);
      disk.fails = '';
      await spool.append([testItem('a', 2)]);
      await spool.close();
      const { spool: again, known } = await open();
      expect(known.map(({ sequence }) => sequence)).toEqual([0, 2]);
      expect(await drain(again)).toEqual(['a:0', 'a:2']);
      expect(spoiled).toBe(0);
      await again.close();
    },
  );

  it('is nearly full is left alone', async () => {
    const { spool } = await open({ disk: failing, minFreeBytes: 1e9 });
    disk.free = 1e9 + 100;
    await expect(spool.append([testItem('a', 0)])).rejects.toThrow('the disk is nearly full');
    expect(files()).toEqual([]);
    await spool.close();
  });
});
