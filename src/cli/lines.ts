/**
 * Lines: cuts a stream of bytes at its newlines.
 *
 * @module
 */

import { concatenate } from "../framing/receive_buffer.ts";

const NEWLINE = 10;

/**
 * Cuts bytes into lines, without their newlines; bytes after the last newline are a line too. Yields a list of lines for
 * each chunk, which may be views of it. Throws a `RangeError` at a line of more than `limit` bytes.
 */
export async function* splitLines(
  chunks: AsyncIterable<Uint8Array>,
  limit: number,
): AsyncGenerator<Uint8Array[], void, void> {
  let number = 1;
  /** The parts of a line whose newline has not come. */
  let parts: Uint8Array[] = [];
  let held = 0;
  const add = (part: Uint8Array): void => {
    parts.push(part);
    held += part.length;
    if (held > limit) throw new RangeError(`Cannot send line ${number}: it is over ${limit} bytes, see --max-frame`);
  };
  const take = (): Uint8Array => {
    const line = parts.length === 1 ? parts[0]! : concatenate(parts, held);
    parts = [];
    held = 0;
    number++;
    return line;
  };
  for await (const chunk of chunks) {
    const lines: Uint8Array[] = [];
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      add(chunk.subarray(start, end));
      lines.push(take());
      start = end + 1;
    }
    if (start < chunk.length) add(chunk.subarray(start));
    if (lines.length > 0) yield lines;
  }
  if (held > 0) yield [take()];
}
