import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const here = fileURLToPath(new URL('.', import.meta.url));
const read = (path: string) => readFileSync(join(here, path), 'utf8');
const compose = read('compose.yaml');
const all = (text: string, pattern: RegExp) =>
  [...new Set([...text.matchAll(pattern)].map(([, found]) => found!))].sort();

test('makeSecrets.sh makes every secret that compose.yaml names, readable one by one, and keeps those that are there', () => {
  const folder = mkdtempSync(join(tmpdir(), 'framelock-secrets-'));
  try {
    for (const name of ['makeSecrets.sh', 'turnserver.conf']) cpSync(join(here, name), join(folder, name));
    const make = () => execFileSync('sh', [join(folder, 'makeSecrets.sh')], { stdio: 'pipe' });
    const secret = (name: string) => readFileSync(join(folder, 'secrets', name), 'utf8');
    make();
    expect(readdirSync(join(folder, 'secrets')).sort()).toEqual(all(compose, /file: \.\/secrets\/([\w.]+)/g));
    expect(statSync(join(folder, 'secrets')).mode & 0o777).toBe(0o700);
    for (const name of readdirSync(join(folder, 'secrets')))
      expect(statSync(join(folder, 'secrets', name)).mode & 0o777).toBe(0o444);
    expect(secret('node_secret')).toMatch(/^[0-9a-f]{64}$/);
    expect(secret('database_url')).toContain(`:${secret('postgres_password')}@postgres:5432/`);
    expect(secret('turnserver.conf')).toContain(`static-auth-secret=${secret('turn_secret')}`);
    const before = secret('node_secret');
    make();
    expect(secret('node_secret')).toBe(before);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('the entrypoint knows every secret that comes as a file', () => {
  const [, names] = /^for name in (.*); do$/m.exec(read('../docker/entrypoint.sh'))!;
  // Others' images have their own way: POSTGRES_PASSWORD_FILE, GF_…__FILE.
  const given = all(compose, /^ {6}([A-Z_]+)_FILE:/gm).filter((name) => !/^(POSTGRES|GF)_/.test(name));
  expect(given.length).toBeGreaterThan(3);
  expect(given.filter((name) => !names!.split(' ').includes(name))).toEqual([]);
});

test('.env.example has the variables of the compose files', () => {
  const written = all(read('.env.example'), /^([A-Z_]+)=/gm);
  expect(written).toEqual(all(compose + read('compose.cuda.yaml'), /\$\{([A-Z_]+)/g));
});

test('Dockerfiles and mounted files are there, and Prometheus finds each of our services at its port', () => {
  for (const path of all(compose + read('compose.cuda.yaml'), /dockerfile: (\S+)/g).map((one) =>
    one.replace(/[ ,}].*$/, ''),
  ))
    expect(existsSync(join(here, '../..', path)), path).toBe(true);
  for (const path of all(compose, /- (\.\.?\/[^:]+):/g)) expect(existsSync(join(here, path)), path).toBe(true);
  const prometheus = read('../prometheus/prometheus.yml');
  for (const [service, variable] of [
    ['server', 'PORT'],
    ['sfu', 'CONTROL_PORT'],
    ['inference', 'CONTROL_PORT'],
  ] as const) {
    const port = new RegExp(`\\b${variable}=(\\d+)`).exec(read(`../docker/${service}.Dockerfile`))?.[1];
    expect(prometheus).toMatch(new RegExp(`names: \\[${service}\\]\\n\\s+type: A\\n\\s+port: ${port}\\n`));
  }
});
