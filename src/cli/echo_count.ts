/**
 * The count of own messages among all that are received.
 *
 * @module
 */

/** How many received frames may lie at the head of the list before it is cut. */
const CUT = 4096;

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

  #underWay: Uint8Array[] = [];
  /** The index of the next frame to be received. */
  #next = 0;

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
    const expected = this.#underWay[this.#next];
    if (expected === undefined || !sameBytes(expected, message)) return false;
    this.received++;
    this.receivedBytes += message.length;
    this.#next++;
    if (this.#next === CUT) {
      this.#underWay = this.#underWay.slice(CUT);
      this.#next = 0;
    }
    return true;
  }
}

/** Whether two arrays hold the same bytes. */
export function sameBytes(one: Uint8Array, other: Uint8Array): boolean {
  if (one.length !== other.length) return false;
  for (let index = 0; index < one.length; index++) {
    if (one[index] !== other[index]) return false;
  }
  return true;
}
