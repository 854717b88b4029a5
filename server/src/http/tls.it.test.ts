import { mkdtempSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { nodeSecret, TestServer, until } from '../../test/TestServer.ts';
import { fingerprintOf, makeSelfSigned, selfSignedIn } from '../access/selfSigned.ts';

interface Answer {
  status: number | undefined;
  headers: Record<string, string | string[] | undefined>;
  text: string;
}

function ask(
  url: string,
  options: { method?: string; headers?: Record<string, string>; ca?: string; body?: string } = {},
) {
  const { body, ...rest } = options;
  const send = url.startsWith('https') ? httpsRequest : httpRequest;
  return new Promise<Answer>((resolve, reject) => {
    const request = send(url, { ...rest, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (piece: string) => (text += piece));
      response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, text }));
    });
    request.on('error', reject).end(body);
  });
}

let folder: string;
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), 'framelock-tls-'))));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('a certificate of our own', () => {
  let server: TestServer;
  let ca: string;
  beforeAll(async () => {
    const dataDir = join(folder, 'own');
    server = await TestServer.create({ host: '0.0.0.0', adminToken: 'admin', dataDir, tls: { selfSignedIn: dataDir } });
    ca = readFileSync(join(dataDir, 'tls/cert.pem'), 'utf8');
    expect(statSync(join(dataDir, 'tls/key.pem')).mode & 0o777).toBe(0o600);
  });
  afterAll(() => server.close());
  const plain = () => server.url.replace('https', 'http');

  it('is good for who trusts it, by address and by name, and its fingerprint is told', async () => {
    expect(server.url).toMatch(/^https:/);
    const answer = await ask(`${server.url}/api/v1/access`, { ca });
    expect(answer.status).toBe(200);
    expect(JSON.parse(answer.text)).toMatchObject({ tls: { selfSigned: true, fingerprint: fingerprintOf(ca) } });
    expect(answer.headers['strict-transport-security']).toBeUndefined();
    const byName = await ask(`${server.url.replace('127.0.0.1', 'localhost')}/healthz`, { ca });
    expect(byName.status).toBe(200);
    await expect(ask(`${server.url}/healthz`)).rejects.toThrow(/self-signed/);
  });

  it('says https in links, and has cookies for TLS only', async () => {
    const headers = { authorization: 'Bearer admin', 'content-type': 'application/json' };
    const made = await ask(`${server.url}/api/v1/streams`, { ca, method: 'POST', headers, body: '{"name":"a"}' });
    expect((JSON.parse(made.text) as { watchUrl: string }).watchUrl).toMatch(/^https:/);
    const user = { name: 'Ada', password: 'a long enough password', role: 'admin' };
    const post = (path: string) =>
      ask(`${server.url}${path}`, { ca, method: 'POST', headers, body: JSON.stringify(user) });
    expect((await post('/api/v1/users')).status).toBe(201);
    expect(String((await post('/api/v1/login')).headers['set-cookie'])).toMatch(/; Secure/);
  });

  it('takes sockets by TLS only', async () => {
    const secure = new WebSocket(`${server.url.replace('https', 'wss')}/ws`, { ca });
    await new Promise((resolve, reject) => secure.once('open', resolve).once('error', reject));
    secure.close();
    const bare = new WebSocket(`${plain().replace('http', 'ws')}/ws`);
    await expect(new Promise((resolve, reject) => bare.once('open', resolve).once('error', reject))).rejects.toThrow();
  });

  it('answers nodes of its own machine without TLS, and sends everybody else to https', async () => {
    expect((await ask(`${plain()}/healthz`)).status).toBe(200);
    expect([200, 503]).toContain((await ask(`${plain()}/readyz`)).status);
    const headers = { authorization: `Bearer ${nodeSecret}`, 'content-type': 'application/json' };
    const beat = await ask(`${plain()}/internal/nodes/heartbeat`, { method: 'POST', headers, body: '{}' });
    expect(beat.status).toBe(400);
    const page = await ask(`${plain()}/watch/x?mode=live`);
    expect([page.status, page.headers.location]).toEqual([308, `${server.url}/watch/x?mode=live`]);
    expect((await ask(`${plain()}/`, { headers: { host: 'a b' } })).status).toBe(400);
  });

  it('survives what is neither', async () => {
    const { port } = new URL(server.url);
    for (const bytes of ['\0\0\0', '\x16garbage', 'GET', '']) {
      const socket = connect(Number(port), '127.0.0.1');
      socket.on('error', () => undefined);
      socket.resume().end(bytes);
      await new Promise((resolve) => socket.once('close', resolve));
    }
    expect((await ask(`${server.url}/healthz`, { ca })).status).toBe(200);
  });
});

describe('a certificate of somebody', () => {
  it('is used, and its renewal as well', { timeout: 120_000 }, async () => {
    const tls = { certPath: join(folder, 'cert.pem'), keyPath: join(folder, 'key.pem') };
    const write = async () => {
      const pair = await makeSelfSigned(['localhost', '127.0.0.1', 'framelock.example']);
      writeFileSync(tls.certPath, pair.cert);
      writeFileSync(tls.keyPath, pair.key);
      return pair.cert;
    };
    const first = await write();
    const server = await TestServer.create({ host: '0.0.0.0', tls });
    try {
      const shown = () =>
        new Promise<string>((resolve, reject) => {
          const socket = connectTls({ port: Number(new URL(server.url).port), rejectUnauthorized: false }, () => {
            resolve(socket.getPeerX509Certificate()!.fingerprint256);
            socket.destroy();
          }).once('error', reject);
        });
      expect(await shown()).toBe(fingerprintOf(first));
      const named = await ask(`${server.url}/healthz`, { ca: first, headers: { host: 'framelock.example' } });
      expect(named.headers['strict-transport-security']).toBe('max-age=31536000');
      const second = await write();
      utimesSync(tls.certPath, new Date(), new Date(Date.now() + 5_000));
      await server.server.door?.look();
      expect(await shown()).toBe(fingerprintOf(second));
      // Half written: the one in use goes on.
      writeFileSync(tls.certPath, second.slice(0, 80));
      await server.server.door?.look();
      await until(async () => (await shown()) === fingerprintOf(second), 'the good one is still shown');
    } finally {
      await server.close();
    }
  });

  it('refuses to start with files that are none', async () => {
    const tls = { certPath: join(folder, 'none.pem'), keyPath: join(folder, 'key.pem') };
    await expect(TestServer.create({ tls })).rejects.toThrow('TLS_CERT and TLS_KEY');
    writeFileSync(tls.certPath, 'not a certificate');
    await expect(TestServer.create({ tls })).rejects.toThrow('TLS_CERT and TLS_KEY');
  });
});

it('keeps a certificate until it ends or the machine has another address', async () => {
  const dataDir = join(folder, 'kept');
  const first = await selfSignedIn(dataDir, ['localhost', '10.0.0.1']);
  expect(await selfSignedIn(dataDir, ['localhost', '10.0.0.1'])).toEqual(first);
  const second = await selfSignedIn(dataDir, ['localhost', '10.0.0.2']);
  expect(second.cert).not.toBe(first.cert);
  const old = await makeSelfSigned(['localhost'], new Date(Date.now() - 380 * 86_400_000));
  writeFileSync(join(dataDir, 'tls/cert.pem'), old.cert);
  expect((await selfSignedIn(dataDir, ['localhost'])).cert).not.toBe(old.cert);
});
