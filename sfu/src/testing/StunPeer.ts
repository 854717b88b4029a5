import { createHmac, randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { crc32 } from 'node:zlib';
import type { types } from 'mediasoup';

const magicCookie = 0x2112a442;
const attribute = {
  username: 0x0006,
  messageIntegrity: 0x0008,
  priority: 0x0024,
  useCandidate: 0x0025,
  fingerprint: 0x8028,
  controlling: 0x802a,
};

function encodeAttribute(type: number, value: Buffer): Buffer {
  const header = Buffer.alloc(4);
  header.writeUInt16BE(type, 0);
  header.writeUInt16BE(value.length, 2);
  return Buffer.concat([header, value, Buffer.alloc((4 - (value.length % 4)) % 4)]);
}

/** One ICE connectivity check that nominates its pair (RFC 8445 section 7.2, RFC 8489): the least that makes ICE connected. */
function bindingRequest({ usernameFragment, password }: types.IceParameters): Buffer {
  const priority = Buffer.alloc(4);
  priority.writeUInt32BE(0x7e7f1eff);
  const attributes = Buffer.concat([
    encodeAttribute(attribute.username, Buffer.from(`${usernameFragment}:test`)),
    encodeAttribute(attribute.priority, priority),
    encodeAttribute(attribute.controlling, randomBytes(8)),
    encodeAttribute(attribute.useCandidate, Buffer.alloc(0)),
  ]);
  const header = Buffer.alloc(20);
  header.writeUInt16BE(0x0001, 0);
  // The length counts MESSAGE-INTEGRITY already while its HMAC is made.
  header.writeUInt16BE(attributes.length + 24, 2);
  header.writeUInt32BE(magicCookie, 4);
  randomBytes(12).copy(header, 8);
  const signed = Buffer.concat([header, attributes]);
  const integrity = createHmac('sha1', password).update(signed).digest();
  const complete = Buffer.concat([signed, encodeAttribute(attribute.messageIntegrity, integrity)]);
  complete.writeUInt16BE(complete.length - 20 + 8, 2);
  const fingerprint = Buffer.alloc(4);
  fingerprint.writeUInt32BE((crc32(complete) ^ 0x5354554e) >>> 0);
  return Buffer.concat([complete, encodeAttribute(attribute.fingerprint, fingerprint)]);
}

/** Says hello to a WebRtcTransport by ICE, and then nothing ever again: a laptop whose lid was closed. */
export async function connectIceOnce(transport: Record<string, unknown>): Promise<void> {
  const candidates = transport.iceCandidates as types.IceCandidate[];
  const { ip, port } = candidates.find(({ protocol }) => protocol === 'udp')!;
  const socket = createSocket('udp4');
  const answered = new Promise<void>((resolve, reject) => {
    // 0x0101 is a success response, 0x0111 an error response.
    socket.once('message', (message) => {
      if (message.readUInt16BE(0) === 0x0101) resolve();
      else reject(new Error(`STUN answered ${message.readUInt16BE(0).toString(16)}`));
    });
  });
  socket.send(bindingRequest(transport.iceParameters as types.IceParameters), port, ip);
  await answered;
  socket.close();
}
