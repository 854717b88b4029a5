import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const suite = 'bookworm';
const mirror = 'http://deb.debian.org/debian';
const security = 'http://deb.debian.org/debian-security';
const searchPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * What a root needs of this machine's network, as an engine gives a build its host's: the resolver, and where this
 * machine has certificates of its own (a proxy's), those. Nothing of it stays in the layers.
 */
const ownCertificates = process.env.NODE_EXTRA_CA_CERTS;
const networkEnv = ownCertificates
  ? Object.fromEntries(
      ['NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE', 'PIP_CERT', 'npm_config_cafile'].map((name) => [
        name,
        '/run/machine-ca.crt',
      ]),
    )
  : {};

/** Mounts live in the namespace of the command, so that none outlives it, however it ends. */
const inNamespace = `
mount -t overlay overlay -o "lowerdir=$LOWER\${UPPER:+,upperdir=$UPPER,workdir=$WORK}" "$ROOT"
mount -t proc proc "$ROOT/proc"
if [ "$NETWORK" = yes ]; then
  # Bound over a tmpfs: a layer must not keep them.
  mount -t tmpfs tmpfs "$ROOT/run"
  cp /etc/resolv.conf "$ROOT/run/machine-resolv.conf"
  touch "$ROOT/etc/resolv.conf"
  mount --bind "$ROOT/run/machine-resolv.conf" "$ROOT/etc/resolv.conf"
  [ -z "$CERTIFICATES" ] || cp "$CERTIFICATES" "$ROOT/run/machine-ca.crt"
fi
`;

/** An engine writes a container's own name into its hosts; here it has this machine's. */
const ownName = `mount --bind /etc/hosts "$ROOT/etc/hosts"`;

/** debootstrap's smallest Debian 12 with its security updates: what debian:12-slim is made from. Made once per machine. */
export async function debianRoot(cacheFolder, say) {
  const folder = join(cacheFolder, `debian-${suite}-minbase`);
  if (existsSync(folder)) return folder;
  say(`debootstrap of ${suite} (minbase)`);
  mkdirSync(cacheFolder, { recursive: true });
  const making = mkdtempSync(join(cacheFolder, 'debootstrap-'));
  await succeed('debootstrap', ['--variant=minbase', suite, making, mirror]);
  const sources = [`${mirror} ${suite}`, `${mirror} ${suite}-updates`, `${security} ${suite}-security`];
  writeFileSync(join(making, 'etc/apt/sources.list'), sources.map((one) => `deb ${one} main\n`).join(''));
  rmSync(join(making, 'etc/hostname'), { force: true });
  // To be bound over, as engines do.
  for (const name of ['hosts', 'resolv.conf']) writeFileSync(join(making, 'etc', name), '');
  await succeed('chmod', ['755', making]);
  renameSync(making, folder);
  return folder;
}

/** Runs a shell script with an overlay of `lower` (top first) at $ROOT; what it writes lands in `upper`. */
export async function inOverlay({ lower, upper, script, env = {}, network = false, onOutput }) {
  const folder = mkdtempSync(join(upper ? join(upper, '..') : tmpdir(), 'mount-'));
  for (const name of ['root', 'work']) mkdirSync(join(folder, name));
  try {
    await succeed('unshare', ['--mount', '--pid', '--fork', '--kill-child', 'sh', '-euc', inNamespace + script], {
      onOutput,
      env: {
        PATH: searchPath,
        ...env,
        LOWER: lower.join(':'),
        UPPER: upper ?? '',
        WORK: join(folder, 'work'),
        ROOT: join(folder, 'root'),
        NETWORK: network ? 'yes' : 'no',
        CERTIFICATES: ownCertificates ?? '',
      },
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A RUN step: `command` by /bin/sh in the root, as root, with the image's environment and this machine's network. */
export async function runStep({ lower, upper, command, workdir, env, onOutput }) {
  const script = `
mkdir -p "$ROOT$IN"
exec chroot "$ROOT" /usr/bin/env -i ${assignments({ PATH: searchPath, HOME: '/root', ...networkEnv, ...env })} \\
  /bin/sh -c 'cd "$0" && exec /bin/sh -c "$1"' "$IN" "$COMMAND"`;
  await inOverlay({ lower, upper, script, network: true, onOutput, env: { IN: workdir, COMMAND: command } });
}

/** A COPY step: `sources` of another root (`from`, its layers) or of a folder of this machine, as root's. */
export async function copyStep({ lower, upper, from, folder, sources, destination }) {
  const copies = sources.map((source) => `copy "$SOURCE"${quoted(source)} "$ROOT"${quoted(destination)}`);
  const script = `
SOURCE="\${FOLDER:-$ROOT.source}"
if [ -z "$FOLDER" ]; then
  mkdir "$SOURCE"
  mount -t overlay overlay -o "lowerdir=$FROM" "$SOURCE"
fi
copy() {
  if [ -d "$1" ]; then mkdir -p "$2" && cp -a --no-preserve=ownership "$1/." "$2/"; else mkdir -p "$(dirname "$2x")" && cp -a --no-preserve=ownership "$1" "$2"; fi
}
${copies.join('\n')}`;
  await inOverlay({ lower, upper, script, env: { FROM: from?.join(':') ?? '', FOLDER: folder ?? '' } });
}

/**
 * The script that starts an image as compose.yaml has it (`read_only`, `cap_drop: ALL`, `no-new-privileges`): its process
 * is PID 1 of its root, which nothing can write to but for /tmp and the volumes. `env` is for `unshare` itself.
 */
export function startCommand({ lower, root, user, workdir, env, volumes, command }) {
  const [uid, gid = uid] = user.split(':');
  const binds = volumes.map(({ from, to }) => `mount --bind ${quoted(from)} "$ROOT"${quoted(to)}`);
  const script = `${inNamespace}${ownName}
mount -t tmpfs -o mode=1777 tmpfs "$ROOT/tmp"
${binds.join('\n')}
exec chroot "$ROOT" /usr/bin/setpriv --reuid ${uid} --regid ${gid} --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all \\
  /usr/bin/env -i ${assignments({ PATH: searchPath, HOME: '/data', ...env })} \\
  /bin/sh -c 'cd "$0" && exec "$@"' ${quoted(workdir)} ${command.map(quoted).join(' ')}`;
  return {
    command: 'unshare',
    args: ['--mount', '--pid', '--fork', '--kill-child', 'sh', '-euc', script],
    env: { PATH: searchPath, LOWER: lower.join(':'), UPPER: '', WORK: '', ROOT: root, NETWORK: 'no', CERTIFICATES: '' },
  };
}

function assignments(env) {
  return Object.entries(env)
    .map(([name, value]) => quoted(`${name}=${value}`))
    .join(' ');
}

function quoted(text) {
  return `'${String(text).replaceAll("'", `'\\''`)}'`;
}

/** @throws Error with the end of its output */
export function succeed(command, args, { env = process.env, onOutput } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    // unshare ignores SIGTERM while its child runs.
    const stop = () => child.kill('SIGKILL');
    process.once('exit', stop);
    let tail = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk) => {
        tail = (tail + chunk).slice(-6_000);
        onOutput?.(chunk);
      });
    child.on('error', reject);
    child.on('close', (code, signal) => {
      process.off('exit', stop);
      if (code === 0) resolve(tail);
      else reject(new Error(`${command} ended with ${code ?? signal}; its end:\n${tail}`));
    });
  });
}
