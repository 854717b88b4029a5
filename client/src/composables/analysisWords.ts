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
  if (analysis.computedBy === 'browser') return browserWords(analysis, modelName);
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

/** The publisher's own page runs the model. */
function browserWords(analysis: AnalysisView, modelName: string | undefined): AnalysisWords {
  const { state, timing, reason = 'the page gave no reason' } = analysis;
  if (state === 'failed') {
    return {
      tone: 'bad',
      short: 'Analysis failed',
      long: `No boxes: computed in the browser, which failed: ${reason}`,
    };
  }
  if (state === 'running' && timing === 'unknown') {
    return { tone: 'warn', short: 'No exact boxes', long: `No boxes: computed in the browser, but ${reason}` };
  }
  if (state !== 'running') return { tone: 'info', short: 'Starting…', long: 'Computed in the browser: starting…' };
  if (timing === 'checking') {
    return { tone: 'info', short: 'Checking timing…', long: 'Computed in the browser: checking its timing…' };
  }
  const { long, ...words } = runningWords(analysis, modelName);
  return { ...words, long: `${long} · computed in the browser` };
}

/** E.g. "WASM, 2 threads". */
function providerWords({ executionProvider, threads }: AnalysisView): string | undefined {
  if (!executionProvider) return undefined;
  const name = providerNames[executionProvider];
  if (!threads || executionProvider !== 'wasm') return name;
  return `${name}, ${threads} thread${threads === 1 ? '' : 's'}`;
}

function runningWords(analysis: AnalysisView, modelName: string | undefined): AnalysisWords {
  const { analysisFps, sourceFps, modelId } = analysis;
  const rate =
    analysisFps === undefined
      ? 'Analysing'
      : `Analysis ${formatFps(analysisFps)}${sourceFps ? ` of ${formatFps(sourceFps)}` : ''} fps`;
  const parts = [
    rate,
    modelName ?? modelId,
    providerWords(analysis),
    analysis.reason, // e.g. the execution provider fell back
  ];
  return {
    tone: analysis.reason ? 'warn' : 'good',
    short:
      analysisFps === undefined
        ? 'Analysing'
        : `${formatFps(analysisFps)}${sourceFps ? ` of ${formatFps(sourceFps)}` : ''} fps`,
    long: parts.filter(Boolean).join(' · '),
  };
}
