import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { emptySourceForm, sourceFormProblem, sourceSpecOf, splitCredentials, withCredentials } from './sourceForm.ts';

describe('the form of a Source', () => {
  it('needs an address of the right scheme', () => {
    const problem = (rtspUrl: string) => sourceFormProblem({ ...emptySourceForm, kind: 'rtsp', rtspUrl });
    expect(problem('')).toMatch(/Write its address/);
    expect(problem('http://camera/')).toMatch(/begins with rtsp:\/\//);
    expect(problem('rtsp://')).toMatch(/begins with/);
    expect(problem('file:///etc/passwd')).toMatch(/begins with/);
    expect(problem(' rtsp://10.0.0.7:554/h264?x=1 ')).toBeUndefined();
    expect(sourceFormProblem({ ...emptySourceForm, kind: 'file' })).toMatch(/Choose a file/);
    expect(sourceFormProblem({ ...emptySourceForm, kind: 'srt' })).toBeUndefined();
    expect(sourceFormProblem({ ...emptySourceForm, kind: 'srt', srtMode: 'call' })).toMatch(/srt:/);
  });

  it('becomes what the API takes', () => {
    expect(sourceSpecOf({ ...emptySourceForm, kind: 'srt', srtUrl: 'srt://left.over:1' })).toEqual({ type: 'srt' });
    expect(sourceSpecOf({ ...emptySourceForm, kind: 'file', fileName: 'a b.mp4', loop: false })).toEqual({
      type: 'file',
      url: 'a b.mp4',
      loop: false,
    });
    const rtsp = { ...emptySourceForm, kind: 'rtsp' as const, rtspUrl: 'rtsp://cam/1', user: 'me', password: 'p@ss/1' };
    expect(sourceSpecOf(rtsp)).toEqual({ type: 'rtsp', url: 'rtsp://me:p%40ss%2F1@cam/1' });
  });
});

describe('credentials', () => {
  it('leave an address that was pasted with them', () => {
    expect(splitCredentials('rtsp://admin:p%40ss@10.0.0.7:554/1')).toEqual({
      url: 'rtsp://10.0.0.7:554/1',
      user: 'admin',
      password: 'p@ss',
    });
    expect(splitCredentials('rtsp://admin:p@ss@10.0.0.7/1')?.password).toBe('p@ss');
    expect(splitCredentials('rtsp://admin:100%@cam/1')?.password).toBe('100%');
    expect(splitCredentials('rtsp://10.0.0.7/1')).toBeUndefined();
    expect(splitCredentials('rtsp://10.0.0.7/1?mail=a@b')).toBeUndefined();
  });

  it('come back as they went in', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), fc.string({ unit: 'grapheme' }), (user, password) => {
        const url = withCredentials('rtsp://cam.example:554/a', user, password);
        expect(splitCredentials(url)).toEqual({ url: 'rtsp://cam.example:554/a', user, password });
      }),
      { seed: 7 },
    );
  });
});
