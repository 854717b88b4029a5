import type {
  AnalysisView,
  PublicationView,
  PublisherReport,
  ResultOf,
  SfuControlContract,
  SourceView,
} from '../protocol/index.ts';

export type ProbedPorts = ResultOf<SfuControlContract, 'probePorts'>;

/** What the findings are made from; gathered by the Doctor, so that the findings themselves are pure. */
export interface ServerFacts {
  host: string;
  openAccess: boolean;
  /** The page that asks came over HTTPS, or from this machine. */
  secureOrigin: boolean;
  sfus: { id: string; probe: ProbedPorts | undefined; error?: string }[];
  /** `problem`: what is wrong with its answer to STUN. */
  iceServers: { url: string; problem: string | undefined }[];
  inferences: { id: string; executionProvider?: string; problem?: string }[];
  disk: { folder: string; freeBytes: number } | undefined;
}

/** What is known of a Stream that is live, or that has a Source. */
export interface StreamFacts {
  publication: PublicationView | null;
  analysis: AnalysisView;
  /** Only browsers send one. */
  publisherReport: PublisherReport | undefined;
  source: SourceView | null;
}
