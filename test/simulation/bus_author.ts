/**
 * What sends frames to a simulated bus, and what they hold.
 *
 * @module
 */

import type { BusFraming } from "./bus_order.ts";

const NEWLINE = 10;

/** What is added to the bytes that show author and index. */
const [TEXT, BINARY] = [20, 128];

/** What sends frames: a client, the application of a mob, or a mob that this world does not know. */
export class BusAuthor {
  readonly number: number;
  readonly framing: BusFraming;
  /** The payloads that it has sent or will. */
  readonly said: Uint8Array[] = [];
  /** How many of them its mob has read. */
  read = 0;

  constructor(number: number, framing: BusFraming) {
    this.number = number;
    this.framing = framing;
  }

  /** One more payload: its first bytes show the author and the index. */
  say(size: number, withNewline: boolean): Uint8Array {
    const index = this.said.length;
    const payload = new Uint8Array(size);
    for (let at = 4; at < size; at++) {
      const byte = (this.number * 37 + index * 101 + at * 7) & 255;
      payload[at] = byte === NEWLINE ? NEWLINE + 1 : byte;
    }
    payload.set([this.number % 100, Math.floor(this.number / 100), index % 100, Math.floor(index / 100)]);
    // In a third of what a WebSocket client sends there is text.
    const isText = this.framing === "websocket" && index % 3 === 1;
    for (let at = 4; isText && at < size; at++) {
      payload[at] = (payload[at]! & 127) === NEWLINE ? 65 : payload[at]! & 127;
    }
    for (let at = 0; at < 4; at++) payload[at]! += isText ? TEXT : BINARY;
    if (withNewline && this.framing !== "line" && size > 4) payload[4 + index % (size - 4)] = NEWLINE;
    this.said.push(payload);
    return payload;
  }
}

/** The author and the index of a payload. */
export function originOf(payload: Uint8Array): { author: number; index: number } {
  const [one, hundred, first, second] = Array.from(
    payload.subarray(0, 4),
    (byte) => byte - (byte < BINARY ? TEXT : BINARY),
  );
  return { author: one! + 100 * hundred!, index: first! + 100 * second! };
}

/** Whether two are the same bytes. */
export function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, at) => byte === other[at]);
}
