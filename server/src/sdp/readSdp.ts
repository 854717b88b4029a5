import { parse, type SessionDescription } from 'sdp-transform';
import { Refusal } from '../protocol/index.ts';
import { maxSdpBytes, maxSections } from './offer.ts';

const maxLines = 2_000;
const maxLineLength = 4_096;
const maxCandidates = 100;

/** What we understand of SDP; everything else is dropped unread, as RFC 8866 section 5 has it. */
const known = new Set(
  (
    'rtpmap fmtp rtcp-fb extmap setup mid msid sendrecv recvonly sendonly inactive ice-lite ice-ufrag ice-pwd ' +
    'ice-options fingerprint candidate end-of-candidates ssrc ssrc-group group rtcp-mux rid simulcast bundle-only ' +
    'sctp-port max-message-size'
  ).split(' '),
);

type Section = SessionDescription['media'][number];
export type ReadMedia = Section & { invalid?: { value: string }[] };
export type ReadSdp = Omit<SessionDescription, 'media'> & { media: ReadMedia[]; invalid?: { value: string }[] };

/**
 * SDP text (a whole one or a fragment) as sdp-transform has it, or a refusal that names the line. What reaches
 * sdp-transform is short lines of attributes that we use, since some of its expressions go back over their input.
 */
export function readSdp(text: string): ReadSdp {
  if (text.length > maxSdpBytes) throw new Refusal('tooLarge', `an SDP here has at most ${maxSdpBytes} bytes`);
  const lines = text.split(/\r\n|\n/);
  if (lines.length > maxLines) throw new Refusal('badRequest', `an SDP here has at most ${maxLines} lines`);
  if (lines.at(-1) === '') lines.pop();
  const kept: string[] = [];
  let sections = 0;
  let candidates = 0;
  for (const [index, line] of lines.entries()) {
    const where = `line ${index + 1} of the SDP`;
    if (line.length > maxLineLength) throw new Refusal('badRequest', `${where} has over ${maxLineLength} characters`);
    if (!isPlainText(line)) throw new Refusal('badRequest', `${where} holds control characters or is not UTF-8`);
    if (!/^[a-z]=/.test(line)) throw new Refusal('badRequest', `${where} is not of the form x=…`);
    if (line.startsWith('m=') && ++sections > maxSections) {
      throw new Refusal('badRequest', `the SDP has over ${maxSections} media sections`);
    }
    if (line.startsWith('m=')) checkMediaLine(line, where);
    if (line.startsWith('a=candidate:')) {
      if (++candidates > maxCandidates) throw new Refusal('badRequest', `the SDP has over ${maxCandidates} candidates`);
      checkCandidate(line.slice('a='.length), where);
      continue;
    }
    if (!line.startsWith('a=') || known.has(/^a=([^: ]*)/.exec(line)![1]!)) kept.push(line.trimEnd());
  }
  const read = parse(`${kept.join('\r\n')}\r\n`) as ReadSdp;
  const invalid = [read, ...read.media].flatMap((one) => one.invalid ?? [])[0];
  if (invalid) throw new Refusal('badRequest', `this line of the SDP is not understood: ${excerpt(invalid.value)}`);
  return read;
}

/** sdp-transform takes a malformed m-line for none at all, and its attributes for those of the section before. */
function checkMediaLine(line: string, where: string): void {
  if (!/^m=[a-z]+ \d{1,5}(\/\d+)? [A-Z/]+( [!-~]+)+ *$/.test(line)) {
    throw new Refusal('badRequest', `${where} is no m-line: ${excerpt(line)}`);
  }
}

/**
 * `candidate:…` of RFC 8839 section 5.1, the address an IP one or a name (mDNS), transport and type any. We are the
 * lite side and never dial a candidate; a malformed one still shows a peer that is broken or has ill intent.
 */
export function checkCandidate(candidate: string, where: string): void {
  const match =
    /^candidate:([A-Za-z0-9+/]{1,64}) (\d{1,3}) ([A-Za-z0-9-]{1,16}) (\d{1,10}) ([A-Za-z0-9.:_-]{1,255}) (\d{1,5}) typ ([A-Za-z0-9-]{1,16})(?: .*)?$/.exec(
      candidate,
    );
  const [, , component, , priority, , port] = match ?? [];
  const isValid =
    match !== null &&
    Number(component) >= 1 &&
    Number(component) <= 256 &&
    Number(priority) >= 1 &&
    Number(priority) <= 0x7fffffff &&
    Number(port) <= 65_535;
  if (!isValid) throw new Refusal('badRequest', `${where} is no ICE candidate: ${excerpt(candidate)}`);
}

/** No control character but the tab, nothing that has no UTF-8. */
function isPlainText(line: string): boolean {
  return line.isWellFormed() && !/[\u0000-\u0008\u000a-\u001f\u007f\ufffd]/.test(line);
}

/** The start of what the peer sent, for a message to it. */
export function excerpt(text: string): string {
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
