export * from './spans.ts';
export * from './startTracing.ts';
