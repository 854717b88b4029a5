import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { AnalysisView, BrowserModel, ModelDescription } from '../protocol/index.ts';
import { BrowserAnalysis } from './BrowserAnalysis.ts';

const sizes = { inputWidth: 512, inputHeight: 288 };
const model: BrowserModel = { modelId: 'marker', name: 'Markers', labels: ['A'], executionProvider: 'wasm', ...sizes };

function analysed() {
  const views: AnalysisView[] = [];
  const descriptions: ModelDescription[] = [];
  const analysis = BrowserAnalysis.create({
    ...{ model, producerId: 'v1', firstRevision: 3 },
    onView: (view) => views.push(view),
    onDescription: (description) => descriptions.push(description),
  });
  return { analysis, views, descriptions };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it('says from the first word on that a browser computes it, and follows its reports', () => {
  const { analysis, views, descriptions } = analysed();
  expect(descriptions).toEqual([{ ...model, computedBy: 'browser', producerId: 'v1', revision: 3 }]);
  expect(views).toEqual([{ state: 'starting', computedBy: 'browser', modelId: 'marker', executionProvider: 'wasm' }]);
  analysis.report({ state: 'running', timing: 'known', analysisFps: 9, threads: 2 });
  expect(analysis.running).toBe(true);
  expect(analysis.view).toMatchObject({ computedBy: 'browser', analysisFps: 9, threads: 2, timing: 'known' });
  analysis.close();
});

it('counts revisions up with each description', () => {
  const { analysis, descriptions } = analysed();
  analysis.describe({ ...model, labels: ['A', 'B'] });
  expect(descriptions.at(-1)).toMatchObject({ revision: 4, labels: ['A', 'B'], producerId: 'v1' });
  analysis.close();
});

it('does not go on saying that a page analyses which has fallen silent', () => {
  const { analysis } = analysed();
  analysis.report({ state: 'running', analysisFps: 9 });
  vi.advanceTimersByTime(11_000);
  expect(analysis.view).toMatchObject({ state: 'failed', computedBy: 'browser' });
  analysis.report({ state: 'running', analysisFps: 8 });
  expect(analysis.view).toMatchObject({ state: 'running', analysisFps: 8 });
  analysis.close();
  vi.advanceTimersByTime(11_000);
  expect(analysis.view).toMatchObject({ state: 'running' });
});
