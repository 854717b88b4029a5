import { onScopeDispose, ref, shallowRef } from 'vue';
import { CameraSource, listDevices, onDevicesChanged, type CaptureDevice } from '../capture/CameraSource.ts';
import { captureProblemWords, problemOf, type ProblemWords } from './problemWords.ts';

export type SourceKind = 'camera' | 'screen' | 'file';

export interface CaptureWish {
  kind: SourceKind;
  cameraId: string;
  microphoneId: string;
  width: number;
  height: number;
  frameRate: number;
  audio: boolean;
  file: File | undefined;
}

const names: Record<SourceKind, string> = { camera: 'camera', screen: 'screen', file: 'video file' };

/** The source that the page previews and publishes: one at a time, the one before is closed when the next is there. */
export function useCapture() {
  const source = shallowRef<CameraSource>();
  const opening = ref(false);
  const problem = shallowRef<ProblemWords>();
  const devices = shallowRef<CaptureDevice[]>([]);
  let turn = 0;
  let microphone: MediaStreamTrack | undefined;

  /** A running microphone goes on where the new source has no sound of its own: people talk over their screens. */
  async function open(wish: CaptureWish): Promise<CameraSource | undefined> {
    const mine = ++turn;
    opening.value = true;
    problem.value = undefined;
    try {
      const made = await CameraSource.create({
        kind: wish.kind,
        width: wish.width,
        height: wish.height,
        frameRate: wish.frameRate,
        audio: wish.audio,
        ...(wish.kind === 'camera' && wish.cameraId ? { deviceId: wish.cameraId } : {}),
        ...(wish.kind === 'file' && wish.file ? { file: wish.file } : {}),
      });
      if (mine !== turn) return void made.close();
      if (wish.kind === 'camera' && wish.audio) await useMicrophone(made, wish.microphoneId);
      if (mine !== turn) return void made.close();
      if (wish.kind === 'camera') microphone = made.audioTrack;
      else if (wish.audio && !made.audioTrack) microphone = moveMicrophone(microphone, source.value, made);
      else microphone = undefined;
      source.value?.close();
      source.value = made;
      made.on('ended', (ended) => {
        if (source.value === made) problem.value = captureProblemWords(ended.code, ended.message, names[wish.kind]);
      });
      return made;
    } catch (error) {
      if (mine !== turn) return undefined;
      const { code, message } = problemOf(error);
      problem.value = captureProblemWords(code, message, names[wish.kind]);
      return undefined;
    } finally {
      if (mine === turn) opening.value = false;
      void refreshDevices();
    }
  }

  async function refreshDevices(): Promise<void> {
    devices.value = await listDevices().catch(() => []);
  }

  function close(): void {
    turn++;
    opening.value = false;
    source.value?.close();
    source.value = undefined;
  }

  void refreshDevices();
  const stopWatching = onDevicesChanged(() => void refreshDevices());
  onScopeDispose(() => {
    stopWatching();
    close();
  });
  return { source, opening, problem, devices, open, close };
}

function moveMicrophone(
  track: MediaStreamTrack | undefined,
  from: CameraSource | undefined,
  to: CameraSource,
): MediaStreamTrack | undefined {
  if (!from || !track || from.audioTrack !== track) return undefined;
  from.stream.removeTrack(track); // so that closing the old source does not stop it
  to.stream.addTrack(track);
  return track;
}

/** CameraSource takes the default microphone: another one replaces its track in the same stream. */
async function useMicrophone(source: CameraSource, deviceId: string): Promise<void> {
  const before = source.audioTrack;
  if (!deviceId || !before || before.getSettings().deviceId === deviceId) return;
  const stream = await navigator.mediaDevices
    .getUserMedia({ audio: { deviceId: { exact: deviceId }, echoCancellation: true, noiseSuppression: true } })
    .catch(() => undefined);
  const track = stream?.getAudioTracks()[0];
  if (!track) return;
  source.stream.removeTrack(before);
  before.stop();
  source.stream.addTrack(track);
}
