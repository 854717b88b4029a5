import { describe, expect, it } from 'vitest';
import { rtmpCommands, whipCommands } from './encoderCommands.ts';

describe('commands to copy', () => {
  it('carry address and key', () => {
    for (const { command } of whipCommands('http://host:8080/whip/abc', 'k3y')) {
      expect(command).toContain('http://host:8080/whip/abc');
      expect(command).toContain('k3y');
    }
    for (const { command } of rtmpCommands('rtmp://host:1935/live/', 'k3y')) expect(command).toContain('/live/k3y');
  });

  it('quote what a shell would read', () => {
    expect(whipCommands('http://h/whip/a?b=1&c', "a'b")[0]!.command).toContain(`'a'\\''b' 'http://h/whip/a?b=1&c'`);
  });
});
