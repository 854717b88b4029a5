import { randomInt } from 'node:crypto';
import nodeDataChannel, { type PeerConnection, type Track } from 'node-datachannel';
import type { EncodedClip } from './EncodedClip.ts';
import { ObsTrack, obsHandlers } from './ObsTrack.ts';
import { pace } from './pace.ts';
import { newRtpStream } from './rtpPacket.ts';
import { whipDelete, whipPost, type WhipResource } from './whipPost.ts';

export interface ObsPublisherOptions {
  whipUrl: string;
  /** The stream key. */
  bearer?: string;
  clip: EncodedClip;
  audio?: boolean;
  video?: boolean;
  /** All layers of the clip by rid, as OBS from 32.1; else only the first. */
  simulcast?: boolean;
  /** H265: the offer that OBS makes for its HEVC encoder. */
  codec?: 'H264' | 'H265';
  /** How far it goes: `posted` takes the answer and never begins ICE; `connected` sends no media. */
  until?: 'posted' | 'connected' | 'publishing';
  /** By layer: how many frames later than the clip its encoder begins. */
  lateFrames?: readonly number[];
  /**
   * By layer: how many frames more than the others it loses to a track that is not open yet, which is when it opens
   * between two layers of one frame. Its timestamps are that many frames behind the others' from then on.
   */
  lostFrames?: readonly number[];
  /** By layer: the timestamp that it counts from. OBS counts from 0. */
  firstTimestamps?: readonly number[];
  /** How long a layer's frame waits before it is sent, ms; frames of a layer stay in order. OBS sends them back to back. */
  sendDelayMs?: (layer: number) => number;
  /** Edits the answer before it is taken, e.g. UdpRelay.between. */
  editAnswer?: (answer: string) => string;
  onState?: (state: string) => void;
}

const mids = { audio: '0', video: '1' };
const payloadTypes = { audio: 111, video: 96 };
const extensionIds = { mid: 1, rid: 2 };
const nackBuffers = { audio: 512, video: 4000 };
const connectTimeoutMs = 20_000;

/**
 * A publisher that is OBS as far as a server can see (plugins/obs-webrtc/whip-output.cpp): the same libdatachannel, an
 * offer without candidates, no PATCH, H264 and Opus with mid and rid on every packet, NACK answered, PLI not, DELETE at
 * the end. Frames come from an encoded clip in real time.
 */
export class ObsPublisher {
  readonly offer: string;
  readonly answer: string;
  readonly resourceUrl: string;
  /** Clip frames given to the tracks, whether those were open yet or not. */
  framesGiven = 0;
  readonly #options: ObsPublisherOptions;
  readonly #peer: PeerConnection;
  readonly #tracks: ObsTrack[] = [];
  #stopMedia: (() => void)[] = [];
  #closed = false;

  private constructor(options: ObsPublisherOptions, peer: PeerConnection, offer: string, resource: WhipResource) {
    this.#options = options;
    this.#peer = peer;
    this.offer = offer;
    this.answer = resource.answer;
    this.resourceUrl = resource.url;
  }

  /** Resolves when connected (or at `until`). Throws WhipRefused for any answer but 201. */
  static async create(options: ObsPublisherOptions): Promise<ObsPublisher> {
    const { whipUrl, bearer, until = 'publishing' } = options;
    const peer = new nodeDataChannel.PeerConnection('obs', { iceServers: [], disableFingerprintVerification: false });
    let publisher: ObsPublisher | undefined;
    try {
      if (options.onState) peer.onStateChange(options.onState);
      const baseSsrc = randomInt(1, 2 ** 31);
      const tracks = addTracks(peer, options, baseSsrc);
      const offered = new Promise<string>((resolve) =>
        peer.onLocalDescription((sdp) => resolve(withoutCandidates(sdp))),
      );
      peer.setLocalDescription();
      const offer = await offered;
      const resource = await whipPost(whipUrl, bearer, offer);
      publisher = new ObsPublisher(options, peer, offer, resource);
      if (until === 'posted') return publisher;
      publisher.#checkLayers();
      const connected = publisher.#connected();
      peer.setRemoteDescription(options.editAnswer?.(resource.answer) ?? resource.answer, 'answer');
      // OBS begins to hand out packets now; those that come before the track is open are lost.
      if (until === 'publishing') publisher.#publish(tracks, baseSsrc);
      await connected;
      return publisher;
    } catch (error) {
      // Its encoders, and its session on the server, must not outlive it.
      if (publisher) await publisher.close().catch(() => undefined);
      else peer.close();
      throw error;
    }
  }

  get state(): string {
    return this.#peer.state();
  }

  get packetsSent(): number {
    return this.#tracks.reduce((sum, track) => sum + track.packetsSent, 0);
  }

  get layerCount(): number {
    return this.#options.simulcast ? this.#options.clip.layers.length : 1;
  }

