import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createFakeSfu, type FakeSfu } from '../../test/fakeNodes.ts';
import { nodeSecret, TestServer, until } from '../../test/TestServer.ts';
import { SourceFiles } from '../sources/SourceFiles.ts';

const maxUploadBytes = 3_000_000;
let server: TestServer;
let sfu: FakeSfu;
let folder: string;

beforeAll(async () => {
  server = await TestServer.create({ maxUploadBytes });
  folder = join(server.dataDir, 'files');
  mkdirSync(folder);
  sfu = await createFakeSfu(nodeSecret);
  await server.attach(sfu);
});
afterAll(async () => {
  await server.close();
  await sfu.close();
});
beforeEach(async () => {
  for (const { name } of await list()) await remove(name);
});

/** As an MP4 begins. */
function mp4(bytes = 5_000): Buffer<ArrayBuffer> {
  const file = Buffer.alloc(bytes, 7);
  file.write('\0\0\0\x20ftypisom', 0, 'latin1');
  return file;
}
const upload = (name: string, body: NonNullable<RequestInit['body']>, headers: Record<string, string> = {}) =>
  server.request(`/api/v1/files?name=${encodeURIComponent(name)}`, {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/octet-stream', ...headers },
  });
const remove = (name: string) => server.request(`/api/v1/files/${encodeURIComponent(name)}`, { method: 'DELETE' });
const list = async () => (await server.request('/api/v1/files')).body.files as unknown as { name: string }[];
const onDisk = () => readdirSync(folder).sort();

