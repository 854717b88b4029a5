import type { Finding } from '../protocol/index.ts';
import { isLoopbackName } from '../access/loopback.ts';
import type { ServerFacts } from './facts.ts';

/** Findings about the server and its nodes: plain words, and what to do. All pure. */

const gib = 1024 ** 3;

export function serverFindings(facts: ServerFacts): Finding[] {
  return [
    nodesFinding(facts.sfus),
    ...(['udp', 'tcp'] as const).flatMap((protocol) => portsFinding(protocol, facts.sfus) ?? []),
    ...(announcedFinding(facts.sfus) ?? []),
    reachFinding(facts.host),
    secureFinding(facts.secureOrigin),
    turnFinding(facts.iceServers, facts.host),
    ffmpegFinding(facts.sfus),
    inferenceFinding(facts.inferences),
    ...(facts.disk ? [diskFinding(facts.disk)] : []),
  ];
}

export function nodesFinding(sfus: ServerFacts['sfus']): Finding {
  const finding = { id: 'sfu', title: 'Media nodes' };
  if (sfus.length > 0) {
    return { ...finding, level: 'ok', detail: `${count(sfus.length, 'media node')} (sfu) answer${s(sfus.length)}.` };
  }
  return {
    ...finding,
    level: 'problem',
    detail: 'No media node (sfu) answers, so nobody can publish or watch.',
    advice: 'See the output of the sfu process: it says why it does not start, or why it does not reach the server.',
  };
}

export function portsFinding(protocol: 'udp' | 'tcp', sfus: ServerFacts['sfus']): Finding | undefined {
  const ports = sfus.flatMap(({ probe }) => probe?.ports.filter((port) => port.protocol === protocol) ?? []);
  if (ports.length === 0) return undefined;
  const name = protocol.toUpperCase();
  const finding = { id: protocol, title: name };
  const closed = ports.filter(({ open }) => !open);
  const shown = (one: (typeof ports)[number]) => `${one.ip.includes(':') ? `[${one.ip}]` : one.ip}:${one.port}`;
  if (closed.length === 0) {
    return { ...finding, level: 'ok', detail: `The server answers by ${name} on ${ports.map(shown).join(', ')}.` };
  }
  const all = closed.length === ports.length;
  return {
    ...finding,
    level: all ? 'problem' : 'warning',
    detail: `The server's own check got no answer by ${name} on ${closed
      .map((one) => `${shown(one)}${one.error === undefined ? '' : ` (${one.error})`}`)
      .join(', ')}.`,
    advice: `Let ${name} through to RTC_PORT in the firewall of the server's machine, and see that no other program has it.`,
  };
}

export function announcedFinding(sfus: ServerFacts['sfus']): Finding[] | undefined {
  const announced = sfus.flatMap(({ probe }) => {
    if (probe?.announcedIp === undefined) return [];
    return probe.ports.some(({ ip }) => ip === probe.announcedIp) ? [] : [probe.announcedIp];
  });
  if (announced.length === 0) return undefined;
  return [
    {
      id: 'announced',
      level: 'info',
      title: 'Announced address',
      detail: `Browsers are told ${[...new Set(announced)].join(', ')} (ANNOUNCED_IP), which is not an address of the server's machine: whether it leads there can't be checked from the server.`,
      advice: 'Run this check from a browser in another network: its UDP and TCP lines tell.',
    },
  ];
}

export function reachFinding(host: string): Finding {
  const finding = { id: 'reach', title: 'Other machines' };
  if (!isLoopbackName(host)) {
    return { ...finding, level: 'ok', detail: `The server listens for other machines too (HOST=${host}).` };
  }
  return {
    ...finding,
    level: 'info',
    detail: `The server listens on ${host} only: nobody on another machine can publish or watch.`,
    advice: 'To let others in, start it with HOST=0.0.0.0; it then asks everybody for a token (ADMIN_TOKEN).',
  };
}

export function secureFinding(secureOrigin: boolean): Finding {
  const finding = { id: 'secure', title: 'Secure page' };
  if (secureOrigin) return { ...finding, level: 'ok', detail: 'Browsers may use cameras on this address.' };
  return {
    ...finding,
    level: 'warning',
    detail: 'This address is plain HTTP on another machine: browsers give it no camera, microphone or screen.',
    advice:
      'Put a TLS proxy in front (Caddy, nginx) that passes X-Forwarded-Proto on. OBS, Sources and watching work without.',
  };
}

