/**
 * The keyboard: what is typed, key by key and unseen. The same on Node, Bun and Deno, where it needs no permission.
 *
 * @module
 */

import type { Readable } from "node:stream";
import { StringDecoder } from "node:string_decoder";

/** What is used of a terminal's input. */
export type Keyboard = Readable & { setRawMode?(isRaw: boolean): unknown };

/** Calls `handler` with what is typed. Returns a function that leaves the input as it was. */
export function readKeys(input: Keyboard, handler: (text: string) => void): () => void {
  const decoder = new StringDecoder("utf8");
  const take = (chunk: Uint8Array): void => {
    const text = decoder.write(chunk);
    if (text !== "") handler(text);
  };
  input.setRawMode?.(true);
  // A terminal that is gone is noticed by its output.
  const ignore = (): void => {};
  input.on("data", take).on("error", ignore).resume();
  let isOver = false;
  return () => {
    if (isOver) return;
    isOver = true;
    input.off("data", take).pause();
    try {
      input.setRawMode?.(false);
    } catch {
      // The terminal is gone.
    }
  };
}
