import type { Readable } from 'node:stream';
import { Refusal } from '@framelock/server/protocol';
import { ByteRelay } from './ByteRelay.ts';
import { bracketed, checkSourceUrl } from './checkSourceUrl.ts';
import { FfmpegProcess } from './FfmpegProcess.ts';
import type { InputEnd, SourceInput } from './SourceInput.ts';

const latencyUs = 200_000;
const connectTimeoutMs = 5_000;
/** libsrt's limits for a passphrase. */
const passphraseChars = { min: 10, max: 79 };

interface SrtCall {
  bin: string;
  /** FFmpeg's options and URL. */
  args: string[];
  listenUrl: string | undefined;
  secrets: string[];
}

/**
 * One SRT connection, held by an FFmpeg that only passes its bytes on: whoever reads them may look first and read again
 * while a caller (OBS, FFmpeg) stays connected.
 */
export class SrtInput implements SourceInput {
  readonly ffmpegArguments = ['-f', 'mpegts', '-analyzeduration', '3000000', '-fflags', 'nobuffer', '-i', 'pipe:0'];
  readonly protocols = ['pipe'];
  readonly listenUrl: string | undefined;
  readonly secrets: readonly string[];
  readonly ready: Promise<void>;
  readonly ended: Promise<InputEnd>;
  readonly #pump: FfmpegProcess;
  readonly #relay = new ByteRelay();
  #bytes = 0;
  #closed = false;

  constructor({ bin, args, listenUrl, secrets }: SrtCall) {
    this.listenUrl = listenUrl;
    this.secrets = secrets;
    let onFirst: () => void;
    const first = new Promise<void>((resolve) => (onFirst = resolve));
    // Who calls waits in state `connecting`, which its look has a limit for.
    this.ready = listenUrl === undefined ? Promise.resolve() : first;
    this.#pump = new FfmpegProcess({
      bin,
      args: ['-nostdin', '-protocol_whitelist', 'srt', ...args, '-map', '0', '-c', 'copy', '-f', 'data', 'pipe:1'],
      secrets,
      onBytes: (chunk) => {
        this.#bytes += chunk.length;
        onFirst();
        this.#relay.push(chunk);
      },
    });
    this.ended = this.#whenEnded();
  }

  async #whenEnded(): Promise<InputEnd> {
    const { message } = await this.#pump.exited;
    this.#relay.end();
    if (this.#closed) return new Promise(() => {});
    if (this.#bytes > 0 && this.listenUrl !== undefined) return { reason: 'finished', message: 'the publisher left' };
    return { reason: 'failed', message };
  }

  /** Its process has ended, and its port is free. */
  get gone(): Promise<unknown> {
    return this.#pump.exited;
  }

  openBytes(): Readable {
    return this.#relay.open();
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#pump.stop();
  }
}

/** Calls `text`, srt://host:port?passphrase=…&streamid=…&latency=… @throws Refusal */
export async function callSrt(text: string, bin: string, allowPrivateAddresses: boolean): Promise<SrtInput> {
  const { address, port, query, secrets } = await checkSourceUrl(text, {
    schemes: ['srt'],
    defaultPorts: {},
    allowPrivateAddresses,
  });
  const { options, secrets: more } = callerOptions(query);
  const args = [
    ...['-mode', 'caller', '-connect_timeout', String(connectTimeoutMs), ...options],
    ...['-f', 'data', '-i', `srt://${bracketed(address)}:${port}`],
  ];
  return new SrtInput({ bin, args, listenUrl: undefined, secrets: [...secrets, ...more] });
}

/** Only these pass from a URL's query to FFmpeg. @throws Refusal */
export function callerOptions(query: URLSearchParams): { options: string[]; secrets: string[] } {
  const options: string[] = [];
  const secrets: string[] = [];
  let latency = latencyUs;
  for (const [name, value] of query) {
    const refuse = (problem: string): Refusal => new Refusal('badRequest', `srt: ${name} ${problem}`);
    switch (name) {
      case 'mode':
        if (value !== 'caller') throw refuse('must be caller: leave the URL out to listen here');
        break;
      case 'latency': {
        if (!/^\d{1,8}$/.test(value)) throw refuse('is a number of milliseconds');
        // FFmpeg's and OBS's URLs have microseconds, everybody else's milliseconds; nobody means 20 ms by 20000.
        const ms = Number(value) >= 20_000 ? Number(value) / 1000 : Number(value);
        latency = Math.min(10_000, Math.max(20, ms)) * 1000;
        break;
      }
      case 'passphrase':
        checkPassphrase(value);
        options.push('-passphrase', value);
        secrets.push(value);
        break;
      case 'pbkeylen':
        if (!['16', '24', '32'].includes(value)) throw refuse('is 16, 24 or 32');
        options.push('-pbkeylen', value);
        break;
      case 'streamid':
        if (value.length > 512) throw refuse('is longer than 512 characters');
        options.push('-srt_streamid', value);
        secrets.push(value);
        break;
      default:
        throw refuse('is not known here: mode, latency, passphrase, pbkeylen and streamid are');
    }
  }
  return { options: [...options, '-latency', String(Math.round(latency))], secrets };
}

function checkPassphrase(text: string): void {
  const { min, max } = passphraseChars;
  if (text.length < min || text.length > max || !/^[\x21-\x7e]+$/.test(text)) {
    throw new Refusal('badRequest', `srt: a passphrase has ${min} to ${max} letters, digits or signs`);
  }
}

export interface SrtListen {
  bin: string;
  host: string;
  port: number;
  /** As callers reach `host`. */
  announcedHost: string;
  streamKey: string;
}

/** Waits for one caller, which must have the stream key as its passphrase. @throws Refusal */
export function listenSrt({ bin, host, port, announcedHost, streamKey }: SrtListen): SrtInput {
  checkPassphrase(streamKey);
  const args = [
    ...['-mode', 'listener', '-listen_timeout', '-1', '-passphrase', streamKey, '-enforced_encryption', '1'],
    ...['-pbkeylen', '16', '-latency', String(latencyUs), '-f', 'data', '-i', `srt://${bracketed(host)}:${port}`],
  ];
  const listenUrl = `srt://${bracketed(announcedHost)}:${port}?mode=caller&latency=${latencyUs}`;
  return new SrtInput({ bin, args, listenUrl, secrets: [streamKey] });
}
