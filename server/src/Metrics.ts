import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { fromZero } from './protocol/node.ts';

/** What the server counts. One registry per server, so that several in one test process do not mix. */
export class Metrics {
  readonly registry = new Registry();
  readonly #registers = [this.registry];

  /** `door`: http, hls, whip, whep, signaling, upgrade, control, heartbeat. */
  readonly refused = new Counter({
    name: 'framelock_refused_messages_total',
    help: 'Messages and requests refused, by the door at which they came and the refusal code',
    labelNames: ['door', 'code'],
    registers: this.#registers,
  });
  readonly malformed = new Counter({
    name: 'framelock_malformed_messages_total',
    help: 'Messages that were no message of the contract, by door and reason',
    labelNames: ['door', 'reason'],
    registers: this.#registers,
  });
  readonly nodesLost = new Counter({
    name: 'framelock_nodes_lost_total',
    help: 'Connections to nodes that ended without being asked to, by kind',
    labelNames: ['kind'],
    registers: this.#registers,
  });
  readonly peersClosed = new Counter({
    name: 'framelock_signaling_peers_closed_total',
    help: 'Signalling sockets that ended, by cause',
    labelNames: ['cause'],
    registers: this.#registers,
  });
  readonly publicationsStarted = new Counter({
    name: 'framelock_publications_started_total',
    help: 'Publications that began',
    registers: this.#registers,
  });
  readonly publicationsEnded = new Counter({
    name: 'framelock_publications_ended_total',
    help: 'Publications that ended, by reason',
    labelNames: ['reason'],
    registers: this.#registers,
  });
  readonly analysisStarts = new Counter({
    name: 'framelock_analysis_starts_total',
    help: 'Attempts to start the analysis of a Publication, by outcome',
    labelNames: ['outcome'],
    registers: this.#registers,
  });
  readonly sourceAttempts = new Counter({
    name: 'framelock_source_attempts_total',
    help: 'Attempts to run a Source, by type and outcome (opened, then finished or failed; or refused)',
    labelNames: ['type', 'outcome'],
    registers: this.#registers,
  });
  readonly viewerFrames = new Counter({
    name: 'framelock_viewer_frames_total',
    help: 'Frames that viewers reported as presented, by how their boxes came to be',
    labelNames: ['kind'],
    registers: this.#registers,
  });
  readonly viewerWrongFrames = new Counter({
    name: 'framelock_viewer_wrong_frames_total',
    help: 'Pictures that viewers reported as shown with boxes of another frame, drawn as exact',
    registers: this.#registers,
  });
  readonly viewerLatency = new Histogram({
    name: 'framelock_capture_to_overlay_seconds',
    help: 'From capture to the picture with its boxes: the median of each report of a viewer whose clocks are known',
    buckets: [0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2, 5],
    registers: this.#registers,
  });
  readonly recordingsDeleted = new Counter({
    name: 'framelock_recordings_deleted_total',
    help: 'Recordings deleted, by why: request, age, bytes',
    labelNames: ['why'],
    registers: this.#registers,
  });
  readonly exposureReports = new Counter({
    name: 'framelock_exposure_reports_total',
    help: 'Exposure reports of inference nodes: taken, or not: malformed, unknown (Publication), elsewhere (another server takes it), full (too much waits), databaseAway',
    labelNames: ['outcome'],
    registers: this.#registers,
  });
  readonly exposureDropped = new Counter({
    name: 'framelock_exposure_dropped_total',
    help: 'Appearances that left the queue to the database unwritten since too many waited; their node tells of them again',
    registers: this.#registers,
  });
  readonly historyBatches = fromZero(
    new Counter({
      name: 'framelock_history_batches_total',
      help: 'HistoryBatches of inference nodes, by what became of them: stored, spooled (on disk until the database takes it), known (told again), aside (a dead letter: the database refuses it); or not acknowledged: refused (no room), unknown (Publication), elsewhere (another server takes it), databaseAway (whose it is can not be asked)',
      labelNames: ['outcome'],
      registers: this.#registers,
    }),
    'outcome',
    ['stored', 'spooled', 'refused', 'aside'],
  );
  readonly historyDropped = fromZero(
    new Counter({
      name: 'framelock_history_dropped_total',
      help: 'Lots of history that are lost, by why: full (events of the server itself, for which neither database nor spool had room), spoiled (spool records that can not be read), poison (refused by the database, and could not be put aside)',
      labelNames: ['why'],
      registers: this.#registers,
    }),
    'why',
    ['full', 'spoiled', 'poison'],
  );
  readonly historyDeleted = new Counter({
    name: 'framelock_history_deleted_total',
    help: 'Rows of history deleted since they were too old, by kind',
    labelNames: ['kind'],
    registers: this.#registers,
  });
  readonly historySpoiledBatches = new Counter({
    name: 'framelock_history_spoiled_batches_total',
    help: 'Stored batches of detections that could not be read when somebody asked for them, and were left out',
    registers: this.#registers,
  });
  readonly historyWriteSeconds = new Histogram({
    name: 'framelock_history_write_seconds',
    help: 'Of one transaction of history',
    buckets: [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5],
    registers: this.#registers,
  });
  readonly hlsRequests = new Counter({
    name: 'framelock_hls_proxy_requests_total',
    help: 'HLS requests answered, by where from: cache, joined (a request under way), origin, piped (by itself)',
    labelNames: ['from'],
    registers: this.#registers,
  });
  readonly hlsSentBytes = new Counter({
    name: 'framelock_hls_proxy_sent_bytes_total',
    help: 'Bytes of HLS bodies sent to clients',
    registers: this.#registers,
  });
  readonly hlsEvicted = new Counter({
    name: 'framelock_hls_proxy_evicted_total',
    help: 'Answers that left the HLS cache to make room',
    registers: this.#registers,
  });
  readonly galleryPushes = new Counter({
    name: 'framelock_gallery_pushes_total',
    help: 'Galleries sent to inference nodes, by outcome: taken, failed (sent again), refused (not sent again until it changes)',
    labelNames: ['outcome'],
    registers: this.#registers,
  });
  readonly galleryBrandsLeftOut = new Counter({
    name: 'framelock_gallery_brands_left_out_total',
    help: 'Brands that a gallery was made without, for they fit no message: by their own facts, or there are too many',
    registers: this.#registers,
  });
  readonly brandEmbeddings = new Counter({
    name: 'framelock_brand_embeddings_total',
    help: 'Reference images given to a brand model, by outcome: embedded, refused (no mark in it), failed (tried again)',
    labelNames: ['outcome'],
    registers: this.#registers,
  });
  readonly brandImagesRefused = new Counter({
    name: 'framelock_brand_images_refused_total',
    help: 'Reference images that were not taken, by whom: image (no picture that may be kept), model (nothing found in it)',
    labelNames: ['by'],
    registers: this.#registers,
  });
  readonly databaseFaults = new Counter({
    name: 'framelock_database_faults_total',
    help: 'Writes to the database that failed and were given up',
    registers: this.#registers,
  });

