import { reachableAddress } from '../listenAddresses.ts';
import { openRtmpDoor } from './rtmp/openRtmpDoor.ts';
import { Sources, type SourcesOptions } from './Sources.ts';
import { SrtPorts } from './SrtPorts.ts';
import type { SourceRunTimeouts } from './SourceRun.ts';

/** What an sfu process is told of Sources. */
export interface SourceConfig {
  /** A name on the PATH, or a path. */
  ffmpegBin: string;
  /** Folder of the files that a Source may play. */
  sourceFilesDir: string | undefined;
  /** First UDP port of SRT listeners; 0 = any free one. */
  srtPort: number;
  /** 0 = no RTMP. */
  rtmpPort: number;
  sourceTimeouts?: SourceRunTimeouts;
}

/** Without a word of it (tests): FFmpeg from the environment, no fixed ports, no files. */
export const defaultSourceConfig: SourceConfig = {
  ffmpegBin: process.env.FFMPEG_BIN || 'ffmpeg',
  sourceFilesDir: undefined,
  srtPort: 0,
  rtmpPort: 0,
};

export type NodeParts = Pick<SourcesOptions, 'metrics' | 'log' | 'onStream' | 'tell'> & {
  host: string;
  announcedIp: string | undefined;
};

/** The Sources of a node with the doors that its configuration opens. */
export function createSources(config: SourceConfig, { host, announcedIp, ...parts }: NodeParts): Sources {
  const { log, metrics } = parts;
  const announcedHost = announcedIp ?? reachableAddress(host);
  const rtmp = openRtmpDoor({ host, port: config.rtmpPort, announcedIp, log, metrics });
  return new Sources({
    ...parts,
    ffmpegBin: config.ffmpegBin,
    filesFolder: config.sourceFilesDir,
    srt: { ports: new SrtPorts(config.srtPort, host), host, announcedHost },
    openRtmp: rtmp?.openRtmp,
    closeDoors: () => rtmp?.front.close(),
    ...(config.sourceTimeouts ? { timeouts: config.sourceTimeouts } : {}),
  });
}
