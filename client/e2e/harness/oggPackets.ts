/**
 * Packets of an Ogg stream (RFC 3533), without the two Opus headers (RFC 7845). For streams of one logical bitstream,
 * such as FFmpeg writes them.
 */
export function opusPackets(ogg: Uint8Array): Uint8Array[] {
  const bytes = Buffer.from(ogg.buffer, ogg.byteOffset, ogg.byteLength);
  const packets: Buffer[] = [];
  let open: Buffer[] = [];
  for (let at = 0; at + 27 <= bytes.length;) {
    if (bytes.toString('latin1', at, at + 4) !== 'OggS') throw new Error(`no Ogg page at byte ${at}`);
    const lacing = bytes.subarray(at + 27, at + 27 + bytes[at + 26]!);
    at += 27 + lacing.length;
    for (const length of lacing) {
      open.push(bytes.subarray(at, at + length));
      at += length;
      if (length === 255) continue;
      packets.push(Buffer.concat(open));
      open = [];
    }
  }
  return packets.filter((packet) => !/^Opus(Head|Tags)/.test(packet.toString('latin1', 0, 8)));
}
