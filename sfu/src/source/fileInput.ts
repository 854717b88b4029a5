import { realpath, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { Refusal } from '@framelock/server/protocol';
import type { SourceInput } from './SourceInput.ts';

/** Demuxers that read one file and nothing else. Playlists (hls, concat, sdp, dash, image patterns) name others to open. */
const demuxers = [
  ...['mov', 'matroska', 'mpegts', 'mpeg', 'flv', 'avi', 'ogg', 'asf', 'mxf', 'ivf', 'h264', 'hevc', 'av1', 'obu'],
  ...['wav', 'mp3', 'aac', 'flac', 'w64', 'aiff', 'rm', 'nut', 'gif', 'm4v', 'mpegvideo', 'mjpeg', 'dv'],
];

/** A file of the allowed folder, by its plain name. @throws Refusal */
export async function openFile(name: string, loop: boolean, folder: string | undefined): Promise<SourceInput> {
  if (!folder) throw new Refusal('unavailable', 'this node has no folder for files: set SOURCE_FILES_DIR');
  if (!name || name.startsWith('.') || /[/\\\u0000-\u001f]/.test(name) || Buffer.byteLength(name) > 255) {
    throw new Refusal('badRequest', 'a file is given by its plain name, without folders');
  }
  const missing = new Refusal('notFound', `there is no file ${name} on this node: upload it again`);
  const root = await realpath(folder).catch(() => undefined);
  if (!root) throw missing;
  const path = await realpath(join(root, name)).catch(() => undefined);
  if (!path) throw missing;
  if (!path.startsWith(root.endsWith(sep) ? root : root + sep)) {
    throw new Refusal('forbidden', `${name} is a link that leads out of the folder for files`);
  }
  if (!(await stat(path)).isFile()) throw new Refusal('badRequest', `${name} is not a file`);
  return {
    ffmpegArguments: ['-format_whitelist', demuxers.join(','), '-i', `file:${path}`],
    protocols: ['file'],
    pace: loop ? 'loop' : 'once',
    ready: Promise.resolve(),
    ended: new Promise(() => {}),
    close: () => {},
  };
}
