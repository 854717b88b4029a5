import { describe, expect, it } from 'vitest';
import { streamNameSchema } from './api.ts';

describe('a Stream name', () => {
  it.each(['Front door', '  spaces around  ', 'カメラ 1', 'مرحبا', '🎥', 'a'.repeat(100)])('takes %j', (name) => {
    expect(streamNameSchema.parse(name)).toBe(name.trim());
  });

  it.each([
    ['nothing', '  '],
    ['too much', 'a'.repeat(101)],
    ['a line break', 'a\nb'],
    ['NUL', 'a\0b'],
    ['a direction override', 'safe\u202Egnp.exe'],
    ['nothing that can be seen', '\u200B\u200D'],
  ])('refuses %s', (_, name) => {
    expect(streamNameSchema.safeParse(name).success).toBe(false);
  });
});
