const pageHeaderBytes = 27;
const maxSegments = 255;
const version = Buffer.from('OpusTags', 'latin1');

const crcTable = new Uint32Array(256).map((_, i) => {
  let crc = i << 24;
  for (let bit = 0; bit < 8; bit++) crc = (crc << 1) ^ (crc < 0 ? 0x04c11db7 : 0);
  return crc >>> 0;
});

/** RFC 3533 section 6, field 7: no reflection, no final XOR. */
function crcOf(page: Buffer): number {
  let crc = 0;
  for (let i = 0; i < page.length; i++) crc = ((crc << 8) ^ crcTable[(crc >>> 24) ^ page[i]!]!) >>> 0;
  return crc;
}

/** Opus in Ogg (RFC 7845), a packet a page: FFmpeg has each as soon as it is written. */
export class OggWriter {
  #sequence = 0;

  header(): Buffer {
    const head = Buffer.alloc(19);
    head.write('OpusHead', 0, 'latin1');
    head[8] = 1;
    head[9] = 2; // channels
    head.writeUInt32LE(48_000, 12);
    const tags = Buffer.concat([version, Buffer.from([0, 0, 0, 0, 0, 0, 0, 0])]);
    return Buffer.concat([this.#page(head, 0, 2), this.#page(tags, 0, 0)]);
  }

  /** `granule`: samples at its end, 48 kHz. */
  page(packet: Buffer, granule: number): Buffer {
    return this.#page(packet, granule, 0);
  }

  /** `packet` is below 65,025 bytes. */
  #page(packet: Buffer, granule: number, flags: number): Buffer {
    const segments = Math.floor(packet.length / maxSegments) + 1;
    if (segments > maxSegments) throw new RangeError('the packet is too long for an Ogg page');
    const page = Buffer.allocUnsafe(pageHeaderBytes + segments + packet.length);
    page.write('OggS', 0, 'latin1');
    page[4] = 0;
    page[5] = flags;
    page.writeUInt32LE(granule % 2 ** 32, 6);
    page.writeUInt32LE(Math.floor(granule / 2 ** 32), 10);
    page.writeUInt32LE(1, 14);
    page.writeUInt32LE(this.#sequence++ >>> 0, 18);
    page.writeUInt32LE(0, 22);
    page[26] = segments;
    page.fill(maxSegments, pageHeaderBytes, pageHeaderBytes + segments - 1);
    page[pageHeaderBytes + segments - 1] = packet.length % maxSegments;
    packet.copy(page, pageHeaderBytes + segments);
    page.writeUInt32LE(crcOf(page), 22);
    return page;
  }
}
