import { promisify } from 'node:util';
import { constants, crc32, zstdCompress, zstdDecompress } from 'node:zlib';
import { z } from 'zod';
import { type BatchKey, type HistoryItem, historyItemSchema, keysOf } from './HistoryItem.ts';

/**
 * A record of a spool segment, all numbers u32 little endian: bytes of what follows the first eight, its CRC-32, bytes of
 * the keys; the keys of its batches as JSON; its items as JSON, compressed with Zstandard.
 */
const headBytes = 8;
/** A longer one is none of ours. */
export const maxRecordBytes = 64 * 1024 * 1024;
const maxItemsBytes = 256 * 1024 * 1024;

const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);
const keysSchema = z.object({
  items: z.number().int().positive(),
  batches: z.array(z.tuple([z.string(), z.number()])),
});

export interface FoundRecord {
  offset: number;
  /** With its head. */
  bytes: number;
  items: number;
  keys: BatchKey[];
}

export interface FoundRecords {
  records: FoundRecord[];
  /** Whole records whose checksum is wrong. */
  spoiled: number;
  /** Bytes behind the last record: one that was not written to its end, and so was acknowledged to nobody. */
  tornBytes: number;
}

export async function encodeRecord(items: readonly HistoryItem[]): Promise<Buffer> {
  const keys = { items: items.length, batches: keysOf(items).map(({ runId, sequence }) => [runId, sequence]) };
  const keyBytes = Buffer.from(JSON.stringify(keys));
  const packed = await compress(JSON.stringify(items), {
    params: { [constants.ZSTD_c_compressionLevel]: 1 },
  });
  const record = Buffer.allocUnsafe(headBytes + 4 + keyBytes.length + packed.length);
  record.writeUInt32LE(record.length - headBytes, 0);
  record.writeUInt32LE(keyBytes.length, headBytes);
  keyBytes.copy(record, headBytes + 4);
  packed.copy(record, headBytes + 4 + keyBytes.length);
  record.writeUInt32LE(crc32(record.subarray(headBytes)), 4);
  return record;
}

/** What a segment holds, whatever became of the bytes. */
export function findRecords(segment: Buffer): FoundRecords {
  const found: FoundRecords = { records: [], spoiled: 0, tornBytes: 0 };
  let offset = 0;
  while (segment.length - offset >= headBytes) {
    const bytes = headBytes + segment.readUInt32LE(offset);
    // 4 zeros are what some file systems leave of a tail that did not reach the disk.
    if (bytes <= headBytes + 4 || bytes > maxRecordBytes || offset + bytes > segment.length) break;
    const keys = readKeys(segment.subarray(offset, offset + bytes));
    if (keys) found.records.push({ offset, bytes, ...keys });
    else found.spoiled++;
    offset += bytes;
  }
  found.tornBytes = segment.length - offset;
  return found;
}

function readKeys(record: Buffer): { items: number; keys: BatchKey[] } | undefined {
  if (crc32(record.subarray(headBytes)) !== record.readUInt32LE(4)) return undefined;
  const end = headBytes + 4 + record.readUInt32LE(headBytes);
  if (end > record.length) return undefined;
  const parsed = keysSchema.safeParse(parseJson(record.toString('utf8', headBytes + 4, end)));
  if (!parsed.success) return undefined;
  const { items, batches } = parsed.data;
  return { items, keys: batches.map(([runId, sequence]) => ({ runId, sequence })) };
}

/**
 * The items of one whole record; `unread` counts those that are none by our schemas (any more).
 * @throws where the record is not as it was written.
 */
export async function decodeRecord(record: Buffer): Promise<{ items: HistoryItem[]; unread: unknown[] }> {
  if (record.length <= headBytes + 4 || crc32(record.subarray(headBytes)) !== record.readUInt32LE(4)) {
    throw new Error('its checksum is wrong');
  }
  const packed = record.subarray(headBytes + 4 + record.readUInt32LE(headBytes));
  const values = JSON.parse((await decompress(packed, { maxOutputLength: maxItemsBytes })).toString('utf8')) as unknown;
  if (!Array.isArray(values)) throw new Error('it holds no list');
  const items: HistoryItem[] = [];
  const unread: unknown[] = [];
  for (const value of values as unknown[]) {
    const parsed = historyItemSchema.safeParse(value);
    if (parsed.success) items.push(parsed.data);
    else unread.push(value);
  }
  return { items, unread };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
