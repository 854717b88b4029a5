import { describe, expect, it } from 'vitest';
import { codecName, mediaWords, sourceTrouble, sourceWords } from './sourceWords.ts';

const nowMs = Date.parse('2026-01-01T00:00:00Z');

describe('words for Sources', () => {
  it('say who they wait for', () => {
    expect(sourceWords({ type: 'rtmp', state: 'waiting', restarts: 0 }, nowMs).short).toBe('Waiting for an encoder…');
    expect(sourceWords({ type: 'srt', state: 'waiting', restarts: 0 }, nowMs).short).toBe('Waiting for a sender…');
  });

  it('count down to the next attempt and say why the last one failed', () => {
    const source = {
      type: 'rtsp',
      state: 'retrying',
      restarts: 3,
      lastError: 'the camera refused the password',
      retryAt: '2026-01-01T00:00:03.400Z',
    } as const;
    const words = sourceWords(source, nowMs);
    expect(words.short).toBe('Trying again in 4 s');
    expect(words.long).toBe('The camera refused the password.');
    expect(words.tone).toBe('warn');
    expect(sourceWords(source, nowMs + 10_000).short).toBe('Trying again now…');
    expect(sourceTrouble(source, nowMs)?.short).toBe('Trying again in 4 s');
    expect(sourceTrouble({ ...source, state: 'running' }, nowMs)).toBeUndefined();
  });

  it('remember restarts while running', () => {
    expect(sourceWords({ type: 'file', state: 'running', restarts: 0 }, nowMs).long).toBe('');
    expect(sourceWords({ type: 'file', state: 'running', restarts: 2, lastError: 'killed' }, nowMs).long).toBe(
      'It was started again 2 times; the last error: Killed.',
    );
  });

  it('say what was copied and why not', () => {
    expect(mediaWords({ codec: 'h264', how: 'copied' }, 'video')).toBe('H.264, passed on as it is');
    expect(mediaWords({ codec: 'hevc', how: 'transcoded', why: 'browsers receive no HEVC.' }, 'video')).toBe(
      'HEVC, transcoded to H.264: browsers receive no HEVC',
    );
    expect(mediaWords({ codec: 'aac', how: 'transcoded' }, 'audio')).toBe('AAC, transcoded to Opus');
    expect(codecName('video/AV1')).toBe('AV1');
    expect(codecName('wmv3')).toBe('WMV3');
  });
});
