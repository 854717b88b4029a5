/** Readers of ISO/IEC 14496-12 that know nothing of what wrote it. They throw an Error at anything that is not whole. */
export interface ReadTrack {
  id: number;
  /** `vide`, `soun` */
  handler: string;
  timescale: number;
  /** Type of its sample entry. */
  sampleEntry: string;
  width: number;
  height: number;
  sps: Buffer[];
  pps: Buffer[];
  /** Has a trex. */
  extends: boolean;
}

export interface ReadSample {
  time: number;
  duration: number;
  sync: boolean;
  data: Buffer;
}

export interface ReadEvent {
  scheme: string;
  value: string;
  timescale: number;
  time: number;
  id: number;
  message: Buffer;
}

/** moof + mdat, with the emsg before it. */
export interface ReadFragment {
  sequenceNumber: number;
  events: ReadEvent[];
  tracks: { id: number; samples: ReadSample[] }[];
}

interface Box {
  type: string;
  /** In the bytes that were given. */
  start: number;
  end: number;
  body: Buffer;
}

function boxes(bytes: Buffer, from = 0, offset = 0): Box[] {
  const found: Box[] = [];
  for (let at = from; at < bytes.length;) {
    if (at + 8 > bytes.length) throw new Error('a box has no head');
    const size = bytes.readUInt32BE(at);
    const type = bytes.toString('latin1', at + 4, at + 8);
    if (size < 8 || at + size > bytes.length)
      throw new Error(`box ${type} of ${size} bytes at ${offset + at} does not fit`);
    found.push({ type, start: offset + at, end: offset + at + size, body: bytes.subarray(at + 8, at + size) });
    at += size;
  }
  return found;
}

function one(list: readonly Box[], type: string): Box {
  const found = list.filter((candidate) => candidate.type === type);
  if (found.length !== 1) throw new Error(`${found.length} boxes ${type}`);
  return found[0]!;
}

const within = (parent: Box, from = 0): Box[] => boxes(parent.body, from, parent.start + 8);

export function readInit(bytes: Buffer): ReadTrack[] {
  const top = boxes(bytes);
  if (top.map((box) => box.type).join() !== 'ftyp,moov') throw new Error('not ftyp and moov');
  const moov = within(top[1]!);
  one(moov, 'mvhd');
  const extended = within(one(moov, 'mvex')).map((box) => box.body.readUInt32BE(4));
  return moov.filter((box) => box.type === 'trak').map((trak) => readTrack(within(trak), extended));
}

function readTrack(trak: Box[], extended: readonly number[]): ReadTrack {
  const id = one(trak, 'tkhd').body.readUInt32BE(12);
  const mdia = within(one(trak, 'mdia'));
  const stbl = within(one(within(one(mdia, 'minf')), 'stbl'));
  const entry = within(one(stbl, 'stsd'), 8)[0]!;
  const video = entry.type === 'avc1';
  const avcC = video ? one(within(entry, 78), 'avcC').body : undefined;
  if (entry.type === 'mp4a') one(within(entry, 28), 'esds');
  return {
    id,
    handler: one(mdia, 'hdlr').body.toString('latin1', 8, 12),
    timescale: one(mdia, 'mdhd').body.readUInt32BE(12),
    sampleEntry: entry.type,
    width: video ? entry.body.readUInt16BE(24) : 0,
    height: video ? entry.body.readUInt16BE(26) : 0,
    ...(avcC ? parameterSets(avcC) : { sps: [], pps: [] }),
    extends: extended.includes(id),
  };
}

function parameterSets(avcC: Buffer): { sps: Buffer[]; pps: Buffer[] } {
  if ((avcC[4]! & 3) !== 3) throw new Error('NAL lengths do not have four bytes');
  const lists: Buffer[][] = [];
  let at = 5;
  for (const mask of [0x1f, 0xff]) {
    const list: Buffer[] = [];
    const count = avcC[at++]! & mask;
    for (let i = 0; i < count; i++) {
      const length = avcC.readUInt16BE(at);
      list.push(avcC.subarray(at + 2, at + 2 + length));
      at += 2 + length;
    }
    lists.push(list);
  }
  return { sps: lists[0]!, pps: lists[1]! };
}

