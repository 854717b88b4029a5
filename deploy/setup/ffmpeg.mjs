import { existsSync, realpathSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ensureAptPackages } from './aptPackages.mjs';
import { hostAnswers, outputOf, runCommand } from './command.mjs';
import { node24, repositoryFolder } from './folders.mjs';
import { programOnPath } from './programOnPath.mjs';
import { SetupProblem, say } from './report.mjs';

/** FFmpeg: the one given, ffmpeg-static's, the machine's own, or Debian's, in this order. All are told on as FFMPEG_BIN. */
export const ffmpeg = {
  title: 'FFmpeg',
  takes: 'up to 2 minutes',

  find(env) {
    const given = env.FFMPEG_BIN;
    if (given) {
      if (!isUsable(given))
        throw new SetupProblem(`FFMPEG_BIN=${given} does not run, or lacks libx264; correct it or unset it`);
      return { FFMPEG_BIN: given };
    }
    for (const path of [staticBinary(), programOnPath('ffmpeg')])
      if (path && existsSync(path) && isUsable(path)) return { FFMPEG_BIN: path };
    return undefined;
  },

  async make(env) {
    if (!(await download())) await ensureAptPackages(['ffmpeg'], 'read cameras and files and to write HLS');
    const found = ffmpeg.find(env);
    if (!found)
      throw new SetupProblem(
        'the ffmpeg of this machine does not run, or lacks libx264; set FFMPEG_BIN to one that has it',
      );
    return found;
  },
};

function staticFolder() {
  return realpathSync(join(repositoryFolder, 'sfu/node_modules/ffmpeg-static'));
}

function staticBinary() {
  return join(staticFolder(), process.platform === 'win32' ? 'ffmpeg.exe' : 'ffmpeg');
}

function isUsable(path) {
  return outputOf(path, ['-hide_banner', '-encoders'])?.includes('libx264') ?? false;
}

async function download() {
  if (!(await hostAnswers('https://github.com'))) {
    say("  GitHub does not answer, so ffmpeg-static's download is out of reach");
    return false;
  }
  say("  downloading FFmpeg by ffmpeg-static's own script");
  await runCommand(node24, ['install.js'], { cwd: staticFolder(), timeoutMs: 180_000 });
  if (isUsable(staticBinary())) return true;
  // A download that broke off is taken for a whole one by the script's next run.
  rmSync(staticBinary(), { force: true });
  return false;
}
