/**
 * The memory that TLS on Deno frees after each tick: kept, or given back to the system and taken again.
 *
 * @module
 */

import { onDeno } from "../shared/which.ts";

/**
 * Bytes of the block. The allocator of glibc learns from blocks of up to 32 MiB, header and last page included, and keeps up
 * to twice as much.
 */
const BLOCK = 31 * 2 ** 20;

let kept = !onDeno;

/**
 * Makes the process keep what it frees. Deno encrypts into memory that it frees at the end of a tick, some hundred KiB for
 * each connection with much to send. The allocator gives more than 128 KiB of free memory back to the system, so that every
 * tick takes it anew, page by page: half of the processor time (measured, 2.9.5). It keeps twice the size of the largest block
 * of an own mapping that it has seen freed, so one large block is taken, which costs nothing as long as nothing is written
 * into it, and freed. `transfer` frees at once, not at a garbage collection. With another allocator this does nothing.
 */
export function keepFreedMemory(): void {
  if (kept) return;
  kept = true;
  const block = new ArrayBuffer(BLOCK) as ArrayBuffer & { transfer?(length: number): ArrayBuffer };
  block.transfer?.(0);
}