describe('files', () => {
  it('are uploaded, listed and deleted', async () => {
    const answer = await upload('Eingang Süd.MP4', mp4());
    expect([answer.status, answer.body]).toMatchObject([201, { name: 'Eingang Süd.mp4', sizeBytes: 5_000 }]);
    expect((await upload('b.mp4', mp4(maxUploadBytes))).status).toBe(201);
    expect((await list()).map(({ name }) => name)).toEqual(['b.mp4', 'Eingang Süd.mp4']);
    expect((await remove('Eingang Süd.mp4')).status).toBe(204);
    expect((await remove('Eingang Süd.mp4')).status).toBe(404);
    expect(onDisk()).toEqual(['b.mp4']);
  });

  it.each([
    ['../../evil.mp4', 'evil.mp4'],
    ['C:\\videos\\a.mp4', 'a.mp4'],
    ['...hidden.mp4', 'hidden.mp4'],
    ['a\u0000b\n$(x);"c".mp4', 'a_b__(x)__c_.mp4'],
    [`${'x'.repeat(400)}.mp4`, `${'x'.repeat(120)}.mp4`],
  ])('%j is called %j', async (wished, name) => {
    expect((await upload(wished, mp4())).body).toMatchObject({ name });
    expect(onDisk()).toEqual([name]);
  });

  it('refuses names, kinds and sizes in words, and leaves nothing', async () => {
    const playlist = `#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n`.padEnd(3_000);
    const refused: [string, NonNullable<RequestInit['body']>, number, Record<string, string>?][] = [
      ['.mp4', mp4(), 422],
      ['-.mp4', mp4(), 422],
      ['..', mp4(), 400],
      ['  .a.', mp4(), 422],
      ['notes.txt', mp4(), 422],
      ['a.m3u8', playlist, 422],
      ['a.mp4', playlist, 422],
      ['a.mp4', 'short', 422],
      ['a.mp4', '', 400],
      ['a.mp4', mp4(maxUploadBytes + 1), 413],
      ['a.mp4', mp4(), 415, { 'content-type': 'text/plain' }],
      ['a.mp4', mp4(), 415, { 'content-type': 'multipart/form-data; boundary=x' }],
    ];
    for (const [name, body, status, headers] of refused) {
      const answer = await upload(name, body, headers);
      expect([name, answer.status]).toEqual([name, status]);
      expect((answer.body as unknown as { error: { message: string } }).error.message).not.toBe('');
    }
    expect((await server.request('/api/v1/files', { method: 'POST', body: mp4() })).status).toBe(400);
    expect(onDisk()).toEqual([]);
  });

  it('never writes over a file', async () => {
    await upload('a.mp4', mp4());
    expect((await upload('a.mp4', mp4(9_000))).status).toBe(409);
    const many = await Promise.all([upload('b.mp4', mp4()), upload('b.mp4', mp4())]);
    expect(many.map(({ status }) => status).sort()).toEqual([201, 409]);
    expect(onDisk()).toEqual(['a.mp4', 'b.mp4']);
  });

  it('counts a body whose length nobody said', async () => {
    const pieces = [mp4(1_000_000), Buffer.alloc(1_500_000), Buffer.alloc(1_500_000)];
    const body = ReadableStream.from(pieces) as never;
    const init = { duplex: 'half', method: 'POST', body } as RequestInit;
    const answer = await server.request('/api/v1/files?name=long.mp4', init);
    expect(answer.status).toBe(413);
    expect(onDisk()).toEqual([]);
  });

  it('removes what an upload left that was aborted', async () => {
    const { port } = new URL(server.url);
    const socket = connect(Number(port), '127.0.0.1');
    socket.write(
      `POST /api/v1/files?name=aborted.mp4 HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Length: 100000\r\n\r\n`,
    );
    socket.write(mp4(50_000));
    await until(() => onDisk().some((name) => name.startsWith('.upload-')), 'it comes in');
    expect(await list()).toEqual([]);
    socket.destroy();
    await until(() => onDisk().length === 0, 'it is gone');
  });

  it('in use by a Source stay', async () => {
    await upload('used.mp4', mp4());
    const { id } = await server.createStream();
    const source = `/api/v1/streams/${id}/source`;
    const set = await server.request(source, { method: 'POST', json: { type: 'file', url: 'used.mp4' } });
    expect(set.status).toBe(201);
    expect((await remove('used.mp4')).status).toBe(409);
    await server.request(source, { method: 'DELETE' });
    expect((await remove('used.mp4')).status).toBe(204);
  });

  it('of a Source that has finished go when its Stream is gone', async () => {
    await upload('once.mp4', mp4());
    const { id: streamId } = await server.createStream();
    const json = { type: 'file', url: 'once.mp4', loop: false };
    expect((await server.request(`/api/v1/streams/${streamId}/source`, { method: 'POST', json })).status).toBe(201);
    const { publicationId } = sfu.callsOf('openSource').at(-1) as { publicationId: string };
    sfu.emit('sourceEnded', { publicationId, streamId, reason: 'finished', message: '' });
    await until(async () => (await server.stream(streamId)).source?.state === 'finished', 'finished');
    expect((await remove('once.mp4')).status).toBe(409);
    expect((await server.request(`/api/v1/streams/${streamId}`, { method: 'DELETE' })).status).toBe(204);
    expect((await remove('once.mp4')).status).toBe(204);
  });

  it('are regular ones of this folder only', async () => {
    await upload('a.mp4', mp4());
    symlinkSync('/etc/passwd', join(folder, 'link.mp4'));
    writeFileSync(join(folder, '.hidden.mp4'), 'x');
    expect((await list()).map(({ name }) => name)).toEqual(['a.mp4']);
    for (const name of ['link.mp4', '.hidden.mp4', '../admin-token', 'none.mp4']) {
      expect((await remove(name)).status).toBe(404);
    }
    expect(onDisk()).toEqual(['.hidden.mp4', 'a.mp4', 'link.mp4']);
  });
});

describe('SourceFiles', () => {
  it('refuses what the disk has no room for, and a caller that went silent', async () => {
    const files = await SourceFiles.create({
      folder,
      maxBytes: 10 ** 9,
      idleTimeoutMs: 50,
      freeBytes: () => Promise.resolve(300 * 1024 ** 2),
    });
    const body = () => ReadableStream.from([mp4()]) as never;
    await expect(files.upload({ name: 'big.mp4', body: body(), lengthBytes: 10 ** 8 })).rejects.toMatchObject({
      code: 'tooLarge',
      message: expect.stringContaining('300 MiB free') as string,
    });
    const silent = new ReadableStream({ start: (controller) => controller.enqueue(mp4()) }) as never;
    await expect(files.upload({ name: 'silent.mp4', body: silent, lengthBytes: 10_000 })).rejects.toMatchObject({
      code: 'badRequest',
    });
    expect(onDisk().filter((name) => name.startsWith('.upload-'))).toEqual([]);
  });

  it('removes what a dead server left', async () => {
    writeFileSync(join(folder, '.upload-left'), 'x');
    await SourceFiles.create({ folder, maxBytes: 1 });
    expect(onDisk()).not.toContain('.upload-left');
  });
});
