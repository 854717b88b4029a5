import { detectionChannel, Refusal, type Opaque } from '@framelock/server/protocol';
import type { Device } from 'mediasoup-client';
import type { DataProducer, Producer, RtpParameters, Transport, TransportOptions } from 'mediasoup-client/types';
import type { BrowserAnalyser } from '../inference/BrowserAnalyser.ts';
import { SignalingClient } from '../signaling/SignalingClient.ts';
import { createDevice, findSendCodec, type VideoCodecName } from './createDevice.ts';
import type { Link, LinkEnd } from './Reconnector.ts';
import { defaultMaxBitrateBps, defaultScalabilityMode, scalabilityProblem, videoEncoding } from './videoEncoding.ts';
import { watchTransport } from './watchTransport.ts';

export interface PublisherLinkOptions {
  streamId: string;
  token?: string;
  signalingUrl: string;
  /** Not stopped by the link: the next one sends them again. */
  video: MediaStreamTrack | undefined;
  audio: MediaStreamTrack | undefined;
  codec: VideoCodecName | undefined;
  svc: string | undefined;
  maxBitrateBps: number | undefined;
  /** Runs the model in this page, on what is sent; `video` is its track then. */
  analyser?: BrowserAnalyser | undefined;
}

/** One publisher's connected path: signalling, a send Transport, and up to two Producers on it. */
export class PublisherLink implements Link {
  readonly signaling: SignalingClient;
  readonly ended: Promise<LinkEnd>;
  readonly #options: PublisherLinkOptions;
  #end!: (end: LinkEnd) => void;
  #transport: Transport | undefined;
  #stopWatching: (() => void) | undefined;
  #closed = false;
  #sendsAudio = false;
  /** Sound is changed one step after the other, or two sounds at once would make two Producers. */
  #audioTurn: Promise<void> = Promise.resolve();
  video: Producer | undefined;
  audio: Producer | undefined;
  publicationId: string | undefined;
  #detections: DataProducer | undefined;
  /** What the server said when the channel was made. */
  #revision: number | undefined;

  /** Rejects with a Refusal when the server or the browser says no. */
  static async create(options: PublisherLinkOptions): Promise<PublisherLink> {
    const { signalingUrl: url, streamId, token } = options;
    let link: PublisherLink | undefined;
    const signaling = await SignalingClient.create({
      url,
      streamId,
      role: 'publish',
      ...(token ? { token } : {}),
      on: { transportClosed: ({ reason }) => link?.close(reason) },
    });
    link = new PublisherLink(options, signaling);
    try {
      await link.#produceAll();
      if (link.#closed) throw new Refusal('unavailable', 'the connection was lost while publishing');
      return link;
    } catch (error) {
      link.close('publishing failed');
      throw error;
    }
  }

  private constructor(options: PublisherLinkOptions, signaling: SignalingClient) {
    this.#options = options;
    this.signaling = signaling;
    this.ended = new Promise((resolve) => (this.#end = resolve));
    signaling.on('closed', ({ reason, code }) => this.close(reason, code));
  }

  get transport(): Transport | undefined {
    return this.#transport;
  }

  get closed(): boolean {
    return this.#closed;
  }

  async #produceAll(): Promise<void> {
    const { iceServers, routerRtpCapabilities } = this.signaling.joined;
    const device = await createDevice(routerRtpCapabilities);
    const { video, audio, analyser } = this.#options;
    // Before anything is published, so that no node begins in vain.
    if (analyser) await this.signaling.request('setAnalysis', { by: 'browser', model: analyser.describe() });
    const { transport } = await this.signaling.request('createTransport', {
      direction: 'send',
      ...(analyser ? { data: true } : {}),
    });
    this.#transport = device.createSendTransport({ ...(transport as unknown as TransportOptions), iceServers });
    this.#wire(this.#transport);
    if (video) this.video = await this.#produceVideo(device, this.#transport, video);
    if (video && analyser) await this.#connectAnalyser(this.#transport, analyser);
    this.#sendsAudio = device.canProduce('audio');
    await this.setAudio(audio);
  }

  async #connectAnalyser(transport: Transport, analyser: BrowserAnalyser): Promise<void> {
    const detections = await transport.produceData({ ...detectionChannel, ordered: false, maxPacketLifeTime: 500 });
    this.#detections = detections;
    const { publicationId, signaling } = this;
    const revision = this.#revision;
    if (publicationId === undefined || revision === undefined) throw new Refusal('internal', 'no detections channel');
    analyser.connect({ signaling, publicationId, detections, revision });
  }

  /** Whom its sender was made for: another one can't see what it sends. */
  get analyser(): BrowserAnalyser | undefined {
    return this.#options.analyser;
  }

  /** The server analyses from now on what this page analysed so far. */
  async analyseOnServer(): Promise<void> {
    await this.signaling.request('setAnalysis', { by: 'node' });
    this.#detections?.close();
    this.#detections = undefined;
  }

  /** Sends this sound from now on, inside the same Publication; undefined = none. The last call counts. */
  setAudio(track: MediaStreamTrack | undefined): Promise<void> {
    this.#audioTurn = this.#audioTurn.catch(() => undefined).then(() => this.#setAudio(track));
    return this.#audioTurn;
  }

  async #setAudio(track: MediaStreamTrack | undefined): Promise<void> {
    if (this.#closed || !this.#transport || !this.#sendsAudio) return;
    const { audio } = this;
    if (audio && audio.track === (track ?? null)) return;
    if (audio) await audio.replaceTrack({ track: track ?? null });
    else if (track) {
      const codecOptions = { opusDtx: true, opusFec: true };
      this.audio = await this.#transport.produce({ track, stopTracks: false, codecOptions });
    }
  }

  #wire(transport: Transport): void {
    const { signaling } = this;
    transport.on('connect', ({ dtlsParameters }, done, fail) => {
      signaling
        .request('connectTransport', { transportId: transport.id, dtlsParameters: dtlsParameters as unknown as Opaque })
        .then(done, fail);
    });
    transport.on('produce', ({ kind, rtpParameters }, done, fail) => {
      signaling
        .request('produce', { transportId: transport.id, kind, rtpParameters: asOpaque(rtpParameters) })
        .then(({ producerId, publicationId }) => {
          this.publicationId = publicationId;
          done({ id: producerId });
        }, fail);
    });
    transport.on('producedata', ({ sctpStreamParameters }, done, fail) => {
      signaling
        .request('produceDetections', {
          transportId: transport.id,
          sctpStreamParameters: {
            streamId: sctpStreamParameters.streamId,
            ordered: sctpStreamParameters.ordered,
            maxPacketLifeTime: sctpStreamParameters.maxPacketLifeTime,
          },
        })
        .then(({ dataProducerId, revision }) => {
          this.#revision = revision;
          done({ id: dataProducerId });
        }, fail);
    });
    this.#stopWatching = watchTransport(transport, signaling, (reason) => this.close(reason));
  }

