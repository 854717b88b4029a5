import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Config } from '../config.ts';
import { isLoopbackName } from './loopback.ts';

/** The token kept in DATA_DIR/admin-token (mode 0600), made at the first start without ADMIN_TOKEN. */
export async function adminTokenOf(dataDir: string): Promise<{ token: string; path: string; generated: boolean }> {
  const path = join(dataDir, 'admin-token');
  try {
    const token = (await readFile(path, 'utf8')).trim();
    if (token !== '') return { token, path, generated: false };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  const token = randomBytes(24).toString('base64url');
  await mkdir(dataDir, { recursive: true });
  await writeFile(path, `${token}\n`, { mode: 0o600 });
  return { token, path, generated: true };
}

/** There is always one, for who can read DATA_DIR is let in again: also where users exist and a password was forgotten. */
export async function withAdminToken(config: Config, logger: Logger): Promise<Config> {
  if (config.adminToken !== undefined) return config;
  const { token, path, generated } = await adminTokenOf(config.dataDir);
  // Once, on the terminal and not in the log: logs are kept and shipped elsewhere.
  if (generated && !isLoopbackName(config.host)) {
    process.stderr.write(`ADMIN_TOKEN was not set, so one was made; it is kept in ${path}:\n  ${token}\n`);
  } else {
    logger.info({ path }, 'the admin token is in this file');
  }
  return { ...config, adminToken: token };
}
