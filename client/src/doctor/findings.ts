import type { Finding } from '@framelock/server/protocol';

/** Facts of the browser as findings, in words. All pure; the facts are gathered next door. */

export function secureFinding(isSecure: boolean): Finding {
  const title = 'Secure page';
  return isSecure
    ? { id: 'secure', level: 'ok', title, detail: 'The browser may use cameras and screens on this page.' }
    : {
        id: 'secure',
        level: 'problem',
        title,
        detail: 'This page came over plain HTTP, so the browser gives it no camera, microphone or screen.',
        advice: 'Open Framelock through HTTPS or on localhost. OBS, files and Sources work without.',
      };
}

export interface DeviceFacts {
  kind: 'camera' | 'microphone';
  /** undefined: the browser does not tell. */
  permission: PermissionState | undefined;
  /** undefined: the page may not ask. */
  count: number | undefined;
}

export function deviceFinding({ kind, permission, count }: DeviceFacts): Finding {
  const title = kind === 'camera' ? 'Camera' : 'Microphone';
  if (count === undefined) {
    const detail = `The browser does not let this page see any ${kind}.`;
    return { id: kind, level: 'info', title, detail };
  }
  if (permission === 'denied') {
    return {
      id: kind,
      level: kind === 'camera' ? 'problem' : 'warning',
      title,
      detail: `This browser refuses this page the ${kind}.`,
      advice: `Allow the ${kind} with the icon beside the address bar, then load the page again.`,
    };
  }
  if (count === 0) {
    return {
      id: kind,
      level: kind === 'camera' ? 'warning' : 'info',
      title,
      detail: `No ${kind} was found.`,
      advice:
        kind === 'camera'
          ? 'Connect one, or publish a screen, a file or from OBS.'
          : 'Connect one, or publish without sound.',
    };
  }
  const found = count === 1 ? `One ${kind} was found` : `${count} ${kind}s were found`;
  const asked = permission === 'prompt' ? '; the browser asks for permission when it is used' : '';
  return { id: kind, level: 'ok', title, detail: `${found}${asked}.` };
}

const wanted = ['VP8', 'VP9', 'H264', 'AV1'] as const;

/** `codecs`: names of what RTCRtpSender can encode; undefined where the browser has no WebRTC. */
export function encoderFinding(codecs: readonly string[] | undefined): Finding {
  const title = 'WebRTC and encoders';
  if (!codecs) {
    return {
      id: 'encoders',
      level: 'problem',
      title,
      detail: 'This browser has no WebRTC, or it is switched off.',
      advice: 'Use a current Chrome, Edge, Firefox or Safari, and switch extensions off that block WebRTC.',
    };
  }
  const [has, lacks] = [wanted.filter((one) => codecs.includes(one)), wanted.filter((one) => !codecs.includes(one))];
  if (has.length === 0) {
    return {
      id: 'encoders',
      level: 'problem',
      title,
      detail: 'This browser can encode none of VP8, VP9, H.264 and AV1.',
      advice: 'Use a current Chrome, Edge, Firefox or Safari.',
    };
  }
  const name = (codec: string) => (codec === 'H264' ? 'H.264' : codec);
  const missing = lacks.length ? ` It has no ${lacks.map(name).join(', ')}.` : '';
  return { id: 'encoders', level: 'ok', title, detail: `This browser encodes ${has.map(name).join(', ')}.${missing}` };
}

export type RouteResult =
  | { state: 'connected'; afterMs: number; address: string | undefined }
  | { state: 'failed'; address: string | undefined }
  /** The server offers no such candidate. */
  | { state: 'notOffered' };

export function udpFinding(result: RouteResult): Finding {
  const title = 'UDP';
  if (result.state === 'connected')
    return {
      id: 'udp',
      level: 'ok',
      title,
      detail: `Media reaches the server by UDP${at(result.address)}${after(result.afterMs)}.`,
    };
  return {
    id: 'udp',
    level: 'warning',
    title,
    detail:
      result.state === 'failed'
        ? `No media reaches the server by UDP${at(result.address)}.`
        : 'The server offers no UDP address.',
    advice:
      'A firewall on the way drops UDP, or the server announces an address that can’t be reached from here. Open its RTC_PORT for UDP and set ANNOUNCED_IP. TCP works meanwhile, with more delay.',
  };
}

