import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

export interface ToolRun {
  command: string;
  arguments: readonly string[];
  /** It is asked to end (SIGINT) after so long, and has to (SIGKILL) 5 s later. */
  seconds: number;
  onLine?: (line: string) => void;
  /** Lines of stderr; true: it is none of the complaints. */
  onErrorLine?: (line: string) => boolean;
  environment?: Record<string, string>;
}

export interface ToolResult {
  code: number | null;
  signal: NodeJS.Signals | null;
  /** Lines; the first few thousand. */
  complaints: string[];
  /** It ended by itself before it was asked to. */
  early: boolean;
}

const maxComplaints = 2_000;

/** A command-line tool that reads a live stream until it is told to stop. Rejects where it is not there. */
export async function runTool({
  command,
  arguments: args,
  seconds,
  onLine = () => {},
  onErrorLine = () => false,
  environment = {},
}: ToolRun): Promise<ToolResult> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...environment } });
  const complaints: string[] = [];
  let early = true;
  let killing: NodeJS.Timeout | undefined;
  const stopping = setTimeout(() => {
    early = false;
    child.kill('SIGINT');
    killing = setTimeout(() => child.kill('SIGKILL'), 5_000);
  }, seconds * 1000);
  createInterface({ input: child.stdout }).on('line', onLine);
  createInterface({ input: child.stderr }).on('line', (line) => {
    if (!onErrorLine(line) && complaints.length < maxComplaints) complaints.push(line);
  });
  try {
    return await new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, signal) => resolve({ code, signal, complaints, early }));
    });
  } finally {
    clearTimeout(stopping);
    clearTimeout(killing);
  }
}
