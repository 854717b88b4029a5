import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { childEnvironments, readAddresses, readEnvironment } from './environment.mjs';
import { logLine } from './logLine.mjs';

test('paths count from the folder in which npm start ran; model ids stay ids', () => {
  const read = (own: Record<string, string>) => readEnvironment({ INIT_CWD: '/here', ...own }, '/repository');
  expect(read({})).toMatchObject({ DATA_DIR: '/here/data', MODELS_DIR: '/here/data/models' });
  expect(read({}).SOURCE_FILES_DIR).toBe('/here/data/files');
  expect(read({ SOURCE_FILES_DIR: 'clips' }).SOURCE_FILES_DIR).toBe('/here/clips');
  expect(read({}).CLIENT_DIST).toBe('/repository/client/dist');
  expect(read({ MODEL: '../shared/assets/models/yolox_nano.onnx' }).MODEL).toBe(
    '/shared/assets/models/yolox_nano.onnx',
  );
  expect(read({ MODEL: 'mine.onnx' }).MODEL).toBe('/here/mine.onnx');
  expect(read({ MODEL: 'yolox-nano' }).MODEL).toBe('yolox-nano');
  expect(read({ MODEL: '' }).MODEL).toBeUndefined();
});

test('the environment goes before .env', () => {
  const repository = mkdtempSync(join(tmpdir(), 'framelock-env-'));
  writeFileSync(join(repository, '.env'), 'PORT=9001\nWORKERS=2\nADMIN_TOKEN=\n');
  const env = readEnvironment({ PORT: '9002' }, repository, '/here');
  expect(env).toMatchObject({ PORT: '9002', WORKERS: '2' });
  expect(env.ADMIN_TOKEN).toBeUndefined();
  rmSync(repository, { recursive: true });
});

test('addresses: the URL is one that can be opened, and each Worker has a port', () => {
  expect(readAddresses({})).toMatchObject({ serverUrl: 'http://127.0.0.1:8080', rtcPorts: [40000] });
  expect(readAddresses({ HOST: '0.0.0.0', PORT: '90', WORKERS: '2', RTC_PORT: '50000' })).toMatchObject({
    host: '0.0.0.0',
    serverUrl: 'http://127.0.0.1:90',
    rtcPorts: [50000, 50001],
  });
  expect(readAddresses({ HOST: '::1' }).serverUrl).toBe('http://[::1]:8080');
  expect(readAddresses({ RTC_PORT: '0' }).rtcPorts).toEqual([]);
});

test('each process gets no secret that is not its own', () => {
  const secrets = { ADMIN_TOKEN: 'a', DATABASE_URL: 'd', HLS_S3_ACCESS_KEY_ID: 'k', HLS_S3_SECRET_ACCESS_KEY: 's' };
  const { server, sfu, inference } = childEnvironments({ ...secrets, LOG_LEVEL: 'info' }, readAddresses({}));
  const has = (environment: Record<string, string>) => Object.keys(secrets).filter((name) => name in environment);
  expect(has(server)).toEqual(['ADMIN_TOKEN', 'DATABASE_URL']);
  expect(has(sfu)).toEqual(['HLS_S3_ACCESS_KEY_ID', 'HLS_S3_SECRET_ACCESS_KEY']);
  expect(has(inference)).toEqual([]);
  expect(new Set([server, sfu, inference].map(({ NODE_SECRET }) => NODE_SECRET)).size).toBe(1);
  expect(inference).toMatchObject({ LOG_LEVEL: 'info', SERVER_URL: 'http://127.0.0.1:8080' });
});

test.each(['abc', '0', '65536', '-1', '80.5', ''])('PORT=%s is refused in words, or unset', (port) => {
  if (port === '') expect(readAddresses(readEnvironment({ PORT: port }, '/repository')).port).toBe(8080);
  else expect(() => readAddresses({ PORT: port })).toThrow(`PORT=${port} is not a port`);
});

test('log lines of pino become readable, others stay as they are', () => {
  const time = new Date(2026, 0, 2, 3, 4, 5).getTime();
  expect(logLine(JSON.stringify({ level: 30, time, pid: 1, hostname: 'h', msg: 'listening', port: 1, url: 'u' }))).toBe(
    '03:04:05 info  listening port=1 url=u',
  );
  expect(logLine(JSON.stringify({ level: 50, time, msg: 'no', err: { stack: 'Error: no\n  at x' } }))).toBe(
    '03:04:05 error no\nError: no\n  at x',
  );
  for (const text of ['plain', '{broken', '{"a":1}', '']) expect(logLine(text)).toBe(text);
});