export function turnFinding(servers: ServerFacts['iceServers'], host: string): Finding {
  const finding = { id: 'turn', title: 'TURN' };
  const turns = servers.filter(({ url }) => /^turns?:/i.test(url));
  const broken = servers.filter(({ problem }) => problem !== undefined);
  if (broken.length > 0) {
    return {
      ...finding,
      level: 'warning',
      detail: broken.map(({ url, problem }) => `${url} does not answer the server: ${problem}.`).join(' '),
      advice: 'Check TURN_URLS and ICE_SERVERS, and that the TURN server runs and lets these ports through.',
    };
  }
  if (turns.length > 0) {
    return { ...finding, level: 'ok', detail: `${turns.map(({ url }) => url).join(', ')} answer${s(turns.length)}.` };
  }
  return {
    ...finding,
    level: 'info',
    detail: 'No TURN server is configured: networks that let neither UDP nor TCP through to the server stay shut out.',
    ...(isLoopbackName(host) ? {} : { advice: 'docs/TURN.md says how to run coturn and set TURN_URLS.' }),
  };
}

export function ffmpegFinding(sfus: ServerFacts['sfus']): Finding {
  const finding = { id: 'ffmpeg', title: 'FFmpeg for Sources' };
  const probed = sfus.filter(({ probe }) => probe !== undefined);
  const advice = 'Install ffmpeg (Debian: apt install ffmpeg), or set FFMPEG_BIN to one that has it.';
  const without = probed.filter(({ probe }) => probe!.ffmpeg === null);
  if (probed.length === 0) return { ...finding, level: 'info', detail: 'No media node could say which FFmpeg it has.' };
  if (without.length > 0) {
    return {
      ...finding,
      level: 'warning',
      detail: 'FFmpeg does not run there, so no Source (test pattern, file, RTMP, RTSP, SRT) can.',
      advice,
    };
  }
  const lacking = new Set(
    probed.flatMap(({ probe }) => {
      const { protocols, encoders } = probe!.ffmpeg!;
      return [
        ...['file', 'tcp', 'udp', 'rtp', 'srt'].filter((one) => !protocols.includes(one)).map((one) => `${one} input`),
        ...['libx264', 'libopus'].filter((one) => !encoders.includes(one)).map((one) => `the encoder ${one}`),
      ];
    }),
  );
  const versions = [...new Set(probed.map(({ probe }) => probe!.ffmpeg!.version))].join(', ');
  if (lacking.size > 0) {
    return { ...finding, level: 'warning', detail: `FFmpeg ${versions} lacks ${[...lacking].join(', ')}.`, advice };
  }
  return { ...finding, level: 'ok', detail: `FFmpeg ${versions} has all that Sources need.` };
}

export function inferenceFinding(inferences: ServerFacts['inferences']): Finding {
  const finding = { id: 'inference', title: 'Analysis' };
  if (inferences.length === 0) {
    return {
      ...finding,
      level: 'problem',
      detail: 'No inference node answers: video runs without boxes.',
      advice: 'See the output of the inference process: it says why it does not start.',
    };
  }
  const problems = inferences.flatMap(({ problem }) => (problem === undefined ? [] : [problem]));
  if (problems.length > 0) {
    return {
      ...finding,
      level: 'warning',
      detail: problems.join(' '),
      advice: 'Choose another model on the page Models, or set MODEL.',
    };
  }
  const providers = [...new Set(inferences.flatMap(({ executionProvider }) => executionProvider ?? []))];
  return {
    ...finding,
    level: 'ok',
    detail: `${count(inferences.length, 'inference node')} answer${s(inferences.length)}, on ${providers.join(', ') || 'an unknown execution provider'}.`,
  };
}

export function diskFinding({ folder, freeBytes }: { folder: string; freeBytes: number }): Finding {
  const finding = { id: 'disk', title: 'Disk' };
  const detail = `${(freeBytes / gib).toFixed(1)} GiB are free for ${folder}.`;
  if (freeBytes > 2 * gib) return { ...finding, level: 'ok', detail };
  return {
    ...finding,
    level: freeBytes > gib / 2 ? 'warning' : 'problem',
    detail,
    advice: 'Free some room, or set DATA_DIR to a larger disk: database and uploads need it.',
  };
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}

/** For the verb of so many. */
function s(number: number): string {
  return number === 1 ? 's' : '';
}