  async #produceVideo(device: Device, transport: Transport, track: MediaStreamTrack): Promise<Producer> {
    const { codec: name = 'vp8', svc = defaultScalabilityMode(name), maxBitrateBps } = this.#options;
    const problem = scalabilityProblem(name, svc);
    if (problem) throw new Refusal('unsupported', problem);
    const codec = findSendCodec(device, name);
    if (!codec)
      throw new Refusal('unsupported', `this browser cannot send ${name.toUpperCase()} here; choose another codec`);
    const { analyser } = this.#options;
    // A page's own track does not know how large its frames are before the first one.
    const captured = analyser?.captured ?? track;
    const bitrateBps = maxBitrateBps ?? defaultMaxBitrateBps(captured.getSettings?.() ?? {}, name);
    const producer = await transport.produce({
      track,
      codec,
      stopTracks: false,
      // At once: a sender without a transform at the end of the task in which it was made never gets one in Chromium.
      ...(analyser ? { onRtpSender: (sender: RTCRtpSender) => analyser.attach(sender) } : {}),
      // Paused video sends nothing at all: black frames would be analysed and shown like any other.
      disableTrackOnPause: false,
      zeroRtpOnPause: true,
      encodings: [videoEncoding(bitrateBps, svc)],
      codecOptions: { videoGoogleStartBitrate: Math.round(Math.min(bitrateBps * 0.7, 2_500_000) / 1000) },
    });
    await preferFrameRate(producer.rtpSender, track);
    return producer;
  }

  close(reason: string, code?: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#stopWatching?.();
    this.#transport?.close();
    this.signaling.close(reason);
    this.#end(code === undefined ? { reason } : { reason, code });
  }

  dump(): Record<string, unknown> {
    const { closed, publicationId } = this;
    return { closed, publicationId, transportId: this.#transport?.id, signaling: this.signaling.dump() };
  }
}

/**
 * When bandwidth or CPU is short, a camera drops resolution and keeps its frame rate: boxes stay locked to a moving
 * object, and messages carry coordinates in 0..1, which a smaller picture does not change. Screens keep their
 * resolution, for text that cannot be read is worth nothing.
 */
async function preferFrameRate(sender: RTCRtpSender | undefined, track: MediaStreamTrack): Promise<void> {
  if (!sender?.setParameters) return;
  try {
    const parameters = sender.getParameters();
    const still = track.contentHint === 'detail' || track.contentHint === 'text';
    parameters.degradationPreference = still ? 'maintain-resolution' : 'maintain-framerate';
    await sender.setParameters(parameters);
  } catch {
    // A wish only: browsers without it balance both.
  }
}

function asOpaque(parameters: RtpParameters): Opaque {
  return parameters as unknown as Opaque;
}
