import { createHmac, randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { crc32 } from 'node:zlib';

const magicCookie = 0x2112a442;
const attributes = {
  username: 0x0006,
  messageIntegrity: 0x0008,
  priority: 0x0024,
  useCandidate: 0x0025,
  fingerprint: 0x8028,
  controlling: 0x802a,
};
const answerTimeoutMs = 5_000;

function attribute(type: number, value: Buffer): Buffer {
  const header = Buffer.alloc(4);
  header.writeUInt16BE(type, 0);
  header.writeUInt16BE(value.length, 2);
  return Buffer.concat([header, value, Buffer.alloc((4 - (value.length % 4)) % 4)]);
}

/** A nominating connectivity check (RFC 8445 section 7.2, RFC 8489). */
function bindingRequest(remoteUfrag: string, localUfrag: string, password: string): Buffer {
  const priority = Buffer.alloc(4);
  priority.writeUInt32BE(0x7e7f1eff);
  const body = Buffer.concat([
    attribute(attributes.username, Buffer.from(`${remoteUfrag}:${localUfrag}`)),
    attribute(attributes.priority, priority),
    attribute(attributes.controlling, randomBytes(8)),
    attribute(attributes.useCandidate, Buffer.alloc(0)),
  ]);
  const header = Buffer.alloc(20);
  header.writeUInt16BE(0x0001, 0);
  header.writeUInt16BE(body.length + 24, 2); // counts MESSAGE-INTEGRITY while its HMAC is made
  header.writeUInt32BE(magicCookie, 4);
  randomBytes(12).copy(header, 8);
  const signed = Buffer.concat([header, body]);
  const integrity = createHmac('sha1', password).update(signed).digest();
  const complete = Buffer.concat([signed, attribute(attributes.messageIntegrity, integrity)]);
  complete.writeUInt16BE(complete.length - 20 + 8, 2);
  const fingerprint = Buffer.alloc(4);
  fingerprint.writeUInt32BE((crc32(complete) ^ 0x5354554e) >>> 0);
  return Buffer.concat([complete, attribute(attributes.fingerprint, fingerprint)]);
}

/** A publisher that dies between ICE and DTLS: one nominated check to the answer's UDP candidate, then silence. */
export async function connectIceOnly(offer: string, answer: string): Promise<void> {
  const value = (sdp: string, name: string) => new RegExp(`^a=${name}:(\\S+)`, 'm').exec(sdp)![1]!;
  const candidate = /^a=candidate:\S+ 1 udp \d+ (\S+) (\d+)/im.exec(answer)!;
  const socket = createSocket('udp4');
  try {
    const request = bindingRequest(value(answer, 'ice-ufrag'), value(offer, 'ice-ufrag'), value(answer, 'ice-pwd'));
    socket.send(request, Number(candidate[2]), candidate[1]);
    const [reply] = (await once(socket, 'message', { signal: AbortSignal.timeout(answerTimeoutMs) })) as [Buffer];
    if (reply.readUInt16BE(0) !== 0x0101) throw new Error(`STUN answered ${reply.readUInt16BE(0).toString(16)}`);
  } finally {
    socket.close();
  }
}
