import { webcrypto, X509Certificate } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { hostname, networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { SubjectAlternativeNameExtension, X509CertificateGenerator } from '@peculiar/x509';

/** Browsers take no certificate that is valid for longer than 398 days. */
const validDays = 397;
const renewDaysBefore = 30;
const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

export interface CertificatePair {
  cert: string;
  key: string;
}

/**
 * The certificate in DATA_DIR/tls (key with mode 0600), made where there is none, where it ends soon, or where this machine
 * has got a name or an address that is not in it: one that people have accepted stays for as long as it does.
 */
export async function selfSignedIn(dataDir: string, names = namesOfMachine()): Promise<CertificatePair> {
  const folder = join(dataDir, 'tls');
  const paths = { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') };
  const kept = await readPair(paths);
  if (kept && stillGood(kept.cert, names)) return kept;
  const made = await makeSelfSigned(names);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await writeFile(paths.key, made.key, { mode: 0o600 });
  await writeFile(paths.cert, made.cert);
  return made;
}

export async function makeSelfSigned(names: readonly string[], now = new Date()): Promise<CertificatePair> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: 'CN=Framelock',
    // Clocks of a LAN differ.
    notBefore: new Date(now.getTime() - 86_400_000),
    notAfter: new Date(now.getTime() + validDays * 86_400_000),
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new SubjectAlternativeNameExtension(
        names.map((value) => ({ type: isIP(value) ? ('ip' as const) : ('dns' as const), value })),
      ),
    ],
  });
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  const key = `-----BEGIN PRIVATE KEY-----\n${pkcs8.replaceAll(/.{64}/g, '$&\n').trimEnd()}\n-----END PRIVATE KEY-----\n`;
  return { cert: `${certificate.toString('pem')}\n`, key };
}

/** How people write down what they compare: SHA-256 of the DER, as browsers show it. */
export function fingerprintOf(cert: string): string {
  return new X509Certificate(cert).fingerprint256;
}

function stillGood(cert: string, names: readonly string[]): boolean {
  try {
    const certificate = new X509Certificate(cert);
    if (Date.parse(certificate.validTo) - Date.now() < renewDaysBefore * 86_400_000) return false;
    return names.every((name) => (isIP(name) ? certificate.checkIP(name) : certificate.checkHost(name)) !== undefined);
  } catch {
    return false;
  }
}

async function readPair(paths: Record<'cert' | 'key', string>): Promise<CertificatePair | undefined> {
  try {
    return { cert: await readFile(paths.cert, 'utf8'), key: await readFile(paths.key, 'utf8') };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** By which others in the LAN may ask for it. */
function namesOfMachine(): string[] {
  const addresses = Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    // A link-local IPv6 address needs a zone, which no certificate has.
    .filter(({ address }) => !address.includes('%') && !address.startsWith('fe80:'))
    .map(({ address }) => address);
  const own = hostname().toLowerCase();
  const isName = /^[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?$/.test(own);
  return [
    ...new Set([
      'localhost',
      ...(isName ? [own, `${own.split('.', 1)[0]!}.local`] : []),
      '127.0.0.1',
      '::1',
      ...addresses,
    ]),
  ];
}
