import { describe, expect, it } from 'vitest';
import { splitTokenFromHash } from './accessToken.ts';

describe('splitTokenFromHash', () => {
  it('takes the token and leaves the rest', () => {
    expect(splitTokenFromHash('#token=abc')).toEqual({ token: 'abc', rest: '' });
    expect(splitTokenFromHash('#a=1&token=x%2Fy&b')).toEqual({ token: 'x/y', rest: '#a=1&b' });
  });

  it('leaves a hash without one alone', () => {
    expect(splitTokenFromHash('')).toEqual({ rest: '' });
    expect(splitTokenFromHash('#part')).toEqual({ rest: '#part' });
    expect(splitTokenFromHash('#token=')).toEqual({ rest: '' });
  });

  it('keeps a token that is no valid percent-encoding', () => {
    expect(splitTokenFromHash('#token=100%')).toEqual({ token: '100%', rest: '' });
  });
});
