export type CandidateProtocol = 'udp' | 'tcp';

/** The SDP with only those of its candidates that go by `protocol` (RFC 8839 section 5.1, RFC 6544 section 4.5). */
export function keepCandidates(sdp: string, protocol: CandidateProtocol): { sdp: string; kept: number } {
  let kept = 0;
  const lines = sdp.split(/\r?\n/).filter((line) => {
    const found = /^a=candidate:\S+ \d+ (\S+) /i.exec(line);
    if (!found) return true;
    const keep = found[1]!.toLowerCase() === protocol;
    if (keep) kept++;
    return keep;
  });
  return { sdp: lines.join('\r\n'), kept };
}

/** Address and port of the first candidate, for words; `[v6]:port` for IPv6. */
export function firstAddress(sdp: string): string | undefined {
  const found = /^a=candidate:\S+ \d+ \S+ \d+ (\S+) (\d+) /im.exec(sdp);
  if (!found) return undefined;
  return found[1]!.includes(':') ? `[${found[1]}]:${found[2]}` : `${found[1]}:${found[2]}`;
}
