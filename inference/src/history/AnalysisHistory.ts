import {
  ticksToMs,
  type ZoneEvent,
  type ZoneHeatmap,
  type ZoneSettings,
  type ZonesLive,
} from '@framelock/server/protocol';
import { ZoneEvaluator } from '@framelock/server/protocol/analysis';
import { VisualPropertiesMeter } from '../properties/VisualPropertiesMeter.ts';
import { FrameClock } from './FrameClock.ts';
import type { HistoryFrame, HistoryReporter, HistoryTracker } from './HistoryReporter.ts';

const liveEveryMs = 250;
const noZones: ZoneSettings = { zones: [], lines: [], scale: null };

export interface AnalysisHistoryOptions {
  reporter: HistoryReporter;
  /** At most four times a second, where zones, lines or a scale are drawn. */
  onZonesLive(live: ZonesLive): void;
}

/** What one Analysis tells of beside its detections: zones and lines, what pictures look like, and all of it for history. */
export class AnalysisHistory {
  readonly #options: AnalysisHistoryOptions;
  readonly #reporter: HistoryReporter;
  readonly #evaluator: ZoneEvaluator;
  readonly #meter: VisualPropertiesMeter;
  readonly #clock = new FrameClock();
  #tracker: HistoryTracker | undefined;
  #revision = 0;
  #zones = noZones;
  #names = new Map<string, string>();
  #liveAtMs = -Infinity;
  #heatmapIsNew = false;
  #wallMs = 0;
  #closed = false;

  constructor(options: AnalysisHistoryOptions) {
    this.#options = options;
    this.#reporter = options.reporter;
    this.#evaluator = new ZoneEvaluator({
      settings: noZones,
      labels: [],
      onEvent: (event) => this.#onZoneEvent(event),
    });
    this.#meter = new VisualPropertiesMeter({
      onSecond: (second) => this.#reporter.addSecond(second, this.#clock.wallMsOf(second.rtpTimestamp)),
    });
  }

  /** From the next Frame on. */
  setZones(zones: ZoneSettings): void {
    if (this.#closed) return;
    const names = new Map([...zones.zones, ...zones.lines].map(({ id, name }) => [id, name]));
    // Those that are left since their zone is gone are told with its name.
    this.#names = new Map([...this.#names, ...names]);
    this.#evaluator.setZones(zones);
    this.#names = names;
    this.#zones = zones;
  }

  /** Each analysed Frame, in order, while the tensor is its own. */
  frame(frame: HistoryFrame): void {
    if (this.#closed) return;
    const { objects, trackIds, rtpTicks, wallMs, tracker, description, picture } = frame;
    this.#clock.add(rtpTicks, wallMs);
    this.#wallMs = wallMs;
    if (tracker !== this.#tracker) this.#follow(tracker);
    this.#reporter.prepare(frame);
    if (description.revision !== this.#revision) {
      this.#revision = description.revision;
      this.#evaluator.setLabels(description.labels);
    }
    this.#reporter.add(frame);
    this.#evaluator.update(objects, trackIds, rtpTicks, picture.frameWidth, picture.frameHeight, tracker);
    this.#meter.update(picture, rtpTicks);
    this.#heatmapIsNew ||= objects.length > 0;
    if (this.#heatmapIsNew && this.#reporter.wantsHeatmap(wallMs)) {
      this.#reporter.setHeatmap(rounded(this.#evaluator.heatmap()), wallMs);
      this.#heatmapIsNew = false;
    }
    if (wallMs - this.#liveAtMs >= liveEveryMs && this.#hasZones()) {
      this.#liveAtMs = wallMs;
      this.#options.onZonesLive(this.#evaluator.live());
    }
  }

  #hasZones(): boolean {
    const { zones, lines, scale } = this.#zones;
    return zones.length > 0 || lines.length > 0 || scale !== null;
  }

  /** Its ids begin anew, and are other things' than the same ones before. */
  #follow(tracker: HistoryTracker): void {
    if (this.#tracker) this.#endRun();
    this.#tracker = tracker;
    this.#evaluator.setKeepSeconds(tracker.keepSeconds);
  }

  #endRun(): void {
    this.#evaluator.finish();
    this.#reporter.setHeatmap(rounded(this.#evaluator.takeHeatmap()), this.#wallMs);
    this.#reporter.endRun();
    this.#heatmapIsNew = false;
  }

  #onZoneEvent(event: ZoneEvent): void {
    const atMs = this.#clock.wallMsOf(event.rtpTimestamp) - ticksToMs(event.lagTicks);
    this.#reporter.addEvent({ ...event, atMs, zoneName: this.#names.get(event.zoneId) ?? '' });
  }

  /** The analysis is over. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#meter.finish();
    if (this.#tracker) this.#endRun();
    this.#reporter.finish();
  }

  dump(): object {
    const { zones, lines } = this.#zones;
    return { ...this.#reporter.dump(), zones: zones.length, lines: lines.length, zoneTracks: this.#evaluator.tracks };
  }
}

/** To ms: a fifth of the text. */
function rounded(heatmap: ZoneHeatmap): ZoneHeatmap {
  return { ...heatmap, seconds: heatmap.seconds.map((seconds) => Math.round(seconds * 1000) / 1000) };
}
