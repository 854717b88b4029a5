import type { InferenceNode } from '../nodes/NodeRegistry.ts';
import type { BrandModel, BundledBrand } from '../protocol/index.ts';

/** More pages are no list of ours. */
const maxPages = 100;
const pageTimeoutMs = 20_000;

/** Which inference node has which brand model. */
export class BrandModels {
  readonly #models = new Map<InferenceNode, BrandModel | null>();

  /** Asks a node; what does not know the question has no brand model. */
  async learn(node: InferenceNode): Promise<BrandModel | null> {
    const { model } = await node.request('brandModel', {}, pageTimeoutMs);
    this.#models.set(node, model);
    return model;
  }

  forget(node: InferenceNode): void {
    this.#models.delete(node);
  }

  of(node: InferenceNode): BrandModel | null {
    return this.#models.get(node) ?? null;
  }

  /** Nodes that have one, and this one where it is named. */
  nodes(sha256?: string): InferenceNode[] {
    return [...this.#models].flatMap(([node, model]) =>
      node.open && model && (sha256 === undefined || model.sha256 === sha256) ? [node] : [],
    );
  }

  /**
   * The model whose embeddings are kept: that of most nodes; of equally many the one that was it before, then the one with
   * the smaller hash. All replicas know the same nodes, so that they agree and do not embed against each other.
   */
  present(before: BrandModel | null): BrandModel | null {
    const votes = new Map<string, { model: BrandModel; nodes: number }>();
    for (const node of this.nodes()) {
      const model = this.of(node)!;
      votes.set(model.sha256, { model, nodes: (votes.get(model.sha256)?.nodes ?? 0) + 1 });
    }
    const rank = ({ model }: { model: BrandModel }) => (model.sha256 === before?.sha256 ? '' : model.sha256);
    const [first] = [...votes.values()].sort((a, b) => b.nodes - a.nodes || (rank(a) < rank(b) ? -1 : 1));
    return first?.model ?? null;
  }

  /** Page by page. */
  async *bundled(node: InferenceNode, sha256: string): AsyncGenerator<BundledBrand[]> {
    for (let offset = 0, page = 0; page < maxPages; page++) {
      const { model, bundled, next } = await node.request('brandModel', { offset }, pageTimeoutMs);
      if (model?.sha256 !== sha256) throw new Error('the node has another model by now');
      yield bundled;
      if (next === undefined || next <= offset) return;
      offset = next;
    }
  }
}
