import type { AnalysisView } from '@framelock/server/protocol';
import { formatFps } from './formatFigures.ts';

export interface AnalysisWords {
  tone: 'good' | 'info' | 'warn' | 'bad' | 'plain';
  /** For a card: a few characters. */
  short: string;
  /** For the page: an honest sentence. */
  long: string;
}

const providerNames = { cpu: 'CPU', cuda: 'CUDA', tensorrt: 'TensorRT', webgpu: 'WebGPU', wasm: 'WASM' } as const;

/**
 * What the page says about analysis. `modelName` where the description is known; else the id stands for it.
 * `layerTimeline`: of the shown simulcast layer, see PlayerStats.
 */
export function analysisWords(
  analysis: AnalysisView,
  modelName?: string,
  layerTimeline?: 'known' | 'checking' | 'unknown' | null,
): AnalysisWords {
  if (analysis.state === 'running' && layerTimeline === 'checking') {
    return {
      tone: 'info',
      short: 'Checking timing…',
      long: 'No boxes yet: the timing of this quality is being checked',
    };
  }
  if (analysis.state === 'running' && layerTimeline === 'unknown') {
    return {
      tone: 'warn',
      short: 'No boxes here',
      long: 'No boxes in this quality: its pictures can’t be matched with the analysed ones. Choose Auto to see them',
    };
  }
  switch (analysis.state) {
    case 'running':
      return runningWords(analysis, modelName);
    case 'starting':
      return { tone: 'info', short: 'Starting analysis…', long: 'Starting analysis…' };
    case 'unavailable':
      return {
        tone: 'warn',
        short: 'No inference node',
        long: 'No boxes: no inference node is running — video goes on',
      };
    case 'failed':
      return {
        tone: 'bad',
        short: 'Analysis failed',
        long: `Analysis failed: ${analysis.reason ?? 'the node gave no reason'}`,
      };
    case 'off':
      return { tone: 'plain', short: 'No analysis', long: 'Analysis is off' };
  }
}

function runningWords(analysis: AnalysisView, modelName: string | undefined): AnalysisWords {
  const { analysisFps, sourceFps, executionProvider, modelId } = analysis;
  const rate =
    analysisFps === undefined
      ? 'Analysing'
      : `Analysis ${formatFps(analysisFps)}${sourceFps ? ` of ${formatFps(sourceFps)}` : ''} fps`;
  const parts = [
    rate,
    modelName ?? modelId,
    executionProvider ? providerNames[executionProvider] : undefined,
    analysis.reason, // e.g. the execution provider fell back
  ];
  return {
    tone: analysis.reason ? 'warn' : 'good',
    short: analysisFps === undefined ? 'Analysing' : `${formatFps(analysisFps)} fps analysed`,
    long: parts.filter(Boolean).join(' · '),
  };
}
