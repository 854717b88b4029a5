import { open } from 'node:fs/promises';
import { Refusal } from '@framelock/server/protocol';

/** Strings longer than this are no metadata of interest; bytes. */
const maxEntryBytes = 256 * 1024;

/**
 * `metadata_props` of an ONNX file (ModelProto field 14 in onnx.proto), read without loading the graph; ONNX Runtime's
 * Node API does not give them. Refuses with `unsupported` what is no protobuf message, such as a web page that was
 * saved under a model's name.
 */
export async function readModelMetadata(path: string): Promise<Map<string, string>> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    if (size === 0) throw new Refusal('unsupported', 'the file is empty');
    const entries = new Map<string, string>();
    const head = Buffer.alloc(64);
    for (let at = 0; at < size;) {
      const { bytesRead } = await file.read(head, 0, head.length, at);
      const tag = readVarint(head, 0, bytesRead);
      const value = tag && readVarint(head, tag.next, bytesRead);
      if (!tag || !value || !knownField(tag.value)) throw notOnnx(head.subarray(0, bytesRead), at);
      const isBytes = (tag.value & 7) === 2;
      const begin = at + value.next;
      at = begin + (isBytes ? value.value : 0);
      if (at > size) throw new Refusal('unsupported', `the file is cut: it has ${size} bytes of at least ${at}`);
      if (isBytes && tag.value >> 3 === metadataProps && value.value <= maxEntryBytes) {
        const bytes = Buffer.alloc(value.value);
        await file.read(bytes, 0, bytes.length, begin);
        addEntry(entries, bytes);
      }
    }
    return entries;
  } finally {
    await file.close();
  }
}

const metadataProps = 14;

/** Fields of ModelProto: ir_version and model_version are numbers (wire type 0), the others messages or strings (2). */
const numberFields = new Set([1, 5]);
const bytesFields = new Set([2, 3, 4, 6, 7, 8, metadataProps, 20, 25, 26]);

function knownField(tag: number): boolean {
  return (tag & 7) === 0 ? numberFields.has(tag >> 3) : (tag & 7) === 2 && bytesFields.has(tag >> 3);
}

function notOnnx(head: Buffer, at: number): Refusal {
  const text = head.toString('latin1');
  if (at === 0 && text.startsWith('version https://git-lfs')) {
    return new Refusal('unsupported', 'the file is a git-lfs pointer and not the model itself');
  }
  if (at === 0 && /^\s*</.test(text)) return new Refusal('unsupported', 'the file is a web page and not a model');
  return new Refusal('unsupported', `the file is no ONNX model (not a ModelProto message at byte ${at})`);
}

function readVarint(bytes: Buffer, begin: number, end: number): { value: number; next: number } | undefined {
  let value = 0;
  for (let i = begin, factor = 1; i < end && i < begin + 8; i++, factor *= 128) {
    value += (bytes[i]! & 0x7f) * factor;
    if (bytes[i]! < 0x80) return { value, next: i + 1 };
  }
  return undefined;
}

/** StringStringEntryProto: key = 1, value = 2. */
function addEntry(entries: Map<string, string>, bytes: Buffer): void {
  const parts = ['', '', ''];
  for (let at = 0; at < bytes.length;) {
    const length = readVarint(bytes, at + 1, bytes.length);
    if (!length) return;
    parts[bytes[at]! >> 3] = bytes.toString('utf8', length.next, length.next + length.value);
    at = length.next + length.value;
  }
  if (parts[1]) entries.set(parts[1], parts[2] ?? '');
}

/** Ultralytics writes labels as a Python dictionary: `{0: 'person', 1: "bird's nest"}`. Undefined when there are gaps. */
export function labelsFromMetadata(names: string | undefined): string[] | undefined {
  if (names === undefined) return undefined;
  const labels: string[] = [];
  for (const [, index, , label] of names.matchAll(/(\d+)\s*:\s*(['"])(.*?)\2(?=\s*[,}])/g)) {
    if (Number(index) !== labels.length) return undefined;
    labels.push(label!.slice(0, 100));
  }
  return labels.length > 0 ? labels : undefined;
}
