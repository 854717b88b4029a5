import type { DoctorReport, Finding } from '@framelock/server/protocol';
import { deviceFacts, encoderNames, gathersRelay } from './browserFacts.ts';
import {
  deviceFinding,
  encoderFinding,
  lossFinding,
  secureFinding,
  tcpFinding,
  turnFinding,
  udpFinding,
  undoneFinding,
  uplinkFinding,
  type RouteResult,
} from './findings.ts';
import { turnServersOf } from './iceServersOfLink.ts';
import { noiseTrack } from './noiseTrack.ts';
import { mergeFindings, type Examined } from './report.ts';
import { uplinkBps } from './sendFigures.ts';
import { TestSession, type OpenSession } from './TestSession.ts';

/** In the order in which they are shown. */
export const browserChecks = [
  { id: 'secure', title: 'Secure page' },
  { id: 'camera', title: 'Camera' },
  { id: 'microphone', title: 'Microphone' },
  { id: 'encoders', title: 'WebRTC and encoders' },
  { id: 'udp', title: 'UDP' },
  { id: 'tcp', title: 'TCP' },
  { id: 'turn', title: 'TURN' },
  { id: 'uplink', title: 'Uplink' },
  { id: 'path', title: 'Packet loss and round trip' },
] as const;
type CheckId = (typeof browserChecks)[number]['id'];

export interface ExaminationOptions {
  /** The server's own findings. */
  readReport(signal: AbortSignal): Promise<DoctorReport>;
  openSession: OpenSession;
  /** All findings so far, whenever there are more. */
  onFindings(findings: Finding[]): void;
  signal: AbortSignal;
  /** How long the test picture is sent. */
  sendForMs?: number;
}

/** Looks at everything between this browser and the server; a check that can't be made is said and stops no other. */
export async function examineConnection(options: ExaminationOptions): Promise<Finding[]> {
  const { signal } = options;
  const mine: Examined[] = [];
  let theirs: Finding[] = [];
  const all = () => mergeFindings(mine, theirs);
  const tell: Tell = (finding, undone = false) => {
    if (signal.aborted) return;
    mine.push({ finding, undone });
    options.onFindings(all());
  };
  tell(secureFinding(isSecureContext));
  tell(encoderFinding(encoderNames()));
  const asked = options.readReport(signal).then(
    ({ findings }) => {
      theirs = findings;
      if (!signal.aborted) options.onFindings(all());
    },
    (error: unknown) => tell(undoneFinding('server', 'Server', `the server gave no report (${wordsOf(error)})`), true),
  );
  for (const kind of ['camera', 'microphone'] as const) tell(deviceFinding(await deviceFacts(kind)));
  if (encoderNames()) await examineRoutes(options, tell);
  await asked;
  return all();
}

type Tell = (finding: Finding, undone?: boolean) => void;

async function examineRoutes(
  { openSession: open, signal, sendForMs = 5_000 }: ExaminationOptions,
  tell: Tell,
): Promise<void> {
  const noise = noiseTrack();
  const sessions: TestSession[] = [];
  const left = new Set<CheckId>(['udp', 'tcp', 'turn', 'uplink', 'path']);
  const done = (finding: Finding) => {
    left.delete(finding.id as CheckId);
    tell(finding);
  };
  try {
    const connect = async (protocol: 'udp' | 'tcp') => {
      const session = await TestSession.create({ open, track: noise.track, protocol, signal });
      sessions.push(session);
      return session;
    };
    const udp = await connect('udp');
    done(udpFinding(udp.route));
    // By UDP first: the TCP session then does not take from the uplink that is measured.
    if (isConnected(udp.route)) await measure(udp, sendForMs, signal, done);
    await udp.close();
    const tcp = await connect('tcp');
    done(tcpFinding(tcp.route, udp.route));
    if (isConnected(tcp.route) && !isConnected(udp.route)) await measure(tcp, sendForMs, signal, done);
    await tcp.close();
    const turns = turnServersOf(udp.iceServers);
    const direct = isConnected(udp.route) || isConnected(tcp.route);
    done(turnFinding(turns.length, turns.length > 0 && (await gathersRelay(turns, signal)), direct));
    for (const id of left) tell(undoneFinding(id, titleOf(id), 'no media reaches the server'), true);
  } catch (error) {
    if (signal.aborted) return;
    for (const id of left) tell(undoneFinding(id, titleOf(id), wordsOf(error)), true);
  } finally {
    noise.close();
    await Promise.all(sessions.map((session) => session.close()));
  }
}

async function measure(
  session: TestSession,
  sendForMs: number,
  signal: AbortSignal,
  done: (finding: Finding) => void,
): Promise<void> {
  await pause(sendForMs - 2_000, signal);
  const [before, beganAtMs] = [await session.figures(), performance.now()];
  await pause(2_000, signal);
  const after = await session.figures();
  done(uplinkFinding(uplinkBps(before, after, performance.now() - beganAtMs), after.limitedBy));
  if (after.lossFraction !== undefined) done(lossFinding(after.lossFraction, after.rttMs));
}

function isConnected(route: RouteResult): boolean {
  return route.state === 'connected';
}

function titleOf(id: CheckId): string {
  return browserChecks.find((check) => check.id === id)!.title;
}

function wordsOf(error: unknown): string {
  return error instanceof Error && error.message ? error.message : 'an unknown error';
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, Math.max(0, ms));
    const abort = () => (clearTimeout(timer), reject(signal.reason as Error));
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
  });
}
