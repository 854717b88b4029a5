import { spawn, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const folder = fileURLToPath(new URL('.', import.meta.url));

/** The first Python that has what the training needs; BRANDS_PYTHON goes before the usual ones. */
function findPython(): string | undefined {
  const candidates = [process.env['BRANDS_PYTHON'], 'python3', '/usr/bin/python3'];
  const imports = 'import torch, numpy, cv2, onnx, PIL';
  return candidates.find((python) => python && spawnSync(python, ['-c', imports]).status === 0);
}

const python = findPython();
if (!python)
  console.log(
    'training smoke test skipped: no python3 with torch, numpy, cv2, onnx and PIL (Debian: apt-get install ' +
      'python3-torch python3-onnx python3-numpy python3-opencv python3-pil; or set BRANDS_PYTHON)',
  );

test.skipIf(!python)(
  'renders the same data for the same seed, learns, resumes, exports, and reads its weights back',
  { timeout: 600_000, retry: 0 },
  async () => {
    const child = spawn(python!, ['train.py', '--smoke'], {
      cwd: folder,
      env: { ...process.env, PYTHONUNBUFFERED: '1' },
    });
    let output = '';
    child.stdout.on('data', (part: Buffer) => (output += part.toString()));
    child.stderr.on('data', (part: Buffer) => (output += part.toString()));
    const code = await new Promise<number | null>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', resolve);
    });
    const last = output.trim().split('\n').at(-1) ?? '';
    expect(last, output).toMatch(/^\{/);
    const result = JSON.parse(last) as { ok: boolean; failed: string[]; bytes: number };
    expect(result.failed).toEqual([]);
    expect(code).toBe(0);
    expect(result.bytes).toBeLessThan(8_000_000);
  },
);
