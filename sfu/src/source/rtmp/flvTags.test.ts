import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { avcProfileLevel, flvTag, FlvUnsupported, readAudio, readVideo } from './flvTags.ts';
import { messageType, type RtmpMessage } from './ChunkReader.ts';
import { splitAggregate } from './splitAggregate.ts';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');

describe('FLV tags', () => {
  it('writes the timestamp in its odd order, and the size behind', () => {
    expect(flvTag('video', 0x01020304, hex('aabb')).toString('hex')).toBe(
      '09' + '000002' + '020304' + '01' + '000000' + 'aabb' + '0000000d',
    );
  });

  it('tells sequence headers, key frames, other frames and their composition times apart', () => {
    expect(readVideo(hex('17 00 000000 0142001e ff'))).toMatchObject({ type: 'video', part: 'config' });
    expect(readVideo(hex('17 01 000000 00000001 65'))).toMatchObject({ part: 'key', compositionMs: 0 });
    expect(readVideo(hex('27 01 000021 00000001 41'))).toMatchObject({ part: 'inter', compositionMs: 33 });
    expect(readVideo(hex('27 01 ffffff 00000001 41'))).toMatchObject({ compositionMs: -1 });
    expect(readVideo(hex('17 02 000000'))).toBeUndefined();
    expect(readVideo(hex('57 00'))).toBeUndefined();
    expect(readAudio(hex('af 00 1210'))).toMatchObject({ type: 'audio', part: 'config' });
    expect(readAudio(hex('af 01 2100'))).toMatchObject({ part: 'sound' });
    expect(readAudio(hex('2f 21'))).toMatchObject({ part: 'sound' });
    expect(avcProfileLevel(hex('17 00 000000 0142c01e ff'))).toEqual({ profile: 0x42, level: 0x1e });
  });

  it('turns H.264 and AAC of Enhanced RTMP into what FFmpeg 5.1 reads', () => {
    const config = readVideo(Buffer.concat([hex('90'), Buffer.from('avc1'), hex('0142001e')]))!;
    expect([config.part, config.payload.toString('hex')]).toEqual(['config', '17000000000142001e']);
    const frames = readVideo(Buffer.concat([hex('a1'), Buffer.from('avc1'), hex('000021 aa')]))!;
    expect([frames.part, frames.compositionMs, frames.payload.toString('hex')]).toEqual(['inter', 33, '2701000021aa']);
    const key = readVideo(Buffer.concat([hex('93'), Buffer.from('avc1'), hex('aa')]))!;
    expect([key.part, key.payload.toString('hex')]).toEqual(['key', '1701000000aa']);
    const aac = readAudio(Buffer.concat([hex('90'), Buffer.from('mp4a'), hex('1210')]))!;
    expect([aac.part, aac.payload.toString('hex')]).toEqual(['config', 'af001210']);
    expect(readAudio(Buffer.concat([hex('95'), Buffer.from('mp4a'), hex('0001')]))).toBeUndefined();
  });

  it('names the OBS setting where the codec cannot be taken', () => {
    const sent = (fourCc: string): Buffer => Buffer.concat([hex('90'), Buffer.from(fourCc), hex('00')]);
    expect(() => readVideo(sent('hvc1'))).toThrow(/HEVC \(H\.265\).*Settings, Output, Streaming, Video Encoder/);
    expect(() => readVideo(sent('av01'))).toThrow(/AV1.*H\.264/);
    expect(() => readVideo(hex('1c 00 000000'))).toThrow(/HEVC/);
    expect(() => readVideo(hex('14 00 000000'))).toThrow(/VP6/);
    expect(() => readAudio(sent('Opus'))).toThrow(/Opus.*Audio Encoder/);
  });

  it('reads, ignores or refuses any payload', () => {
    const read = [readVideo, readAudio, (bytes: Buffer) => splitAggregate({ ...aggregate, payload: bytes })];
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.constantFrom(...read), (bytes, one) => {
        try {
          one(Buffer.from(bytes));
        } catch (error) {
          expect(error).toBeInstanceOf(FlvUnsupported);
        }
      }),
      { seed: 3201, numRuns: 5_000 },
    );
  });
});

const aggregate: RtmpMessage = {
  type: messageType.aggregate,
  timestampMs: 5_000,
  streamId: 1,
  payload: Buffer.alloc(0),
};

describe('splitAggregate', () => {
  it('gives the tags with times of their own', () => {
    const payload = Buffer.concat([flvTag('video', 700, hex('1701')), flvTag('audio', 720, hex('af01'))]);
    expect(splitAggregate({ ...aggregate, payload })).toEqual([
      { type: messageType.video, timestampMs: 5_000, streamId: 1, payload: hex('1701') },
      { type: messageType.audio, timestampMs: 5_020, streamId: 1, payload: hex('af01') },
    ]);
    expect(splitAggregate({ ...aggregate, payload: payload.subarray(0, 20) })).toHaveLength(1);
  });
});
