import { Refusal, type OpenSource } from '@framelock/server/protocol';
import type { OpenInput, SourceInput } from './SourceInput.ts';

export interface InputDoors {
  /** The RTMP front of this node; it listens when it is first asked. */
  openRtmp: OpenInput | undefined;
}

/** The input of one attempt, by the Source's type. @throws Refusal */
export async function openInput(open: OpenSource, doors: InputDoors): Promise<SourceInput> {
  const { spec } = open;
  switch (spec.type) {
    case 'rtmp':
      if (!doors.openRtmp) throw new Refusal('unavailable', 'this node takes no RTMP: RTMP_PORT is 0');
      return doors.openRtmp(open);
    case 'test':
    case 'file':
    case 'rtsp':
    case 'srt':
      throw new Refusal('unavailable', `this node has no Sources of type ${spec.type} yet`);
  }
}
