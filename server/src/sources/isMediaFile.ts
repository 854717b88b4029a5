export const mediaExtensions = [
  'mp4',
  'mov',
  'mkv',
  'webm',
  'ts',
  'flv',
  'avi',
  'mpg',
  'm4v',
  'mts',
  'm2ts',
  'mpeg',
  'h264',
  '264',
  'ivf',
  'ogg',
  'ogv',
];

/** What `isMediaFile` wants to see; three packets of a transport stream. */
export const sniffBytes = 1_024;

const mp4Boxes = ['ftyp', 'moov', 'mdat', 'free', 'skip', 'wide', 'pnot'];

/**
 * Whether a file begins as a container of video does. Loose about which one, and strict about this: playlists and other
 * texts (HLS, ffconcat, SDP), which FFmpeg would follow to files and hosts of their choosing, are none.
 */
export function isMediaFile(start: Uint8Array): boolean {
  const bytes = Buffer.from(start.buffer, start.byteOffset, start.byteLength);
  const ascii = (from: number, to: number) => bytes.toString('latin1', from, to);
  const begins = (...values: number[]) => values.every((value, at) => bytes[at] === value);
  return (
    mp4Boxes.includes(ascii(4, 8)) ||
    begins(0x1a, 0x45, 0xdf, 0xa3) || // Matroska, WebM (EBML)
    ascii(0, 3) === 'FLV' ||
    ascii(0, 4) === 'OggS' ||
    ascii(0, 4) === 'DKIF' ||
    (ascii(0, 4) === 'RIFF' && ascii(8, 11) === 'AVI') ||
    begins(0, 0, 1, 0xba) || // MPEG program stream
    begins(0, 0, 1, 0xb3) || // MPEG video
    begins(0, 0, 0, 1) || // H.264 byte stream (Annex B)
    begins(0, 0, 1, 0x67) ||
    isTransportStream(bytes, 188, 0) ||
    isTransportStream(bytes, 192, 4)
  );
}

function isTransportStream(bytes: Buffer, packetBytes: number, offset: number): boolean {
  return bytes.length > offset + packetBytes && bytes[offset] === 0x47 && bytes[offset + packetBytes] === 0x47;
}
