/** The peer sent what RTMP does not allow, or more than the limits allow. Ends its connection; the words are for logs. */
export class RtmpProtocolError extends Error {
  override readonly name = 'RtmpProtocolError';
}
