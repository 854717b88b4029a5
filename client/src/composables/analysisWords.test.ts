import { describe, expect, it } from 'vitest';
import { analysisWords } from './analysisWords.ts';

describe('analysisWords', () => {
  it('says rate, model and execution provider when running', () => {
    const words = analysisWords(
      { state: 'running', analysisFps: 14.82, sourceFps: 30, executionProvider: 'cpu', modelId: 'marker' },
      'Marker detector',
    );
    expect(words.long).toBe('Analysis 14.8 of 30 fps · Marker detector · CPU');
    expect(words.short).toBe('14.8 of 30 fps');
    expect(words.tone).toBe('good');
  });

  it('does not invent figures that are not there', () => {
    expect(analysisWords({ state: 'running' }).long).toBe('Analysing');
    expect(analysisWords({ state: 'running', modelId: 'marker' }).long).toBe('Analysing · marker');
  });

  it('says of a simulcast layer that it can carry no boxes, and why', () => {
    const running = { state: 'running', analysisFps: 30 } as const;
    expect(analysisWords(running, 'any', 'checking')).toMatchObject({ tone: 'info' });
    expect(analysisWords(running, 'any', 'unknown')).toMatchObject({ tone: 'warn' });
    expect(analysisWords(running, 'any', 'known')).toEqual(analysisWords(running, 'any'));
    expect(analysisWords({ state: 'off' }, 'any', 'unknown').tone).toBe('plain');
  });

  it('says that the publisher’s browser computes it, on what, and why that has stopped', () => {
    const here = { state: 'running', computedBy: 'browser', timing: 'known', executionProvider: 'wasm' } as const;
    expect(analysisWords({ ...here, threads: 1, analysisFps: 2.1, sourceFps: 15 }, 'Brands')).toMatchObject({
      long: 'Analysis 2.1 of 15 fps · Brands · WASM, 1 thread · computed in the browser',
      tone: 'good',
    });
    expect(analysisWords({ ...here, threads: 2, reason: 'webgpu failed 2 times' }, 'Brands')).toMatchObject({
      long: 'Analysing · Brands · WASM, 2 threads · webgpu failed 2 times · computed in the browser',
      tone: 'warn',
    });
    const lost = 'WebGPU lost its device; it is loaded again';
    expect(analysisWords({ ...here, state: 'failed', reason: lost })).toMatchObject({
      long: `No boxes: computed in the browser, which failed: ${lost}`,
      tone: 'bad',
    });
  });

  it('says why there are no boxes', () => {
    expect(analysisWords({ state: 'unavailable' }).long).toBe('No boxes: no inference node is running — video goes on');
    expect(analysisWords({ state: 'failed', reason: 'H264 High 10 is not supported' }).long).toBe(
      'Analysis failed: H264 High 10 is not supported',
    );
    expect(analysisWords({ state: 'starting' }).long).toBe('Starting analysis…');
    expect(analysisWords({ state: 'off' }).tone).toBe('plain');
  });
});
