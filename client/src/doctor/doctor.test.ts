import fc from 'fast-check';
import type { Finding } from '@framelock/server/protocol';
import { describe, expect, it } from 'vitest';
import { firstAddress, keepCandidates } from './candidates.ts';
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
} from './findings.ts';
import { iceServersOfLink, turnServersOf } from './iceServersOfLink.ts';
import { mergeFindings, reportText, summaryOf, worstLevel } from './report.ts';
import { readSendFigures, uplinkBps } from './sendFigures.ts';

const answer = [
  'v=0',
  'm=video 7 UDP/TLS/RTP/SAVPF 96',
  'a=candidate:udpcandidate 1 udp 1076558079 10.0.0.1 40000 typ host',
  'a=candidate:tcpcandidate 1 tcp 1076302079 10.0.0.1 40000 typ host tcptype passive',
  'a=end-of-candidates',
  '',
].join('\r\n');

describe('candidates', () => {
  it('are kept by protocol, and nothing else is touched', () => {
    const udp = keepCandidates(answer, 'udp');
    expect(udp.kept).toBe(1);
    expect(udp.sdp).toContain('udpcandidate');
    expect(udp.sdp).not.toContain('tcpcandidate');
    expect(udp.sdp).toContain('a=end-of-candidates\r\n');
    expect(keepCandidates(udp.sdp, 'tcp').kept).toBe(0);
    expect(firstAddress(answer)).toBe('10.0.0.1:40000');
    expect(firstAddress('a=candidate:1 1 udp 1 2001:db8::1 9 typ host')).toBe('[2001:db8::1]:9');
    expect(firstAddress('v=0')).toBeUndefined();
  });
});

describe('Link', () => {
  it('names STUN and TURN servers with their credentials', () => {
    const header =
      '<stun:stun.example.net>; rel="ice-server", ' +
      '<turn:turn.example.net?transport=udp>; rel="ice-server"; username="us,er"; credential="pass;\\"word"; credential-type="password", ' +
      '<https://elsewhere>; rel="help"';
    const servers = iceServersOfLink(header);
    expect(servers).toEqual([
      { urls: 'stun:stun.example.net' },
      { urls: 'turn:turn.example.net?transport=udp', username: 'us,er', credential: 'pass;"word' },
    ]);
    expect(turnServersOf(servers)).toHaveLength(1);
    expect(turnServersOf([{ urls: ['stun:a', 'turns:b'] }])).toHaveLength(1);
  });

  it('is none where there is none, and never throws', () => {
    expect(iceServersOfLink(null)).toEqual([]);
    fc.assert(
      fc.property(fc.string(), (header) => void iceServersOfLink(header)),
      { seed: 3 },
    );
  });
});

describe('findings', () => {
  const failed = { state: 'failed', address: undefined } as const;
  const connected = { state: 'connected', afterMs: 40, address: '10.0.0.1:40000' } as const;
  const findings: Finding[] = [
    secureFinding(false),
    deviceFinding({ kind: 'camera', permission: 'denied', count: 1 }),
    deviceFinding({ kind: 'camera', permission: 'prompt', count: 0 }),
    deviceFinding({ kind: 'microphone', permission: undefined, count: undefined }),
    encoderFinding(undefined),
    encoderFinding(['MPEG2']),
    udpFinding(failed),
    udpFinding({ state: 'notOffered' }),
    tcpFinding(failed, failed),
    tcpFinding({ state: 'notOffered' }, connected),
    turnFinding(0, false, false),
    turnFinding(1, false, true),
    uplinkFinding(900_000),
    uplinkFinding(100_000),
    uplinkFinding(100_000, 'cpu'),
    lossFinding(0.2, 30),
    lossFinding(0, 400),
    undoneFinding('udp', 'UDP', 'no session'),
  ];

  it.each(findings.map((finding) => [`${finding.level} ${finding.id}`, finding] as const))(
    '%s says what to do where it is not well',
    (_name, finding) => {
      expect(Boolean(finding.advice) || finding.level === 'info' || finding.level === 'ok').toBe(true);
      expect(finding.detail).toMatch(/[.]$/);
    },
  );

  it('calls TCP a problem only where UDP is none', () => {
    expect(tcpFinding(failed, connected).level).toBe('info');
    expect(tcpFinding(failed, failed).level).toBe('problem');
    expect(tcpFinding(connected, failed).level).toBe('ok');
    expect(udpFinding(connected).detail).toContain('10.0.0.1:40000');
  });

  it('needs TURN only where nothing gets through', () => {
    expect(turnFinding(0, false, true).level).toBe('info');
    expect(turnFinding(0, false, false).level).toBe('warning');
    expect(turnFinding(1, true, false).level).toBe('ok');
    expect(turnFinding(1, false, false).level).toBe('problem');
  });

  it('does not blame the network for a busy computer', () => {
    expect(uplinkFinding(300_000, 'bandwidth').level).toBe('problem');
    expect(uplinkFinding(300_000, 'cpu').detail).toContain('too busy');
    expect(uplinkFinding(5_000_000, 'cpu').level).toBe('ok');
  });

  it('names what the browser can encode', () => {
    expect(encoderFinding(['VP8', 'RTX', 'H264']).detail).toBe('This browser encodes VP8, H.264. It has no VP9, AV1.');
  });
});

