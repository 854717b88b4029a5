import { type InferenceControlContract, Refusal, type RequestHandlers } from '@framelock/server/protocol';
import type { BrandEnroller } from './BrandEnroller.ts';
import type { NodeGallery } from './NodeGallery.ts';

/** Bundled brands in one answer: 200 of them are some 600 KiB. */
const pageSize = 150;

type BrandRequests = 'brandModel' | 'embedBrandImage' | 'setGallery';

/** What a server asks of the gallery of a node. */
export function brandHandlers(
  gallery: NodeGallery,
  enroller: BrandEnroller | undefined,
  onChange: () => void,
): Pick<RequestHandlers<InferenceControlContract>, BrandRequests> {
  return {
    brandModel: ({ offset = 0 }) => {
      const next = offset + pageSize;
      const bundled = gallery.bundled.slice(offset, next);
      return { model: gallery.model, bundled, ...(next < gallery.bundled.length ? { next } : {}) };
    },
    embedBrandImage: async ({ imageBase64, box }) => {
      const { model } = gallery;
      if (!enroller || !model) throw new Refusal('unavailable', gallery.problem ?? 'this node has no brand model');
      const enrolled = await enroller.enrol(Buffer.from(imageBase64, 'base64'), box);
      return { modelSha256: model.sha256, ...enrolled };
    },
    setGallery: (wanted) => {
      if (gallery.set(wanted)) onChange();
      return {};
    },
  };
}
