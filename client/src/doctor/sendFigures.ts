export interface SendFigures {
  /** The browser's own estimate, bit/s. */
  availableBps: number | undefined;
  bytesSent: number;
  packetsSent: number;
  /** As the server's receiver reports say, 0..1 of all. */
  lossFraction: number | undefined;
  rttMs: number | undefined;
  /** Why the encoder makes less than it was asked for: `none`, `cpu`, `bandwidth`, `other`. */
  limitedBy: string | undefined;
}

interface Entry {
  type?: string;
  nominated?: boolean;
  state?: string;
  availableOutgoingBitrate?: number;
  currentRoundTripTime?: number;
  bytesSent?: number;
  packetsSent?: number;
  packetsLost?: number;
  roundTripTime?: number;
  qualityLimitationReason?: string;
}

/** What an RTCStatsReport of a sender says (webrtc-stats: candidate-pair, outbound-rtp, remote-inbound-rtp). */
export function readSendFigures(report: Map<string, unknown>): SendFigures {
  const entries = [...report.values()] as Entry[];
  const pair = entries.find(
    ({ type, nominated, state }) => type === 'candidate-pair' && nominated && state === 'succeeded',
  );
  const sent = entries.filter(({ type }) => type === 'outbound-rtp');
  const remote = entries.find(({ type }) => type === 'remote-inbound-rtp');
  const packetsSent = sum(sent.map((one) => one.packetsSent ?? 0));
  const lost = remote?.packetsLost;
  const rtt = remote?.roundTripTime ?? pair?.currentRoundTripTime;
  return {
    availableBps: pair?.availableOutgoingBitrate,
    bytesSent: sum(sent.map((one) => one.bytesSent ?? 0)),
    packetsSent,
    lossFraction: lost === undefined || packetsSent === 0 ? undefined : Math.min(1, Math.max(0, lost / packetsSent)),
    rttMs: rtt === undefined ? undefined : rtt * 1000,
    limitedBy: sent[0]?.qualityLimitationReason,
  };
}

/** What surely went through: the estimate where there is one, and never less than what was sent and came. */
export function uplinkBps(before: SendFigures, after: SendFigures, elapsedMs: number): number {
  const sent = ((after.bytesSent - before.bytesSent) * 8) / (elapsedMs / 1000);
  return Math.max(after.availableBps ?? 0, sent * (1 - (after.lossFraction ?? 0)));
}

function sum(values: number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
