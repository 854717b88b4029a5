import { connect, Server } from 'node:net';
import { once } from 'node:events';
import { pino } from 'pino';
import { expect, it } from 'vitest';
import { RtmpServer } from './RtmpServer.ts';

it('goes on when the system could not give it a connection, e.g. for want of file descriptors', async () => {
  const server = await RtmpServer.create({
    host: '127.0.0.1',
    port: 0,
    log: pino({ level: 'silent' }),
    onPublish: () => Promise.reject(new Error('nobody publishes')),
    onRefused: () => {},
  });
  const handles = (process as unknown as { _getActiveHandles(): unknown[] })._getActiveHandles();
  const listening = handles.find((one) => one instanceof Server && one.address() !== null) as Server;
  // As node:net does when accept fails; without a listener this throws.
  listening.emit('error', Object.assign(new Error('accept EMFILE'), { code: 'EMFILE' }));
  const socket = connect(server.port, '127.0.0.1');
  await once(socket, 'connect');
  socket.destroy();
  await server.close();
  expect(server.closed).toBe(true);
});
