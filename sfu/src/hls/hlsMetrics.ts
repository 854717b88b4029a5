import { Gauge, type Registry } from 'prom-client';
import type { HlsPublication } from './HlsPublication.ts';
import type { Origin } from './origin/Origin.ts';
import type { S3Mirror } from './store/S3Mirror.ts';
import type { Thumbnailer } from './store/Thumbnailer.ts';

export interface HlsMetricsQuestions {
  origin: Origin;
  publications(): Iterable<HlsPublication>;
  thumbnailer: Thumbnailer;
  mirror: S3Mirror | undefined;
}

/** What the hls process counts, read when somebody scrapes: nothing is done for it per request or per frame. */
export function observeHls(
  registry: Registry,
  { origin, publications, thumbnailer, mirror }: HlsMetricsQuestions,
): void {
  const registers = [registry];
  const gauge = (name: string, help: string, read: () => number): Gauge =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  const { counts } = origin;
  new Gauge({
    name: 'framelock_hls_requests_total',
    help: 'Answers of the HLS origin, by what was asked for and HTTP status',
    labelNames: ['kind', 'status'],
    registers,
    collect() {
      for (const [kind, byStatus] of Object.entries(counts.requests)) {
        for (const [status, count] of Object.entries(byStatus)) this.set({ kind, status }, count);
      }
    },
  });
  gauge('framelock_hls_bytes_total', 'Bytes of bodies handed to sockets', () => counts.bytes);
  gauge('framelock_hls_held_total', 'Requests held until what they ask for existed', () => counts.heldTotal);
  gauge('framelock_hls_slow_closed_total', 'Connections closed because they took nothing', () => counts.slowClosed);
  gauge('framelock_hls_unauthorized_total', 'Requests without the origin token', () => counts.unauthorized);
  gauge('framelock_hls_thumbnails_skipped_total', 'Thumbnails not made', () => thumbnailer.counts.skipped);
  if (mirror) {
    new Gauge({
      name: 'framelock_hls_mirrored_total',
      help: 'Files of the copy in the S3-compatible store, by what became of them',
      labelNames: ['outcome'],
      registers,
      collect() {
        for (const [outcome, count] of Object.entries(mirror.counts)) this.set({ outcome }, count);
      },
    });
  }
  new Gauge({
    name: 'framelock_hls_publications',
    help: 'Publications by the state of their HLS',
    labelNames: ['state'],
    registers,
    collect() {
      this.reset();
      for (const publication of publications()) this.inc({ state: publication.view.state });
    },
  });
  new Gauge({
    name: 'framelock_hls_dropped_total',
    help: 'What HLS of the live Publications lost, by what it was',
    labelNames: ['what'],
    registers,
    collect() {
      this.reset();
      for (const publication of publications()) {
        for (const [what, count] of Object.entries(publication.view.dropped ?? {})) this.inc({ what }, count);
      }
    },
  });
}