/** All fragments of a Part or a Segment. */
export function readFragments(bytes: Buffer): ReadFragment[] {
  const fragments: ReadFragment[] = [];
  let events: ReadEvent[] = [];
  const top = boxes(bytes);
  for (let i = 0; i < top.length; i++) {
    const box = top[i]!;
    if (box.type === 'emsg') events.push(readEvent(box.body));
    else if (box.type === 'moof') {
      const mdat = top[++i];
      if (mdat?.type !== 'mdat') throw new Error('no mdat behind moof');
      fragments.push({ ...readMoof(bytes, box, mdat), events });
      events = [];
    } else if (box.type !== 'styp') throw new Error(`unexpected box ${box.type}`);
  }
  if (events.length > 0) throw new Error('an emsg belongs to no moof');
  return fragments;
}

function readMoof(bytes: Buffer, moof: Box, mdat: Box): Omit<ReadFragment, 'events'> {
  const children = within(moof);
  const used: [number, number][] = [];
  const tracks = children
    .filter((box) => box.type === 'traf')
    .map((traf) => readTraf(bytes, moof.start, within(traf), used));
  // Every byte of mdat is one sample's.
  let at = mdat.start + 8;
  for (const [start, end] of used.sort((a, b) => a[0] - b[0])) {
    if (start !== at) throw new Error(`samples leave a gap or overlap at ${at}`);
    at = end;
  }
  if (at !== mdat.end) throw new Error('mdat has bytes that are no sample');
  return { sequenceNumber: one(children, 'mfhd').body.readUInt32BE(4), tracks };
}

function readTraf(bytes: Buffer, base: number, traf: Box[], used: [number, number][]): ReadFragment['tracks'][number] {
  const tfhd = one(traf, 'tfhd').body;
  if ((tfhd.readUInt32BE(0) & 0xffffff) !== 0x020000) throw new Error('tfhd: only default-base-is-moof was expected');
  const tfdt = one(traf, 'tfdt').body;
  if (tfdt[0] !== 1) throw new Error('tfdt has 32 bits');
  let time = Number(tfdt.readBigUInt64BE(4));
  const trun = one(traf, 'trun').body;
  const flags = trun.readUInt32BE(0) & 0xffffff;
  if ((flags & 0x301) !== 0x301 || (flags & ~0x701) !== 0) throw new Error(`trun with flags ${flags.toString(16)}`);
  const count = trun.readUInt32BE(4);
  let offset = base + trun.readInt32BE(8);
  const samples: ReadSample[] = [];
  let at = 12;
  for (let i = 0; i < count; i++) {
    const duration = trun.readUInt32BE(at);
    const size = trun.readUInt32BE(at + 4);
    at += 8;
    // sample_is_non_sync_sample
    const sync = (flags & 0x400) === 0 || (trun.readUInt32BE(at) & 0x10000) === 0;
    if ((flags & 0x400) !== 0) at += 4;
    if (offset + size > bytes.length) throw new Error('a sample lies outside');
    samples.push({ time, duration, sync, data: bytes.subarray(offset, offset + size) });
    used.push([offset, offset + size]);
    time += duration;
    offset += size;
  }
  if (at !== trun.length) throw new Error('trun has bytes left');
  return { id: tfhd.readUInt32BE(4), samples };
}

function readEvent(body: Buffer): ReadEvent {
  if (body[0] !== 1) throw new Error('emsg is not of version 1');
  const schemeEnd = body.indexOf(0, 24);
  const valueEnd = body.indexOf(0, schemeEnd + 1);
  if (schemeEnd < 0 || valueEnd < 0) throw new Error('emsg: a string does not end');
  return {
    timescale: body.readUInt32BE(4),
    time: Number(body.readBigUInt64BE(8)),
    id: body.readUInt32BE(20),
    scheme: body.toString('latin1', 24, schemeEnd),
    value: body.toString('latin1', schemeEnd + 1, valueEnd),
    message: body.subarray(valueEnd + 1),
  };
}

/** Types of the NAL units (ITU-T H.264, 7.4.1) behind lengths of four bytes. */
export function nalTypes(sample: Buffer): number[] {
  const types: number[] = [];
  for (let at = 0; at < sample.length;) {
    if (at + 5 > sample.length) throw new Error('a NAL unit has no length');
    const length = sample.readUInt32BE(at);
    if (length === 0 || at + 4 + length > sample.length) throw new Error('a NAL unit does not fit');
    types.push(sample[at + 4]! & 0x1f);
    at += 4 + length;
  }
  return types;
}
