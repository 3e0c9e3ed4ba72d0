/**
 * The ledger: what was sent, and what of it came back.
 *
 * @module
 */

/** The list of those under way is cut when so many at its head are done. */
const CUT = 4096;

/**
 * Tells own frames from those of others, by their content and their order: they come back as they were sent, with
 * others in between. (Somebody else's frame of the same content counts as the own one it stands in for.)
 */
export class EchoCount {
  /** Frames sent. */
  sent = 0;
  /** Own frames received. */
  received = 0;
  /** Bytes of their payloads. */
  receivedBytes = 0;
  /** Empty lines, which were not sent. */
  empty = 0;

  #underWay: Uint8Array[] = [];
  /** The next one to be received; those before it were. */
  #next = 0;

  /** Whether everything sent was received. */
  get isEven(): boolean {
    return this.received === this.sent;
  }

  /** A line is about to be sent. Says whether it is a frame: an empty one would be a ping, and nobody would receive it. */
  send(line: Uint8Array): boolean {
    if (line.length === 0) {
      this.empty++;
      return false;
    }
    this.sent++;
    this.#underWay.push(line);
    return true;
  }

  /** A frame was received. Says whether it is the next of our own. */
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

  /** What was done, in one line for people. */
  summarize(seconds: number): string {
    const rate = seconds > 0 ? Math.round(this.received / seconds) : 0;
    const skipped = this.empty > 0 ? `, empty lines skipped: ${this.empty}` : "";
    const missing = this.isEven ? "" : ` of ${this.sent} sent`;
    return `received ${this.received} frames${missing}, ${this.receivedBytes} bytes in ${seconds.toFixed(3)} s, ` +
      `${rate} frames/s${skipped}`;
  }
}

function sameBytes(one: Uint8Array, other: Uint8Array): boolean {
  if (one.length !== other.length) return false;
  for (let index = 0; index < one.length; index++) {
    if (one[index] !== other[index]) return false;
  }
  return true;
}
