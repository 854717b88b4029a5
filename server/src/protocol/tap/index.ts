/**
 * The receiving end of a FrameTap: RTP over UDP in, compressed Frames out. For inference and for HLS, which run under
 * Node; not part of the protocol's own index, since browsers have no sockets.
 */
export * from './Depacketiser.ts';
export * from './RtpPacket.ts';
export * from './RtpReceiver.ts';
export * from './createDepacketiser.ts';
export * from './rtcp.ts';
export * from './senderReport.ts';
export * from './tapParameters.ts';
export * from './udpDrops.ts';
export * from './unixMs.ts';
