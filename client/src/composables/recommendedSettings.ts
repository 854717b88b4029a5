/** What OBS is set to under Settings → Output (mode Advanced) → Streaming, by its own names. */
export const obsSettings: { name: string; value: string; why?: string }[] = [
  { name: 'Video encoder', value: 'x264 or hardware H.264', why: 'HEVC is refused: browsers receive none by WebRTC' },
  { name: 'Rate control', value: 'CBR' },
  { name: 'Keyframe interval', value: '1 s', why: 'OBS sends no key frame on demand' },
  { name: 'CPU preset', value: 'veryfast' },
  { name: 'Profile', value: 'main (or baseline)' },
  { name: 'Tune', value: 'zerolatency' },
  { name: 'B-frames', value: '0', why: 'x264 options: bframes=0' },
  { name: 'Audio', value: 'Opus, chosen by WHIP itself' },
];

export const obsBitrates: { picture: string; kbps: number }[] = [
  { picture: '720p at 30 fps', kbps: 2500 },
  { picture: '720p at 60 fps', kbps: 4000 },
  { picture: '1080p at 30 fps', kbps: 4500 },
  { picture: '1080p at 60 fps', kbps: 6500 },
];
