import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { hlsNames } from '@framelock/server/protocol';
import { decodeSidecar, encodeSidecar, joinSidecars } from '../sidecar/sidecarBytes.ts';
import { isTemporary, writeFileAtomic } from './atomicFile.ts';
import { parseFileName, partNames, segmentNames } from './fileNames.ts';
import { formatSegmentIndex, indexFileName, parseSegmentIndex, type SegmentIndex } from './segmentIndex.ts';

/**
 * Makes one Publication's folder whole after whatever ended its writer: Parts of the unfinished Segment are joined into a
 * last Segment, missing sidecars of Segments are joined from their Parts', what is half or nobody's goes. Does nothing to
 * a folder that is whole. @throws what the disk says.
 */
export async function recoverFolder(dir: string): Promise<SegmentIndex> {
  const names = new Set(await readdir(dir));
  const text = await readFile(join(dir, indexFileName), 'utf8').catch(() => '');
  const index = parseSegmentIndex(text);
  for (const name of names) if (isTemporary(name)) await rm(join(dir, name), { force: true });
  keepTheWhole(index, names);
  await joinParts(dir, index, names);
  await joinPartSidecars(dir, index, names);
  // Playlists count Segments: one that is continued cannot leave a number out.
  const last = index.segments.at(-1);
  if (last) index.nextMsn = last.msn + 1;
  const whole = formatSegmentIndex(index);
  if (whole !== text) await writeFileAtomic(dir, indexFileName, whole);
  await removeStrays(dir, index, names);
  return index;
}

/** Forgets what is not there: everything before a Segment that is missing, and Parts from a missing one on. */
function keepTheWhole(index: SegmentIndex, names: ReadonlySet<string>): void {
  index.inits = index.inits.filter((init) => names.has(hlsNames.init(init.index)));
  const inits = new Set(index.inits.map((init) => init.index));
  const there = (msn: number, initIndex: number): boolean => names.has(hlsNames.segment(msn)) && inits.has(initIndex);
  const lastMissing = index.segments.findLastIndex(({ msn, initIndex }) => !there(msn, initIndex));
  index.segments = index.segments.slice(lastMissing + 1);
  const cut = index.parts.findIndex(
    (part) => !names.has(hlsNames.part(part.msn, part.index)) || !inits.has(part.initIndex),
  );
  if (cut >= 0) index.parts = index.parts.slice(0, cut);
}

async function joinParts(dir: string, index: SegmentIndex, names: Set<string>): Promise<void> {
  const [first] = index.parts;
  if (!first) return;
  const data = await Promise.all(index.parts.map((part) => readFile(join(dir, hlsNames.part(part.msn, part.index)))));
  const name = hlsNames.segment(first.msn);
  await writeFileAtomic(dir, name, Buffer.concat(data));
  names.add(name);
  const { index: _, ...place } = first;
  // Where the Segment before it is missing, msns would not follow each other: what is older is let go.
  if (index.segments.length > 0 && index.segments.at(-1)!.msn + 1 !== first.msn) index.segments = [];
  index.segments.push({
    ...place,
    duration: index.parts.reduce((sum, part) => sum + part.duration, 0),
    bytes: data.reduce((sum, part) => sum + part.length, 0),
    extraBytes: 0,
  });
  index.nextMsn = Math.max(index.nextMsn, first.msn + 1);
  index.parts = [];
}

/** Of the last Segments, whose sidecars may have been open when it ended. */
async function joinPartSidecars(dir: string, index: SegmentIndex, names: Set<string>): Promise<void> {
  for (const segment of index.segments.slice(-4)) {
    const [, name] = segmentNames(segment.msn);
    if (names.has(name)) continue;
    const sidecars = [];
    for (let part = 0; names.has(partNames(segment.msn, part)[1]); part++) {
      const sidecar = decodeSidecar(await readFile(join(dir, partNames(segment.msn, part)[1])));
      if (sidecar) sidecars.push(sidecar);
    }
    if (sidecars.length === 0) continue;
    const joined = joinSidecars(sidecars);
    const end = segment.start + segment.duration;
    // Detections that were lost with its last Part: nobody may take its pictures for analysed and empty.
    const bytes = encodeSidecar({ ...joined, complete: joined.complete && joined.end >= end, end });
    await writeFileAtomic(dir, name, bytes);
    names.add(name);
    segment.extraBytes += bytes.length;
  }
}

/** Parts, and files of Segments that the index does not have. */
async function removeStrays(dir: string, index: SegmentIndex, names: ReadonlySet<string>): Promise<void> {
  const first = index.segments[0]?.msn ?? Infinity;
  const last = index.segments.at(-1)?.msn ?? -1;
  for (const name of names) {
    const file = parseFileName(name);
    if (!file || file.kind === 'init' || file.kind === 'model') continue;
    const isPart = file.kind === 'part' || file.kind === 'partSidecar';
    if (isPart || file.number < first || file.number > last) await rm(join(dir, name), { force: true });
  }
}
