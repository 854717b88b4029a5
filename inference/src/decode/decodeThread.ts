import { parentPort } from 'node:worker_threads';
import assert from 'node:assert/strict';
import { endOrder } from '../endThread.ts';
import type { FromDecodeThread, ToDecodeThread } from './decodeMessages.ts';
import { DecodeTask } from './DecodeTask.ts';

/** A decode thread: blocks in FFmpeg, and does nothing but that. One DecodeTask for each Stream it carries. */
assert(parentPort, 'decodeThread.ts runs as a worker thread');
const port = parentPort;
const tasks = new Map<number, DecodeTask>();

function send(message: FromDecodeThread): void {
  port.postMessage(message);
}

port.on('message', (message: ToDecodeThread) => {
  if (message === endOrder) return end();
  const { id } = message;
  try {
    handle(message);
  } catch (error) {
    send({ type: 'failed', id, reason: (error as Error).message });
  }
});

function end(): void {
  for (const task of tasks.values()) task.close();
  port.close();
}

function handle(message: Exclude<ToDecodeThread, typeof endOrder>): void {
  const { id } = message;
  if (message.type === 'open') {
    tasks.get(id)?.close();
    tasks.set(id, new DecodeTask(id, message.codec, send));
    return send({ type: 'opened', id });
  }
  const task = tasks.get(id);
  switch (message.type) {
    case 'target':
      task?.setTarget(message.target);
      return send({ type: 'targeted', id, targetId: message.target.targetId });
    case 'slot':
      return task?.giveSlot(message.targetId, message.slot);
    case 'posters':
      return task?.makePosters(message.everyMs);
    case 'frame':
      return task?.decode(message);
    case 'close':
      task?.close();
      tasks.delete(id);
      return send({ type: 'closed', id });
  }
}
