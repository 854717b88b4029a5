import { readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { readDockerfile, readPairs } from './prove/readDockerfile.mjs';

const fileOf = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const read = (path: string) => readFileSync(fileOf(path), 'utf8');
const readJson = (path: string) => JSON.parse(read(path)) as Record<string, Record<string, string>>;
const files = readdirSync(fileOf('.')).filter((name) => name.endsWith('.Dockerfile'));

test('patches of packages are where set-up and images bring them from', () => {
  const [, patched = ''] = read('../../pnpm-workspace.yaml').split(/^patchedDependencies:$/m);
  const paths = [...patched.matchAll(/^  \S+: (\S+)$/gm)].map(([, path]) => path!);
  expect(paths.length).toBeGreaterThan(0);
  for (const path of paths) {
    expect(path).toMatch(/^deploy\/setup\/patches\//);
    expect(read(`../../${path}`)).toMatch(/^diff --git /);
  }
});

describe.each(files)('%s', (file) => {
  const text = read(file);
  const stages = readDockerfile(text);
  const last = stages.at(-1)!;
  const argsOf = (verb: string) => last.steps.filter((step) => step.verb === verb).map(({ args }) => String(args));

  test('begins at Debian 12, or at a stage of its own', () => {
    const names = stages.map(({ name }) => name);
    for (const { from } of stages) expect(['debian:12-slim', ...names]).toContain(from);
    expect(last.from).toBe('debian:12-slim');
  });

  test('takes the Node of package.json', () => {
    const { node } = readJson('../../package.json').devDependencies!;
    expect(text).toContain(`node@${node}`);
  });

  test('gives manifests of every package to the install', () => {
    const copied = stages.flatMap(({ steps }) => steps.filter(({ verb }) => verb === 'COPY').map(({ args }) => args));
    for (const name of ['server', 'sfu', 'inference', 'client', 'db', 'deploy'])
      expect(copied).toContain(`${name}/package.json ${name}/`);
  });

  test('runs as a user of its own, tells its health, and is stopped by a signal that it obeys', () => {
    expect(argsOf('USER')).toEqual(['10001:10001']);
    expect(argsOf('STOPSIGNAL')).toEqual(['SIGTERM']);
    expect(argsOf('HEALTHCHECK')[0]).toContain('deploy/docker/healthy.mjs');
    expect(argsOf('ENTRYPOINT')).toEqual(['/opt/framelock/deploy/docker/entrypoint.sh']);
    expect(argsOf('VOLUME')[0]).toContain('/data');
  });
});

test('the CUDA provider is of the version of onnxruntime-node', () => {
  const version = readJson('../../inference/package.json').dependencies!['onnxruntime-node'];
  expect(read('inference-cuda.Dockerfile')).toContain(`onnxruntime-gpu==${version}`);
});

describe('what is read of a Dockerfile', () => {
  test('lines that go on, comments between them, flags, JSON words', () => {
    const [one, two] = readDockerfile(
      '# first\nFROM a AS b\nRUN x \\\n# why\n  && y\nFROM b\nCOPY --from=b /i/ /\nCMD ["n", "m"]\n',
    );
    expect(one).toMatchObject({ from: 'a', name: 'b', steps: [{ verb: 'RUN', args: 'x   && y', line: 3 }] });
    expect(two!.steps).toMatchObject([
      { verb: 'COPY', args: '/i/ /', flags: { from: 'b' } },
      { verb: 'CMD', args: ['n', 'm'] },
    ]);
  });

  test.each(['FROM a b c', 'RUN x', 'FROM a\nONBUILD RUN x', 'FROM a\nRUN --mount x', 'FROM a\nRUN x \\'])(
    'refuses what it does not understand: %j',
    (text) => expect(() => readDockerfile(text)).toThrow(/line \d/),
  );

  test('pairs of ENV know those before them', () => {
    expect(readPairs('A=1 PATH=/x:$PATH B="two words ${A}"', { PATH: '/bin', A: '0' })).toEqual({
      A: '1',
      PATH: '/x:/bin',
      B: 'two words 0',
    });
  });
});