describe('the report', () => {
  const ok = { id: 'udp', level: 'ok', title: 'UDP', detail: 'It works.' } as const;
  const bad = { id: 'udp', level: 'problem', title: 'UDP', detail: 'Closed.', advice: 'Open it.' } as const;

  it('takes the worse of two findings of one thing, whoever said it', () => {
    const [well, ill] = [
      { ...ok, id: 'turn' },
      { ...bad, id: 'turn' },
    ];
    expect(mergeFindings([{ finding: well }], [ill])).toEqual([ill]);
    expect(mergeFindings([{ finding: ill }], [well])).toEqual([ill]);
    expect(mergeFindings([{ finding: well }], [{ ...well, detail: 'Also.' }])).toEqual([well]);
    expect(mergeFindings([{ finding: well }], [{ ...ill, id: 'disk' }])).toHaveLength(2);
  });

  it('believes the browser that came through by UDP, and the server where the browser could not look', () => {
    expect(mergeFindings([{ finding: ok }], [bad])).toEqual([ok]);
    const undone = undoneFinding('udp', 'UDP', 'no session');
    expect(mergeFindings([{ finding: undone, undone: true }], [ok])).toEqual([ok]);
    expect(mergeFindings([{ finding: undone, undone: true }], [])).toEqual([undone]);
  });

  it('sums up', () => {
    expect(summaryOf([ok])).toMatch(/^All is well/);
    expect(summaryOf([ok, bad])).toBe('One problem. What to do is written beside it.');
    expect(summaryOf([bad, { ...bad, level: 'warning' }, { ...bad, level: 'warning' }])).toBe(
      'One problem and 2 warnings. What to do is written beside each.',
    );
    expect(worstLevel([ok, bad])).toBe('problem');
    expect(worstLevel([])).toBe('ok');
  });

  it('can be sent as text', () => {
    expect(reportText([ok, bad], ['Stream a'])).toBe(
      'Framelock connection report\nStream a\n\n[ok] UDP: It works.\n[PROBLEM] UDP: Closed.\n    -> Open it.\n',
    );
  });
});

describe('figures of the test picture', () => {
  const report = (bytesSent: number, packetsLost: number) =>
    new Map<string, unknown>([
      ['p0', { type: 'candidate-pair', nominated: false, state: 'failed', availableOutgoingBitrate: 9e9 }],
      [
        'p1',
        {
          type: 'candidate-pair',
          nominated: true,
          state: 'succeeded',
          availableOutgoingBitrate: 3e6,
          currentRoundTripTime: 0.02,
        },
      ],
      ['o', { type: 'outbound-rtp', bytesSent, packetsSent: 200, qualityLimitationReason: 'bandwidth' }],
      ['r', { type: 'remote-inbound-rtp', packetsLost, roundTripTime: 0.03 }],
    ]);

  it('are read from the nominated pair and the receiver reports', () => {
    expect(readSendFigures(report(1000, 10))).toEqual({
      availableBps: 3e6,
      bytesSent: 1000,
      packetsSent: 200,
      lossFraction: 0.05,
      rttMs: 30,
      limitedBy: 'bandwidth',
    });
    expect(readSendFigures(new Map())).toEqual({
      availableBps: undefined,
      bytesSent: 0,
      packetsSent: 0,
      lossFraction: undefined,
      rttMs: undefined,
      limitedBy: undefined,
    });
    expect(readSendFigures(report(1, -3)).lossFraction).toBe(0); // RFC 3550: duplicates count against losses
  });

  it('say at least what came through, also without an estimate', () => {
    const [before, after] = [readSendFigures(report(0, 0)), readSendFigures(report(1_000_000, 0))];
    expect(uplinkBps(before, after, 2_000)).toBe(4e6);
    expect(uplinkBps(before, { ...after, bytesSent: 0 }, 2_000)).toBe(3e6);
    expect(uplinkBps(before, { ...after, availableBps: undefined, lossFraction: 0.5 }, 2_000)).toBe(2e6);
  });
});
