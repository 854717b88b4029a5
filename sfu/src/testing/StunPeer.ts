import { createSocket } from 'node:dgram';
import type { types } from 'mediasoup';
import { bindingProblem, bindingRequest } from '../stunBinding.ts';

/** Says hello to a WebRtcTransport by ICE, and then nothing ever again: a laptop whose lid was closed. */
export async function connectIceOnce(transport: Record<string, unknown>): Promise<void> {
  const candidates = transport.iceCandidates as types.IceCandidate[];
  const { ip, port } = candidates.find(({ protocol }) => protocol === 'udp')!;
  const socket = createSocket('udp4');
  const answered = new Promise<void>((resolve, reject) => {
    socket.once('message', (message) => {
      const problem = bindingProblem(message);
      if (problem === undefined) resolve();
      else reject(new Error(problem));
    });
  });
  socket.send(bindingRequest(transport.iceParameters as types.IceParameters), port, ip);
  await answered;
  socket.close();
}
