export interface SseMessage {
  /** Empty = a message without one. */
  id: string;
  /** `message` where none is named. */
  event: string;
  data: string;
}

/** Server-sent events (HTML, 9.2.6) out of text as it comes, cut anywhere. */
export class SseParser {
  readonly #onMessage: (message: SseMessage) => void;
  #rest = '';
  #data: string[] = [];
  #event = '';
  #id = '';

  constructor(onMessage: (message: SseMessage) => void) {
    this.#onMessage = onMessage;
  }

  add(text: string): void {
    const lines = (this.#rest + text).split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop() ?? '';
    for (const line of lines) this.#line(line);
  }

  #line(line: string): void {
    if (line === '') return this.#dispatch();
    if (line.startsWith(':')) return;
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'data') this.#data.push(value);
    else if (field === 'event') this.#event = value;
    else if (field === 'id' && !value.includes('\0')) this.#id = value;
  }

  #dispatch(): void {
    const [data, event] = [this.#data, this.#event];
    this.#data = [];
    this.#event = '';
    if (data.length > 0) this.#onMessage({ id: this.#id, event: event || 'message', data: data.join('\n') });
  }
}
