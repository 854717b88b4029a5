declare global {
  interface Window {
    /** While true, no connection that is made learns where the server is: a network without a UDP or TCP path to it. */
    pathsBlocked: boolean;
  }
}

/** Runs in a page before its scripts. The signalling stays; what falls away is every candidate of the server's. */
export function blockWebRtcPaths(): void {
  window.pathsBlocked = true;
  const setRemoteDescription: (description: RTCSessionDescriptionInit) => Promise<void> =
    RTCPeerConnection.prototype.setRemoteDescription;
  RTCPeerConnection.prototype.setRemoteDescription = function (
    this: RTCPeerConnection,
    description: RTCSessionDescriptionInit,
  ) {
    const { type, sdp = '' } = description;
    const told = window.pathsBlocked ? sdp.replaceAll(/^a=candidate:.*\r?\n/gm, '') : sdp;
    return setRemoteDescription.call(this, { type, sdp: told });
  } as typeof RTCPeerConnection.prototype.setRemoteDescription;
}
