import { createHmac } from 'node:crypto';

/** Bearer of an sfu node's HLS origin, hex: who has it can read all media of all Streams, and do nothing else. */
export function hlsOriginToken(nodeSecret: string): string {
  return createHmac('sha256', nodeSecret).update('hls-origin').digest('hex');
}
