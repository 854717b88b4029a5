export * from './PositionHeatmap.ts';
export type { TrackedBox } from './ZoneTrack.ts';
export * from './ZoneEvaluator.ts';
