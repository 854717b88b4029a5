const maxMessageChars = 400;

interface Known {
  pattern: RegExp;
  says: string;
}

/** What FFmpeg writes, and what a person can do about it. Earlier ones win. */
const known: Known[] = [
  { pattern: /moov atom not found/i, says: 'the file is not complete (moov atom not found)' },
  { pattern: /\b401\b|unauthorized|authorization failed/i, says: 'wrong user or password (401)' },
  { pattern: /\b403\b|forbidden|access denied/i, says: 'the other side refuses access (403)' },
  {
    pattern: /\b404\b/,
    says: 'there is nothing under this path (404): check the path of the URL',
  },
  { pattern: /protocol not found/i, says: "this node's FFmpeg lacks the protocol: set FFMPEG_BIN to one that has it" },
  {
    pattern: /unknown encoder|encoder .* not found/i,
    says: "this node's FFmpeg lacks an encoder: set FFMPEG_BIN to one with libx264 and libopus",
  },
  { pattern: /connection refused|ECONNREFUSED/i, says: 'connection refused: is it on, and is the port right?' },
  { pattern: /no route to host|network is unreachable|host is down/i, says: 'the network has no way to that address' },
  {
    pattern: /connection timed out|timed out|ETIMEDOUT|connection setup failure: connection time/i,
    says: 'no answer in time: is it on, and reachable from this machine?',
  },
  {
    pattern: /failed to resolve|name or service not known|temporary failure in name/i,
    says: 'the host name is not known',
  },
  { pattern: /wrong pass|bad secret|passphrase|password|unsecure|encryption/i, says: 'the passphrase does not match' },
  {
    pattern: /connection setup failure|connection was rejected|rejected by/i,
    says: 'the other side rejected the connection: check the passphrase and the mode (one side must listen)',
  },
  { pattern: /no such file/i, says: 'the file is not there' },
  { pattern: /permission denied/i, says: 'the file may not be read' },
  {
    pattern: /not on whitelist|format not on white|not in whitelist/i,
    says: 'it is not a video file, or one that refers to others',
  },
  { pattern: /does not contain any stream|matches no streams|no streams/i, says: 'there is no video or audio in it' },
  {
    pattern: /srt:.*input\/output error/i,
    says: 'no SRT connection: is it on, does the passphrase match, and does exactly one side listen?',
  },
  { pattern: /invalid data found/i, says: 'it is no video or audio that FFmpeg can read' },
  { pattern: /end of file/i, says: 'the other side ended the connection' },
];

/** Lines that say nothing about why it ended. */
const noise =
  /last message repeated|non-monotonous|non monotonically|timestamps are unset|deprecated|past duration|max delay reached|rtp: missed|concealing|conversion failed|error while decoding|broken pipe|exiting normally|received signal|could not find codec parameters|consider increasing|queue input is backward/i;

/** The last lines of FFmpeg as one sentence for people. */
export function explainFfmpeg(lines: readonly string[], secrets: readonly string[] = []): string {
  for (const { pattern, says } of known) {
    const line = lines.findLast((one) => pattern.test(one));
    if (line) return says;
  }
  const last = lines.findLast((line) => !noise.test(line)) ?? lines.at(-1);
  if (!last) return 'FFmpeg ended without a word';
  return withoutSecrets(last.replace(/^\[[^\]]*\]\s*/, ''), secrets).slice(0, maxMessageChars);
}

/** Takes `user:password@` out of URLs, and passphrases wherever they are. */
export function withoutSecrets(text: string, secrets: readonly string[] = []): string {
  let clean = text
    .replace(/([a-z][a-z0-9+.-]*:\/\/)[^\s/?#]*@/gi, '$1')
    .replace(/\b(passphrase|password|pass|pwd|token|key|secret|auth)=[^&\s"']*/gi, '$1=…');
  for (const secret of secrets) if (secret.length >= 4) clean = clean.replaceAll(secret, '…');
  return clean;
}