export function tcpFinding(result: RouteResult, udp: RouteResult): Finding {
  const title = 'TCP';
  if (result.state === 'connected') {
    const detail = `Media reaches the server by TCP${at(result.address)}${after(result.afterMs)}.`;
    return { id: 'tcp', level: 'ok', title, detail };
  }
  const alone = udp.state !== 'connected';
  return {
    id: 'tcp',
    level: alone ? 'problem' : 'info',
    title,
    detail:
      result.state === 'failed'
        ? `No media reaches the server by TCP${at(result.address)}.${alone ? ' Neither does it by UDP: publishing can’t work.' : ' UDP works, so it is not needed here.'}`
        : 'The server offers no TCP address.',
    ...(alone
      ? {
          advice:
            'Open the server’s RTC_PORT for UDP and TCP and set ANNOUNCED_IP, or configure a TURN server (TURN_URLS, docs/TURN.md).',
        }
      : {}),
  };
}

export function turnFinding(servers: number, relayed: boolean, direct: boolean): Finding {
  const title = 'TURN';
  if (servers === 0) {
    return {
      id: 'turn',
      level: direct ? 'info' : 'warning',
      title,
      detail: 'No TURN server is configured.' + (direct ? ' None is needed from here.' : ''),
      ...(direct
        ? {}
        : {
            advice:
              'Configure one with TURN_URLS (docs/TURN.md), best on port 443 with TLS: strict firewalls let only that pass.',
          }),
    };
  }
  if (relayed) return { id: 'turn', level: 'ok', title, detail: 'The TURN server relays for this browser.' };
  return {
    id: 'turn',
    level: direct ? 'warning' : 'problem',
    title,
    detail: 'The TURN server that is configured gave this browser no relay address.',
    advice:
      'Check its address and secret in TURN_URLS and TURN_SECRET (or ICE_SERVERS), and that its port can be reached from here.',
  };
}

/** `bps`: what the browser may send, by its own estimate. A busy computer (`limitedBy: cpu`) says nothing of the network. */
export function uplinkFinding(bps: number, limitedBy?: string): Finding {
  const title = 'Uplink';
  const detail = `This connection carries at least ${mbit(bps)}`;
  if (bps >= 4_500_000) return { id: 'uplink', level: 'ok', title, detail: `${detail}: enough for 1080p at 30 fps.` };
  if (bps >= 2_000_000) return { id: 'uplink', level: 'ok', title, detail: `${detail}: enough for 720p at 30 fps.` };
  if (limitedBy === 'cpu') {
    return {
      id: 'uplink',
      level: 'warning',
      title,
      detail: `${detail}. More could not be measured: this computer is too busy to encode the test picture.`,
      advice: 'Close other programs and check again; a busy computer makes a live picture stutter as well.',
    };
  }
  if (bps >= 700_000) {
    return {
      id: 'uplink',
      level: 'warning',
      title,
      detail: `${detail}: too little for 720p at 30 fps.`,
      advice: 'Publish at 480p or lower, or use a cable instead of Wi-Fi.',
    };
  }
  return {
    id: 'uplink',
    level: 'problem',
    title,
    detail: `${detail} only: the picture will stutter.`,
    advice: 'Publish at 360p and 15 fps, stop other uploads, or use another network.',
  };
}

export function lossFinding(lossFraction: number, rttMs: number | undefined): Finding {
  const title = 'Packet loss and round trip';
  const rtt = rttMs === undefined ? '' : `, the round trip takes ${Math.round(rttMs)} ms`;
  const detail = `${(lossFraction * 100).toFixed(lossFraction > 0 && lossFraction < 0.1 ? 1 : 0)} % of the test packets were lost${rtt}.`;
  if (lossFraction > 0.05) {
    const advice = 'Use a cable or come nearer to the access point, and stop other uploads.';
    return { id: 'path', level: 'problem', title, detail, advice };
  }
  if (lossFraction > 0.01 || (rttMs ?? 0) > 250) {
    return {
      id: 'path',
      level: 'warning',
      title,
      detail,
      advice: 'Pictures may freeze for moments. A cable instead of Wi-Fi helps, and a server that is nearer.',
    };
  }
  return { id: 'path', level: 'ok', title, detail };
}

/** A check that could not be made is no good news either. */
export function undoneFinding(id: string, title: string, reason: string): Finding {
  const detail = `Not checked: ${reason.replace(/\.$/, '')}.`;
  return {
    id,
    level: 'warning',
    title,
    detail,
    advice: 'Check again in a moment; if it stays, look at the server’s log.',
  };
}

function at(address: string | undefined): string {
  return address ? ` (${address})` : '';
}

function after(ms: number): string {
  return ms >= 1000 ? `, after ${(ms / 1000).toFixed(1)} s` : '';
}

function mbit(bps: number): string {
  return bps >= 950_000 ? `${(bps / 1e6).toFixed(1)} Mbit/s` : `${Math.round(bps / 1000)} kbit/s`;
}
