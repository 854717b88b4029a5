export { Database, type DatabaseOptions } from './Database.ts';
export { DataDirLock } from './DataDirLock.ts';
export { UnusableDatabase } from './UnusableDatabase.ts';
export type { BrandImageRow, BrandRow, NodeRow, PublicationRow, RecordingRow, StreamRow } from './schema.ts';
export type {
  BrandChange,
  BrandImageFacts,
  BrandStore,
  BundledBrandRow,
  KnownBrand,
  NewBrandImage,
} from './stores/BrandStore.ts';
export type { AppearanceRow, ExposureCoverageRow } from './schema.ts';
export type {
  AppearancePosition,
  BrandTotals,
  ExposureScope,
  ExposureStore,
  ListedAppearance,
} from './stores/ExposureStore.ts';
export type {
  DetectionBatchRow,
  DetectionModelRow,
  EventRow,
  HistoryRows,
  HistoryStore,
  NewHistory,
  ObjectTrackRow,
  ObjectTrackThumbnailRow,
  PositionHeatmapRow,
  VisualPropertiesRow,
} from './stores/HistoryStore.ts';
export type { NodeStore } from './stores/NodeStore.ts';
export type { PublicationStore } from './stores/PublicationStore.ts';
export type { KnownRecording, RecordingFacts, RecordingPosition, RecordingStore } from './stores/RecordingStore.ts';
export type { StreamStore } from './stores/StreamStore.ts';
export type { ApiTokenRow, AuditRow, LoginSessionRow, ShareLinkRow, UserRow } from './schema.ts';
export type {
  AccessSnapshot,
  AccessStore,
  NewApiToken,
  NewLoginSession,
  NewShareLink,
  UserFacts,
} from './stores/AccessStore.ts';
export type { AuditStore, NewAuditEntry } from './stores/AuditStore.ts';
export type { EventDeliveryRow, EventRuleRow, EventTargetRow } from './rulesSchema.ts';
export type { DeliveryFigures, DeliveryStore, NewDelivery } from './stores/DeliveryStore.ts';
export type { NewEventRule, NewEventTarget, RuleCounts, RuleStore } from './stores/RuleStore.ts';
export type { PropertiesPointRow } from './history/propertiesPoints.ts';
export type { TrackPosition, TrackScope } from './history/trackRows.ts';
export type { BatchPosition, EventPosition, EventScope, HistoryQueries } from './stores/HistoryQueries.ts';
