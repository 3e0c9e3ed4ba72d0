/**
 * The count of own messages among all that are received.
 *
 * @module
 */

import { equalBytes } from "../bytes.ts";
import { Queue } from "../contract/queue.ts";

/**
 * Counts own frames among all frames, by content and order: they come back in the order in which they were sent. A frame of
 * another client with the same content counts as the own frame.
 */
export class EchoCount {
  /** Frames sent. */
  sent = 0;
  /** Bytes of their payloads. */
  sentBytes = 0;
  /** Own frames received. */
  received = 0;
  /** Bytes of their payloads. */
  receivedBytes = 0;
  /** Empty lines, which were not sent. */
  empty = 0;

  readonly #underWay: Queue<Uint8Array> = new Queue();

  /** Whether everything sent is received. */
  get isComplete(): boolean {
    return this.received === this.sent;
  }

  /** Notes a line to be sent. Returns whether it is a frame: an empty line would be a ping, which does not come back. */
  send(line: Uint8Array): boolean {
    if (line.length === 0) {
      this.empty++;
      return false;
    }
    this.sent++;
    this.sentBytes += line.length;
    this.#underWay.push(line);
    return true;
  }

  /** Notes a frame received. Returns whether it is the next own frame. */
  receive(message: Uint8Array): boolean {
    const expected = this.#underWay.first;
    if (expected === undefined || !equalBytes(expected, message)) return false;
    this.received++;
    this.receivedBytes += message.length;
    this.#underWay.shift();
    return true;
  }
}
