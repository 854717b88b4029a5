import { setTimeout as sleep } from 'node:timers/promises';

const askEveryMs = 250;
const heartbeatsMs = 3_000;
const sayEveryMs = 60_000;

/**
 * Asks `GET /readyz` until everything answers, or until all but inference has answered and inference had
 * `inferenceGraceMs`: video works without it. Resolves the parts that are missing; `onSlow(missing)` is told every
 * minute. Resolves nothing when `isOver()`.
 */
export async function awaitReadiness({ serverUrl, inferenceGraceMs = 20_000, isOver, onSlow }) {
  const startedAt = Date.now();
  let saidAt = startedAt;
  let restReadyAt;
  while (!isOver()) {
    const readiness = await askReadiness(serverUrl);
    if (isOver()) return undefined;
    const missing = missingParts(readiness);
    if (missing.length === 0) return [];
    const onlyInference = missing.length === 1 && missing[0] === 'inference';
    restReadyAt = onlyInference ? (restReadyAt ?? Date.now()) : undefined;
    // Its heartbeats come once a second: right after the server's own start its absence says nothing yet.
    const heard = onlyInference && Date.now() - restReadyAt >= Math.min(inferenceGraceMs, heartbeatsMs);
    if (heard && Date.now() - startedAt >= inferenceGraceMs) return missing;
    if (Date.now() - saidAt >= sayEveryMs) {
      saidAt = Date.now();
      onSlow(missing);
    }
    await sleep(askEveryMs);
  }
  return undefined;
}

async function askReadiness(serverUrl) {
  try {
    const response = await fetch(`${serverUrl}/readyz`, { signal: AbortSignal.timeout(5_000) });
    const body = await response.json();
    return response.status === 200 ? { ...body, ready: true } : body;
  } catch {
    return undefined;
  }
}

function missingParts(readiness) {
  if (readiness === undefined) return ['server'];
  if (readiness.ready) return [];
  const missing = ['db', 'sfu', 'inference'].filter((part) => readiness[part] !== true);
  return missing.length > 0 ? missing : ['server'];
}
