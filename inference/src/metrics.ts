import { fromZero } from '@framelock/server/protocol/node';
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';

export const stages = ['decode', 'queue', 'inference', 'publish'] as const;
export type Stage = (typeof stages)[number];

/**
 * Where a Frame can be lost: in the depacketiser (packets missing or wrong, or it needs a Frame that was lost), in the
 * decoder (refused, or too many wait for it), passed over by a newer one, by the Model, at the socket to the sfu node.
 */
export const dropStages = ['depacketise', 'decode', 'sampler', 'inference', 'publish'] as const;
export type DropStage = (typeof dropStages)[number];

/** Everything that `GET /metrics` shows of this process. */
export function createMetrics() {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  return {
    registry,
    framesReceived: new Counter({
      name: 'framelock_frames_received_total',
      help: 'Compressed Frames that came out of the taps whole',
      registers,
    }),
    framesDecoded: new Counter({ name: 'framelock_frames_decoded_total', help: 'Frames decoded', registers }),
    framesAnalysed: new Counter({ name: 'framelock_frames_analysed_total', help: 'Frames a Model saw', registers }),
    framesDropped: new Counter({
      name: 'framelock_frames_dropped_total',
      help: 'Frames lost, by the stage that lost them; sampler: passed over for a newer one',
      labelNames: ['stage'] as const,
      registers,
    }),
    stageLatency: new Histogram({
      name: 'framelock_stage_latency_seconds',
      help: 'decode: last packet to picture; queue: to Model start; inference: Model run; publish: to sent',
      labelNames: ['stage'] as const,
      buckets: [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2],
      registers,
    }),
    packets: new Counter({
      name: 'framelock_tap_packets_total',
      help: 'Datagrams at the taps: taken, malformed, foreign, duplicate, late, reordered, lost, kernelDropped (not read in time)',
      labelNames: ['outcome'] as const,
      registers,
    }),
    socketErrors: new Counter({
      name: 'framelock_tap_socket_errors_total',
      help: 'Errors of tap sockets, such as feedback that the sfu node no longer takes',
      registers,
    }),
    feedback: new Counter({
      name: 'framelock_tap_feedback_total',
      help: 'Asked of the sfu: packets by NACK, key frames by PLI',
      labelNames: ['kind'] as const,
      registers,
    }),
    objectsCut: new Counter({
      name: 'framelock_objects_cut_total',
      help: 'Detections beyond what one message holds',
      registers,
    }),
    exposureDropped: fromZero(
      new Counter({
        name: 'framelock_exposure_dropped_total',
        help: 'Of exposure: appearances and coverage (of analyses) not stored, cutShort by too many at once, pictures over the memory for them',
        labelNames: ['what'] as const,
        registers,
      }),
      'what',
      ['appearances', 'coverage', 'cutShort', 'pictures'],
    ),
    historyDropped: fromZero(
      new Counter({
        name: 'framelock_history_dropped_total',
        help: 'Of history, given up unstored: batches with the last reports of tracks and events; pictures of ObjectTracks there was no time or room for',
        labelNames: ['what'] as const,
        registers,
      }),
      'what',
      ['batches', 'pictures'],
    ),
    historyWaitingBytes: new Gauge({
      name: 'framelock_history_waiting_bytes',
      help: 'Memory of the history that waits to be stored by the server, roughly',
      registers,
    }),
    messageBytes: new Counter({
      name: 'framelock_detection_message_bytes_total',
      help: 'Bytes of detection messages sent',
      registers,
    }),
    decodeThreadDeaths: new Counter({
      name: 'framelock_decode_thread_deaths_total',
      help: 'Decode threads that died and were started again',
      registers,
    }),
    controlRefused: new Counter({
      name: 'framelock_control_refused_total',
      help: 'Messages and requests refused at the control port',
      labelNames: ['reason'] as const,
      registers,
    }),
    publications: new Gauge({ name: 'framelock_publications', help: 'Publications on this node', registers }),
    queueLength: new Gauge({
      name: 'framelock_queue_length',
      help: 'decode: Frames given to decode threads and not yet decoded; inference: pictures that wait for an InferenceSession; history: batches that wait to be stored',
      labelNames: ['queue'] as const,
      registers,
    }),
    serverReachable: new Gauge({
      name: 'framelock_server_reachable',
      help: '1 when the server took the last heartbeat of this node',
      registers,
    }),
    executionProvider: new Gauge({
      name: 'framelock_execution_provider',
      help: '1 for the execution provider in use',
      labelNames: ['provider'] as const,
      registers,
    }),
  };
}

export type Metrics = ReturnType<typeof createMetrics>;
