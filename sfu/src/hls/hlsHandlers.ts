import type { RequestHandlers } from '@framelock/server/protocol';
import type { HlsControlContract } from './hlsControl.ts';
import type { HlsNode } from './HlsNode.ts';

/** The sfu's requests on one HlsNode. */
export function hlsHandlers(node: HlsNode): RequestHandlers<HlsControlContract> {
  return {
    addPublication: ({ publicationId, streamId, restarts }) => {
      node.addPublication(publicationId, streamId, restarts);
      return {};
    },
    setPackager: ({ publicationId, settings }) => {
      node.publication(publicationId).setSettings(settings);
      return {};
    },
    describeModel: ({ publicationId, description }) => {
      node.publication(publicationId).describeModel(description);
      return {};
    },
    openInput: ({ publicationId }) => node.publication(publicationId).openInput(),
    startInput: async ({ publicationId, ...input }) => {
      await node.publication(publicationId).startInput(input);
      return {};
    },
    setAudio: async ({ publicationId, audio }) => {
      await node.publication(publicationId).setAudio(audio);
      return {};
    },
    stopInput: async ({ publicationId, reason }) => {
      await node.publication(publicationId).stopInput(reason);
      return {};
    },
    // No refusal for one that is gone: the wish is fulfilled.
    endPublication: async ({ publicationId, reason }) => {
      await node.endPublication(publicationId, reason);
      return {};
    },
    listRecordings: async () => ({ recordings: await node.listRecordings() }),
    deleteRecording: async ({ streamId, publicationId }) => {
      await node.deleteRecording(streamId, publicationId);
      return {};
    },
    metrics: async () => ({ text: await node.scrape() }),
    dump: () => node.dump(),
  };
}
