import { Refusal, type OpenSource } from '@framelock/server/protocol';
import type { FfmpegBuild } from './FfmpegBuild.ts';
import { openFile } from './fileInput.ts';
import { openRtsp } from './rtspInput.ts';
import type { OpenInput, SourceInput } from './SourceInput.ts';
import { callSrt, listenSrt } from './SrtInput.ts';
import type { SrtPorts } from './SrtPorts.ts';
import { openTestPicture } from './test/testPicture.ts';

export interface InputDoors {
  /** The RTMP front of this node; it listens when it is first asked. */
  openRtmp: OpenInput | undefined;
  /** Folder of files; undefined = none is allowed. */
  filesFolder: string | undefined;
  srt: { ports: SrtPorts; host: string; announcedHost: string };
}

/** The input of one attempt, by the Source's type. @throws Refusal */
export async function openInput(open: OpenSource, build: FfmpegBuild, doors: InputDoors): Promise<SourceInput> {
  const { spec, allowPrivateAddresses } = open;
  switch (spec.type) {
    case 'test':
      build.require('encoder', 'libx264');
      build.require('encoder', 'libopus');
      return openTestPicture();
    case 'file':
      return openFile(spec.url, spec.loop, doors.filesFolder);
    case 'rtsp':
      return openRtsp(spec.url, allowPrivateAddresses);
    case 'rtmp':
      if (!doors.openRtmp) throw new Refusal('unavailable', 'this node takes no RTMP: RTMP_PORT is 0');
      return doors.openRtmp(open);
    case 'srt':
      build.require('protocol', 'srt');
      if (spec.url !== undefined) return callSrt(spec.url, build.bin, allowPrivateAddresses);
      return listenOnOwnPort(open, build, doors);
  }
}

async function listenOnOwnPort(open: OpenSource, build: FfmpegBuild, { srt }: InputDoors): Promise<SourceInput> {
  const { ports, host, announcedHost } = srt;
  const port = await ports.take(open.streamId);
  try {
    const input = listenSrt({ bin: build.bin, host, port, announcedHost, streamKey: open.streamKey });
    void input.gone.then(() => ports.release(port));
    return input;
  } catch (error) {
    ports.release(port);
    throw error;
  }
}
