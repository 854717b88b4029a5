import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Access } from '../access/Access.ts';
import type { AddressReader } from '../access/AddressReader.ts';
import { downloadDisposition, requireRecording } from '../http/recordingView.ts';
import { Refusal } from '../protocol/index.ts';
import type { Recordings } from '../recordings/Recordings.ts';
import type { HlsProxy } from './HlsProxy.ts';

const shape = /^\/api\/v1\/recordings\/([A-Za-z0-9_-]{1,64})\/download\.mp4(?:\?(.*))?$/;

export interface RecordingDownloadOptions {
  access: Access;
  addresses: AddressReader;
  recordings: Recordings;
  hls: HlsProxy;
}

/** `GET /api/v1/recordings/:id/download.mp4`, beside Hono: gigabytes go from socket to socket. */
export class RecordingDownload {
  readonly #options: RecordingDownloadOptions;

  constructor(options: RecordingDownloadOptions) {
    this.#options = options;
  }

  /** Whether the request is one for a download; then it is answered. */
  takes(request: IncomingMessage, response: ServerResponse): boolean {
    const match = shape.exec(request.url ?? '');
    if (!match) return false;
    const token = new URLSearchParams(match[2] ?? '').get('token') ?? undefined;
    void this.#handle(request, response, match[1]!, token).catch((error: unknown) =>
      this.#options.hls.refuse(request, response, error),
    );
    return true;
  }

  async #handle(request: IncomingMessage, response: ServerResponse, id: string, token: string | undefined) {
    const { access, addresses, hls } = this.#options;
    access.checkOrigin({ host: request.headers.host, origin: request.headers.origin });
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('Allow', 'GET, HEAD');
      throw new Refusal('methodNotAllowed', 'a download takes GET, HEAD');
    }
    // A link in a page sends no header.
    const headers = (name: string) => request.headers[name]?.toString();
    const caller = access.identify({ method: request.method, headers, token, address: addresses.of(request) });
    const recording = await requireRecording(this.#options, caller, 'watch', id);
    await hls.download(request, response, {
      streamId: recording.streamId,
      id,
      disposition: downloadDisposition(recording),
    });
  }
}
