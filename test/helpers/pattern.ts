/**
 * The pattern: bytes that tell where in a stream they belong.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { assert, assertEquals } from "@std/assert";

/** How many bytes of the pattern are written at once, by default. */
export const STEP: number = 64 * 1024;

/** The most bytes of one {@link pattern}: as much as the core gives to a socket at once. */
export const LONGEST: number = 512 * 1024;

/** A prime: a stream that lost, repeated or swapped a block of any usual size does not match. */
const PERIOD = 65_521;

const TABLE = fillTable(new Uint8Array(PERIOD + LONGEST));

function fillTable(table: Uint8Array): Uint8Array {
  let state = 1;
  for (let index = 0; index < PERIOD; index++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) | 0;
    table[index] = state >>> 16;
  }
  for (let at = PERIOD; at < table.length; at += PERIOD) table.copyWithin(at, 0, Math.min(PERIOD, table.length - at));
  return table;
}

/** The bytes of the pattern from an offset on, at most {@link LONGEST}. A view of one table: it must not change. */
export function pattern(offset: number, length: number): Uint8Array {
  assert(length <= LONGEST, `a pattern of ${length} bytes`);
  return TABLE.subarray(offset % PERIOD, offset % PERIOD + length);
}

/** Whether these are the bytes of the pattern from `offset` on. */
export function isPattern(chunk: Uint8Array, offset: number): boolean {
  for (let at = 0; at < chunk.length; at += STEP) {
    const part = chunk.subarray(at, at + STEP);
    if (Buffer.compare(part, pattern(offset + at, part.length)) !== 0) return false;
  }
  return true;
}

/** Fails unless these are the bytes of the pattern from `offset` on. */
export function assertPattern(chunk: Uint8Array, offset: number): void {
  assert(isPattern(chunk, offset), `wrong bytes between ${offset} and ${offset + chunk.length}`);
}

/** Fails if the bytes that all tests send were written into. */
export function assertPatternUntouched(): void {
  assertEquals(
    Buffer.compare(TABLE, fillTable(new Uint8Array(PERIOD + LONGEST))),
    0,
    "the bytes given to write changed",
  );
}
