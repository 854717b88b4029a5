import { readFileSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { connect, setDefaultCACertificates, type PeerCertificate } from 'node:tls';
import { CliError, UsageError } from './Command.ts';

export const defaultUrl = 'http://127.0.0.1:8080';

interface Wanted {
  url?: string | undefined;
  token?: string | undefined;
  tokenFile?: string | undefined;
  fingerprint?: string | undefined;
}

/** Where the server is and who asks: by option, else by environment, else the file that `--help` names. */
export async function readConnection(
  wanted: Wanted,
  env: NodeJS.ProcessEnv,
): Promise<{ url: string; token: string | undefined }> {
  const given = wanted.url ?? env.FRAMELOCK_URL ?? defaultUrl;
  const url = readUrl(given);
  const fingerprint = wanted.fingerprint ?? env.FRAMELOCK_FINGERPRINT;
  if (fingerprint) await pin(url, fingerprint);
  return { url: url.origin, token: readToken(wanted, env) };
}

function readUrl(text: string): URL {
  let url: URL | undefined;
  try {
    url = new URL(/^[a-z]+:\/\//i.test(text) ? text : `http://${text}`);
  } catch {
    // Said below.
  }
  if (url && /^https?:$/.test(url.protocol)) return url;
  throw new UsageError(`--url is an address like https://framelock.example, and not ${JSON.stringify(text)}`);
}

export function tokenFileByDefault(env: NodeJS.ProcessEnv): string {
  return join(env.XDG_CONFIG_HOME || join(homedir(), '.config'), 'framelock', 'token');
}

function readToken({ token, tokenFile }: Wanted, env: NodeJS.ProcessEnv): string | undefined {
  if (token !== undefined) return token;
  const named = tokenFile ?? env.FRAMELOCK_TOKEN_FILE;
  if (tokenFile === undefined && env.FRAMELOCK_TOKEN) return env.FRAMELOCK_TOKEN;
  const path = named ?? tokenFileByDefault(env);
  let content: string;
  try {
    // A token that other people of the machine can read is none.
    if ((statSync(path).mode & 0o077) !== 0) throw new CliError(`${path} can be read by others: chmod 600 ${path}`);
    content = readFileSync(path, 'utf8').trim();
  } catch (error) {
    if (error instanceof CliError) throw error;
    if (named === undefined) return undefined;
    throw new CliError(`the token file ${path} can't be read: ${(error as NodeJS.ErrnoException).code}`);
  }
  return content || undefined;
}

const bare = (fingerprint: string) => fingerprint.replaceAll(/[:\s]/g, '').toLowerCase();

/**
 * From now on this process takes the one certificate with this SHA-256 fingerprint and no other, self-signed as it may
 * be: it becomes the only root that fetch and WebSocket know.
 * @throws UsageError; CliError where the server has another one.
 */
async function pin(url: URL, fingerprint: string): Promise<void> {
  if (url.protocol !== 'https:')
    throw new UsageError('--fingerprint is of a certificate: the address has to be https://');
  if (!/^[0-9a-f]{64}$/.test(bare(fingerprint))) {
    throw new UsageError('--fingerprint is a SHA-256: 64 hexadecimal digits, with or without colons');
  }
  const certificate = await certificateOf(url);
  if (bare(certificate.fingerprint256) !== bare(fingerprint)) {
    throw new CliError(`the server's certificate is another one: ${certificate.fingerprint256}`);
  }
  const pem = certificate.raw.toString('base64').replaceAll(/.{64}/g, '$&\n');
  setDefaultCACertificates([`-----BEGIN CERTIFICATE-----\n${pem.trimEnd()}\n-----END CERTIFICATE-----\n`]);
}

function certificateOf({ hostname, port }: URL): Promise<PeerCertificate> {
  const host = hostname.replace(/^\[|\]$/g, '');
  return new Promise((resolve, reject) => {
    // Nothing is sent on this connection: it is only looked at.
    const socket = connect({
      host,
      port: Number(port || 443),
      servername: /^[\d.:]+$|:/.test(host) ? '' : host,
      rejectUnauthorized: false,
    });
    const fail = (why: string) => reject(new CliError(`can't reach ${host}:${port || 443} by TLS: ${why}`));
    socket.setTimeout(10_000, () => socket.destroy(new Error('it does not answer')));
    socket.once('error', (error) => fail(error.message));
    socket.once('secureConnect', () => {
      resolve(socket.getPeerCertificate());
      socket.destroy();
    });
  });
}
