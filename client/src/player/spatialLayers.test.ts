import { describe, expect, it } from 'vitest';
import { spatialLayers } from './spatialLayers.ts';

describe('spatialLayers', () => {
  it('reads the scalability mode until the publisher tells its size', () => {
    expect(spatialLayers({ scalabilityMode: 'L3T3_KEY', layer: null })).toBe(3);
    expect(spatialLayers({ scalabilityMode: 'L2T3_KEY', layer: 1 })).toBe(2);
    expect(spatialLayers({ scalabilityMode: 'L1T3', layer: 0 })).toBe(1);
    expect(spatialLayers({ scalabilityMode: undefined, layer: null })).toBe(1);
  });

  it('counts what a browser sends of a small picture, upright or not', () => {
    const asked = { scalabilityMode: 'L3T3_KEY', layer: 0 };
    expect(spatialLayers({ ...asked, width: 1280, height: 720 })).toBe(3);
    expect(spatialLayers({ ...asked, width: 640, height: 360 })).toBe(2);
    expect(spatialLayers({ ...asked, width: 360, height: 640 })).toBe(2);
    expect(spatialLayers({ ...asked, width: 320, height: 180 })).toBe(1);
  });

  it('believes a layer that arrives over what should fit', () => {
    expect(spatialLayers({ scalabilityMode: 'L3T3_KEY', width: 640, height: 360, layer: 2 })).toBe(3);
  });
});
