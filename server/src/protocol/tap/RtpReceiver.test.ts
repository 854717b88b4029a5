import dgram from 'node:dgram';
import { once } from 'node:events';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { NackList } from './NackList.ts';
import { ReorderBuffer } from './ReorderBuffer.ts';
import { RtpReceiver } from './RtpReceiver.ts';
import { parseRtpPacket, type RtpPacket } from './RtpPacket.ts';
import { ReceptionStatistics, writeNack, writePli } from './rtcp.ts';
import { readSenderReport, type SenderReport } from './senderReport.ts';
import { writeRtp, writeSenderReport } from './testPackets.ts';

const open: { close(): void }[] = [];
afterEach(() => {
  for (const socket of open.splice(0)) socket.close();
});

function packet(sequenceNumber: number, receivedAtMs = 0): RtpPacket {
  const fields = { payloadType: 96, ssrc: 7, timestamp: 1, marker: false, sequenceNumber };
  return parseRtpPacket(writeRtp(fields, Buffer.from([1])), receivedAtMs)!;
}

describe('ReorderBuffer', () => {
  it('waits for a hole and gives it up after its time, over the wrap', () => {
    const out: [number, boolean][] = [];
    const reorder = new ReorderBuffer({ maxWaitMs: 150, onPacket: (p, gap) => out.push([p.sequenceNumber, gap]) });
    reorder.push(packet(65_534));
    reorder.push(packet(0, 10));
    reorder.push(packet(1, 20));
    expect(reorder.missing(10)).toEqual([65_535]);
    reorder.expire(159);
    expect(out).toEqual([[65_534, true]]);
    reorder.expire(160);
    expect(out.slice(1)).toEqual([
      [0, true],
      [1, false],
    ]);
    expect(reorder.push(packet(65_535))).toBe('late');
    expect([reorder.lost, reorder.gaps, reorder.held]).toEqual([1, 1, 0]);
  });

  it('holds no more than its limit, and follows a sender that begins anew', () => {
    const out: number[] = [];
    const reorder = new ReorderBuffer({ maxHeld: 8, onPacket: (p) => out.push(p.sequenceNumber) });
    reorder.push(packet(100));
    for (let s = 102; s < 200; s += 2) reorder.push(packet(s));
    expect(reorder.held).toBeLessThanOrEqual(8);
    for (let s = 60_000; s < 60_040; s++) reorder.push(packet(s));
    expect(out.at(-1)).toBe(60_039);
  });
});

describe('NackList', () => {
  it('asks after two packets or its patience, again after a while, and not for ever', () => {
    const nacks = new NackList({ repeatMs: 40, maxTimes: 2, patienceMs: 10 });
    expect(nacks.due([5], 6, 0)).toEqual([]);
    expect(nacks.due([5], 7, 1)).toEqual([5]);
    expect(nacks.due([5, 8], 9, 11)).toEqual([]);
    expect(nacks.due([5, 8], 9, 41)).toEqual([5, 8]);
    expect(nacks.due([5, 8], 9, 200)).toEqual([8]);
    expect(nacks.due([5, 8], 9, 900)).toEqual([]);
  });
});

describe('RTCP', () => {
  it('is laid out as the RFCs say', () => {
    expect(writePli(1, 2).toString('hex')).toBe('81ce00020000000100000002');
    expect(writeNack(1, 2, [65_535, 0, 15, 40]).toString('hex')).toBe('81cd00040000000100000002ffff800100280000');
    const statistics = new ReceptionStatistics(90_000);
    for (const s of [65_534, 65_535, 1]) statistics.packet(s, 0, 0);
    const senderReport = Buffer.from('80c80006000000070000aaaabbbb0000000000010000000200000003', 'hex');
    statistics.rtcp(senderReport, 1000);
    const report = statistics.report(9, 7, 1500);
    expect(report.toString('hex')).toBe('81c9000700000009000000074000000100010001000000' + '00aaaabbbb00008000');
    statistics.rtcp(Buffer.from('80c8ffff000000', 'hex'), 0);
  });
});

describe('a sender report', () => {
  it('comes out as it was written, also from behind other packets', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 4e12 }),
        fc.nat(0xffffffff),
        fc.nat(0xffffffff),
        (ntpUnixMs, rtpTimestamp, ssrc) => {
          const compound = Buffer.concat([writePli(1, 2), writeSenderReport(ssrc, ntpUnixMs, rtpTimestamp)]);
          const report = readSenderReport(compound, ssrc)!;
          expect(report.rtpTimestamp).toBe(rtpTimestamp);
          expect(report.ntpUnixMs).toBeCloseTo(ntpUnixMs, 3);
          expect(readSenderReport(compound, (ssrc + 1) >>> 0)).toBeUndefined();
        },
      ),
      { seed: 20261121 },
    );
  });

  it('is not read from anything else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        readSenderReport(Buffer.from(bytes), 1);
      }),
      { seed: 20261121 },
    );
  });
});

