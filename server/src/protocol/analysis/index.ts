/** What analysing a picture takes beside the model run itself: the same on an inference node and in a browser. */
export * from './BoxList.ts';
export * from './BrandNamer.ts';
export * from './DetectedObject.ts';
export * from './encodeDetections.ts';
export * from './filterDetections.ts';
export * from './GalleryIndex.ts';
export * from './ExposureMeter.ts';
export * from './inputSpec.ts';
export type { NamedMark } from './MeteredAppearance.ts';
export * from './nms.ts';
export * from './postprocess.ts';
export * from './preprocess.ts';
export * from './track/SceneMeter.ts';
export * from './track/Tracker.ts';
export * from './track/TrackParameters.ts';
export * from './zones/index.ts';
