import { statfs } from 'node:fs/promises';
import { Gauge, type Registry } from 'prom-client';
import { tally } from '../tally.ts';
import type { DropTotals } from './DropTotals.ts';
import type { HlsPublication } from './HlsPublication.ts';
import type { Origin } from './origin/Origin.ts';
import type { S3Mirror } from './store/S3Mirror.ts';
import type { Thumbnailer } from './store/Thumbnailer.ts';

export interface HlsMetricsQuestions {
  /** Where media is stored. */
  dir: string;
  origin: Origin;
  publications(): Iterable<HlsPublication>;
  drops: DropTotals;
  thumbnailer: Thumbnailer;
  mirror: S3Mirror | undefined;
}

/** What the hls process counts, read when somebody scrapes: nothing is done for it per request or per frame. */
export function observeHls(
  registry: Registry,
  { dir, origin, publications, drops, thumbnailer, mirror }: HlsMetricsQuestions,
): void {
  const { counts } = origin;
  const total = (name: string, help: string, read: () => number): void =>
    tally(registry, name, help, [], () => [[{}, read()]]);
  tally(
    registry,
    'framelock_hls_requests_total',
    'Answers of the HLS origin, by what was asked for and HTTP status',
    ['kind', 'status'],
    () =>
      Object.entries(counts.requests).flatMap(([kind, byStatus]) =>
        Object.entries(byStatus).map(([status, count]): [{ kind: string; status: string }, number] => [
          { kind, status },
          count,
        ]),
      ),
  );
  total('framelock_hls_bytes_total', 'Bytes of bodies handed to sockets', () => counts.bytes);
  total('framelock_hls_held_total', 'Requests held until what they ask for existed', () => counts.heldTotal);
  tally(registry, 'framelock_hls_refused_total', 'Requests refused for a limit of the origin', ['limit'], () =>
    Object.entries(counts.refused).map(([limit, count]) => [{ limit }, count]),
  );
  total('framelock_hls_slow_closed_total', 'Connections closed because they took nothing', () => counts.slowClosed);
  total('framelock_hls_unauthorized_total', 'Requests without the origin token', () => counts.unauthorized);
  total('framelock_hls_thumbnails_skipped_total', 'Thumbnails not made', () => thumbnailer.counts.skipped);
  if (mirror) {
    tally(
      registry,
      'framelock_hls_mirrored_total',
      'Files of the copy in the S3-compatible store, by what became of them',
      ['outcome'],
      () => Object.entries(mirror.counts).map(([outcome, count]) => [{ outcome }, count]),
    );
  }
  tally(registry, 'framelock_hls_dropped_total', 'What HLS lost, by what it was', ['what'], () =>
    [...drops.count(publications())].map(([what, count]) => [{ what }, count]),
  );
  const registers = [registry];
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
    name: 'framelock_hls_write_waiting_bytes',
    help: 'Bytes that wait to be written to the disk',
    registers,
    collect() {
      let bytes = 0;
      for (const { store } of publications()) bytes += store?.waitingBytes ?? 0;
      this.set(bytes);
    },
  });
  const size = new Gauge({
    name: 'framelock_hls_disk_size_bytes',
    help: 'Size of the file system that HLS is stored on',
    registers,
  });
  new Gauge({
    name: 'framelock_hls_disk_free_bytes',
    help: 'Room that this process has on the file system that HLS is stored on',
    registers,
    async collect() {
      const found = await statfs(dir).catch(() => undefined);
      if (!found) return;
      size.set(found.blocks * found.bsize);
      this.set(found.bavail * found.bsize);
    },
  });
}