describe('RtpReceiver', () => {
  it('takes Opus, a frame a packet, without asking for key frames or packets, and tells sender reports', async () => {
    const sfu = dgram.createSocket('udp4');
    open.push(sfu);
    sfu.bind(0, '127.0.0.1');
    await once(sfu, 'listening');
    const asked: number[] = [];
    sfu.on('message', (message) => asked.push(message[1]!));
    const frames: number[] = [];
    const reports: SenderReport[] = [];
    const receiver = await RtpReceiver.create({
      host: '127.0.0.1',
      onFrame: (frame) => frames.push(frame.rtpTimestamp),
      onBroken: () => {},
      onSenderReport: (report) => reports.push(report),
    });
    open.push({ close: () => receiver.close('test') });
    receiver.start({ ip: '127.0.0.1', port: sfu.address().port }, { codec: 'opus', payloadType: 100, ssrc: 7 });
    const send = (datagram: Buffer) => sfu.send(datagram, receiver.local.port, '127.0.0.1');
    // 3 is lost.
    for (const s of [1, 2, 4, 5]) {
      const fields = { payloadType: 100, ssrc: 7, marker: false, sequenceNumber: s, timestamp: s * 960 };
      send(writeRtp(fields, Buffer.from([0xfc, 0xff, 0xfe])));
    }
    send(writeSenderReport(7, 1_700_000_000_500, 960));
    send(writeSenderReport(8, 1_700_000_000_500, 960));
    await expect.poll(() => frames).toEqual([960, 1920, 3840, 4800]);
    await expect.poll(() => reports).toEqual([{ ntpUnixMs: 1_700_000_000_500, rtpTimestamp: 960 }]);
    await expect.poll(() => asked).toContain(201);
    expect(asked.filter((type) => type !== 201)).toEqual([]);
    expect(receiver.counts.lost).toBe(1);
  });

  it('counts as lost what a full buffer gives up, also when nothing is held any more', async () => {
    const sfu = dgram.createSocket('udp4');
    open.push(sfu);
    sfu.bind(0, '127.0.0.1');
    await once(sfu, 'listening');
    const receiver = await RtpReceiver.create({ host: '127.0.0.1', onFrame: () => {}, onBroken: () => {} });
    open.push({ close: () => receiver.close('test') });
    receiver.start({ ip: '127.0.0.1', port: sfu.address().port }, { codec: 'vp8', payloadType: 96, ssrc: 7 });
    const fields = { payloadType: 96, ssrc: 7, timestamp: 1, marker: false };
    const send = (sequenceNumber: number) =>
      sfu.send(writeRtp({ ...fields, sequenceNumber }, Buffer.from([0x10, 0, 1])), receiver.local.port, '127.0.0.1');
    send(1);
    // 2 is missing, and 513 held behind it are one too many.
    for (let s = 3; s <= 515; s++) send(s);
    await expect.poll(() => receiver.counts.packets).toBe(514);
    expect(receiver.counts.lost).toBe(1);
  });

  it('takes only its tap, counts the rest, asks for what is missing and for a key frame', async () => {
    const sfu = dgram.createSocket('udp4');
    const stranger = dgram.createSocket('udp4');
    open.push(sfu, stranger);
    for (const socket of [sfu, stranger]) {
      socket.bind(0, '127.0.0.1');
      await once(socket, 'listening');
    }
    const receiver = await RtpReceiver.create({ host: '127.0.0.1', onFrame: () => {}, onBroken: () => {} });
    open.push({ close: () => receiver.close('test') });
    const { port } = receiver.local;
    const feedback: string[] = [];
    const nacked = new Promise<void>((resolve) => {
      sfu.on('message', (message) => {
        feedback.push(message.subarray(0, 2).toString('hex'));
        if (message[1] === 205) resolve();
      });
    });
    receiver.start({ ip: '127.0.0.1', port: sfu.address().port }, { codec: 'vp8', payloadType: 96, ssrc: 7 });
    const rtp = (sequenceNumber: number, ssrc = 7, payloadType = 96) =>
      writeRtp({ payloadType, ssrc, timestamp: 1, marker: false, sequenceNumber }, Buffer.from([0x10, 0, 1]));
    stranger.send(rtp(1), port, '127.0.0.1');
    sfu.send(Buffer.from('not rtp'), port, '127.0.0.1');
    sfu.send(rtp(1, 8), port, '127.0.0.1');
    sfu.send(rtp(1, 7, 97), port, '127.0.0.1');
    for (const s of [1, 2, 4, 5, 5]) sfu.send(rtp(s), port, '127.0.0.1');
    await nacked;
    expect(receiver.counts).toMatchObject({ packets: 5, malformed: 1, foreign: 3, reordered: 2, duplicate: 1 });
    expect(feedback).toEqual(['81ce', '81cd']);
    expect(receiver.counts.nackedPackets).toBe(1);
    receiver.close('test');
    receiver.close('again');
    expect(receiver.closed).toBe(true);
  });
});
