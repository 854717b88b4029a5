import { existsSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { exitCodeOf, hostAnswers, runCommand } from './command.mjs';
import { node24, repositoryFolder } from './folders.mjs';
import { warn } from './report.mjs';

/**
 * ONNX Runtime's CUDA and TensorRT providers, by onnxruntime-node's own script (from NuGet; too large for npm). Only
 * where an NVIDIA GPU answers, and never a reason to stop: inference runs on the CPU without them.
 */
export const cuda = {
  title: "ONNX Runtime's CUDA provider for this machine's NVIDIA GPU",
  takes: '1 to 5 minutes',

  find() {
    const possible = process.platform === 'linux' && process.arch === 'x64';
    return !possible || existsSync(providerFile()) || exitCodeOf('nvidia-smi', ['-L']) !== 0 ? {} : undefined;
  },

  async make() {
    if (!(await hostAnswers('https://api.nuget.org/v3/index.json'))) {
      warn(
        'NuGet does not answer, so the CUDA provider stays away and models run on the CPU; a later start tries again',
      );
      return {};
    }
    const result = await runCommand(node24, ['script/install.js', '--onnxruntime-node-install=cuda12'], {
      cwd: packageFolder(),
      timeoutMs: 600_000,
    });
    if (!result.ok || !existsSync(providerFile()))
      warn(
        `the CUDA provider could not be installed, so models run on the CPU; a later start tries again:\n${result.tail}`,
      );
    return {};
  },
};

function packageFolder() {
  return realpathSync(join(repositoryFolder, 'inference/node_modules/onnxruntime-node'));
}

function providerFile() {
  return join(packageFolder(), 'bin/napi-v6/linux/x64/libonnxruntime_providers_cuda.so');
}