  /** All or none, as OBS: simulcast_layers_in_answer in whip-utils.h counts what `a=simulcast:recv` lists. */
  #checkLayers(): void {
    if (this.layerCount === 1) return;
    const accepted = /^a=simulcast:recv (\S+)/m.exec(this.answer)?.[1]?.split(';').length ?? 0;
    if (accepted !== this.layerCount) throw new Error(`the answer accepts ${accepted} of ${this.layerCount} layers`);
  }

  #connected(): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`it is still ${this.state}`)), connectTimeoutMs);
      this.#peer.onStateChange((state) => {
        this.#options.onState?.(state);
        if (state === 'connected') resolve();
        if (state === 'failed' || state === 'closed') reject(new Error(`the connection is ${state}`));
        if (state !== 'connecting') clearTimeout(timer);
      });
    });
  }

  #publish({ audio, video }: Tracks, baseSsrc: number): void {
    const { clip, lateFrames = [], lostFrames = [], firstTimestamps = [], sendDelayMs } = this.#options;
    const lost = [...lostFrames];
    if (video) {
      const layers = clip.layers.slice(0, this.layerCount).map((layer, i) => {
        const extensions = [
          { id: extensionIds.mid, value: mids.video },
          { id: extensionIds.rid, value: String(i) },
        ];
        const stream = newRtpStream(baseSsrc + 1 + i, payloadTypes.video, { extensions });
        const track = new ObsTrack(video, stream, 90_000, firstTimestamps[i]);
        return { accessUnits: layer.accessUnits, track, inOrder: delayedInOrder() };
      });
      this.#tracks.push(...layers.map(({ track }) => track));
      const give = (n: number) => {
        const dtsUs = Math.round((n * 1e6) / clip.fps);
        // Asked once a frame: the track opens on a thread of its own, also between two layers of one frame, and those
        // behind would have a frame more than those before.
        const open = video.isOpen();
        for (const [i, { accessUnits, track, inOrder }] of layers.entries()) {
          if (n < (lateFrames[i] ?? 0)) continue;
          if (!open || lost[i]! > 0) {
            if (open) lost[i]!--;
            track.drop(dtsUs);
            continue;
          }
          const send = () => track.sendVideo(accessUnits[n % accessUnits.length]!.bytes, dtsUs);
          if (sendDelayMs) inOrder(sendDelayMs(i), send);
          else send();
        }
        this.framesGiven = n + 1;
      };
      this.#stopMedia.push(pace(1000 / clip.fps, give));
    }
    if (audio) {
      const track = new ObsTrack(audio, newRtpStream(baseSsrc, payloadTypes.audio), 48_000);
      this.#tracks.push(track);
      const give = (n: number) => track.sendAudio(clip.opus[n % clip.opus.length]!, n * clip.opusFrameMs * 1000);
      this.#stopMedia.push(pace(clip.opusFrameMs, give));
    }
  }

  /** Encoders stop, the connection stays: a source that hangs. */
  stopMedia(): void {
    for (const stop of this.#stopMedia.splice(0)) stop();
  }

  /** As OBS stops: the connection first, then DELETE, whose status it gives. Without `tell` no DELETE is sent. */
  async close({ tell = true } = {}): Promise<number | undefined> {
    if (this.#closed) return undefined;
    this.#closed = true;
    this.stopMedia();
    for (const track of this.#tracks) track.close();
    this.#peer.close();
    return tell ? whipDelete(this.resourceUrl, this.#options.bearer) : undefined;
  }
}

/** Runs each task after its delay, but never before one that was given earlier: timers alone do not keep an order. */
function delayedInOrder(): (delayMs: number, task: () => void) => void {
  let last = Promise.resolve();
  return (delayMs, task) => {
    const due = new Promise((resolve) => setTimeout(resolve, delayMs));
    last = Promise.all([last, due]).then(task);
  };
}

interface Tracks {
  audio?: Track;
  video?: Track;
}

/** In OBS's order, with its attributes (ConfigureAudioTrack, ConfigureVideoTrack). */
function addTracks(peer: PeerConnection, options: ObsPublisherOptions, baseSsrc: number): Tracks {
  const { clip, audio = true, video = true, simulcast = false, codec = 'H264' } = options;
  const [streamId, cname] = ['framelockObsLike', 'framelockObsName'];
  const tracks: Tracks = {};
  if (audio) {
    const media = new nodeDataChannel.Audio(mids.audio, 'SendOnly');
    media.addOpusCodec(payloadTypes.audio);
    media.addSSRC(baseSsrc, cname, streamId, `${streamId}-audio`);
    tracks.audio = peer.addTrack(media);
    tracks.audio.setMediaHandler(obsHandlers(nackBuffers.audio));
  }
  if (video) {
    const media = new nodeDataChannel.Video(mids.video, 'SendOnly');
    media.addSSRC(baseSsrc + 1, cname, streamId, `${streamId}-video`);
    media.parseSdpLine(`a=extmap:${extensionIds.mid} urn:ietf:params:rtp-hdrext:sdes:mid`);
    media.parseSdpLine(`a=extmap:${extensionIds.rid} urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id`);
    if (simulcast) {
      const rids = clip.layers.map((_, i) => String(i));
      for (const rid of rids) media.parseSdpLine(`a=rid:${rid} send`);
      media.parseSdpLine(`a=simulcast:send ${rids.join(';')}`);
    }
    if (codec === 'H265') media.addH265Codec(payloadTypes.video);
    else media.addH264Codec(payloadTypes.video);
    tracks.video = peer.addTrack(media);
    const bitrateBps = clip.layers[0]!.bitrateBps;
    tracks.video.setMediaHandler(obsHandlers(nackBuffers.video, bitrateBps));
  }
  return tracks;
}

/**
 * OBS calls gatherLocalCandidates() only after the answer, which node-datachannel does not offer. Here gathering begins
 * with setLocalDescription() and the offer is told without what it found: the same bytes for the server.
 */
function withoutCandidates(sdp: string): string {
  return sdp.replaceAll(/^a=(candidate:.*|end-of-candidates)\r?\n/gm, '');
}
