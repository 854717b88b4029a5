export interface EncoderCommand {
  name: string;
  note: string;
  command: string;
}

const video = '-c:v libx264 -preset veryfast -tune zerolatency -profile:v main -bf 0 -g 30 -b:v 4M -pix_fmt yuv420p';

/** Commands to copy. `key` stands where the stream key goes: the real one, or dots while it is hidden. */
export function whipCommands(whipUrl: string, key: string): EncoderCommand[] {
  return [
    {
      name: 'FFmpeg',
      note: '8.0 or newer, built with TLS',
      command: `ffmpeg -re -i input.mp4 ${video} -c:a libopus -ar 48000 -ac 2 -f whip -authorization ${quote(key)} ${quote(whipUrl)}`,
    },
    {
      name: 'GStreamer',
      note: '1.22 or newer with gst-plugins-rs',
      command:
        `gst-launch-1.0 whipclientsink name=out signaller::whip-endpoint=${quote(whipUrl)} signaller::auth-token=${quote(key)} ` +
        `videotestsrc is-live=true ! video/x-raw,width=1280,height=720,framerate=30/1 ! out. audiotestsrc is-live=true ! out.`,
    },
  ];
}

export function rtmpCommands(server: string, key: string): EncoderCommand[] {
  const url = `${server.replace(/\/$/, '')}/${key}`;
  return [
    {
      name: 'FFmpeg',
      note: 'any version',
      command: `ffmpeg -re -i input.mp4 ${video} -c:a aac -b:a 160k -ar 48000 -f flv ${quote(url)}`,
    },
    {
      name: 'GStreamer',
      note: 'rtmp2sink of the "bad" plug-ins',
      command:
        `gst-launch-1.0 flvmux name=mux streamable=true ! rtmp2sink location=${quote(url)} ` +
        `videotestsrc is-live=true ! video/x-raw,width=1280,height=720,framerate=30/1 ! x264enc tune=zerolatency bframes=0 key-int-max=30 bitrate=4000 ! h264parse ! mux. ` +
        `audiotestsrc is-live=true ! avenc_aac ! mux.`,
    },
  ];
}

/** For a POSIX shell. */
function quote(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
