/** Of WebAssembly, bytes. */
const pageBytes = 65_536;
const memorySection = 5;

/**
 * The same module with an upper limit to the memory that it may take: a worker's `resourceLimits` count V8's heap only,
 * and not what WebAssembly takes beside it.
 *
 * WebAssembly core specification 2.0, 5.5.8: section 5 is a vector of limits, a flag byte, `min`, and `max` if bit 0 is set.
 * @throws where the module has not exactly one memory of its own.
 */
export function limitMemory(wasm: Uint8Array, maxBytes: number): Uint8Array<ArrayBuffer> {
  let at = 8;
  const number = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = wasm[at++];
      if (byte === undefined || shift > 28) throw new Error('this is no WebAssembly module');
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < wasm.length) {
    const start = at;
    const id = wasm[at++];
    const length = number();
    const end = at + length;
    if (id === memorySection) {
      const [count, flags, min] = [number(), number(), number()];
      if (count !== 1 || flags > 1) throw new Error('the module has not one plain memory');
      const body = [...leb(1), ...leb(1), ...leb(min), ...leb(Math.max(min, Math.floor(maxBytes / pageBytes)))];
      return concat(wasm.subarray(0, start), [memorySection, ...leb(body.length), ...body], wasm.subarray(end));
    }
    at = end;
  }
  throw new Error('the module has no memory of its own');
}

/** Unsigned LEB128. */
function leb(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  do {
    bytes.push((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0));
    rest >>>= 7;
  } while (rest > 0);
  return bytes;
}

function concat(...parts: ArrayLike<number>[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
