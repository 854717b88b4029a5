import { Refusal } from '../protocol/index.ts';
import type { MediaSection, Offer } from '../sdp/offer.ts';
import { type AcceptedSending, producerParameters, type RouterCapabilities } from '../sdp/producerParameters.ts';
import type { AnsweredSection } from '../sdp/writeAnswer.ts';

/** As many as a Publication takes. */
const maxLayers = 4;

export interface AcceptedSection extends AcceptedSending {
  section: MediaSection;
}

/**
 * The sections that a publisher sends: at most one audio and one video. All or nothing, since a session without its
 * picture misleads the person in front of it (RFC 9725 section 4.4.3).
 */
export function checkPublishing(offer: Offer): MediaSection[] {
  const sections = offer.sections.filter(({ disabled }) => !disabled);
  for (const { kind, direction } of sections) {
    if (kind === 'application') {
      throw new Refusal('unsupported', 'a publisher has no use for a data channel here: leave m=application out');
    }
    if (direction === 'recvonly' || direction === 'inactive') {
      throw new Refusal('unsupported', `the ${kind} section is ${direction}: WHIP publishes, so offer a=sendonly`);
    }
    const twins = sections.filter((one) => one.kind === kind).length;
    if (twins > 1) throw new Refusal('unsupported', `the offer has ${twins} ${kind} sections: a Stream takes one`);
  }
  const layers = Math.max(...sections.map(({ simulcastSend }) => simulcastSend.length));
  if (layers > maxLayers) {
    throw new Refusal('unsupported', `the offer has ${layers} layers of simulcast: at most ${maxLayers} are taken`);
  }
  return sections;
}

export function acceptPublishing(sections: MediaSection[], router: RouterCapabilities): AcceptedSection[] {
  return sections.map((section) => ({ section, ...producerParameters(section, router) }));
}

/** For the answer: we receive, and every layer that is offered. */
export function answeredSections(accepted: AcceptedSection[]): AnsweredSection[] {
  return accepted.map(({ section, codecs, headerExtensions }) => ({
    mid: section.mid,
    direction: 'recvonly',
    codecs,
    headerExtensions,
    simulcastReceive: section.simulcastSend,
  }));
}
