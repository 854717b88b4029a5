import { createHmac, randomBytes } from 'node:crypto';
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
export function bindingRequest({ usernameFragment, password }: types.IceParameters): Buffer {
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

/** What is wrong with an answer to a binding request; nothing where it is a success response (RFC 8489 section 5). */
export function bindingProblem(answer: Buffer): string | undefined {
  if (answer.length < 20 || answer.readUInt32BE(4) !== magicCookie) return 'something that is not STUN answered';
  const type = answer.readUInt16BE(0);
  return type === 0x0101 ? undefined : `STUN answered 0x${type.toString(16)}`;
}