  readonly admissionsEnded = new Counter({
    name: 'framelock_admissions_ended_total',
    help: 'Publishers and viewers sent away because their token, sign-in, link or key was withdrawn or ended',
    labelNames: ['role'],
    registers: this.#registers,
  });
  readonly logins = new Counter({
    name: 'framelock_logins_total',
    help: 'Sign-ins by password, by outcome: accepted, refused, limited',
    labelNames: ['outcome'],
    registers: this.#registers,
  });
  readonly auditDropped = new Counter({
    name: 'framelock_audit_entries_dropped_total',
    help: 'Audit entries that could not be stored; they are in the log instead',
    registers: this.#registers,
  });

  constructor() {
    collectDefaultMetrics({ register: this.registry });
  }

  /** A figure asked for at each scrape. */
  gauge(name: string, help: string, read: () => number): void {
    new Gauge({
      name,
      help,
      registers: this.#registers,
      collect() {
        this.set(read());
      },
    });
  }

  /** The same, with one value for each label. */
  labelledGauge(name: string, help: string, label: string, read: () => Iterable<[string, number]>): void {
    new Gauge({
      name,
      help,
      labelNames: [label],
      registers: this.#registers,
      collect() {
        this.reset();
        for (const [value, figure] of read()) this.set({ [label]: value }, figure);
      },
    });
  }
}
