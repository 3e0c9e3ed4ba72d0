/**
 * Own messages on their way back: a person who typed them need not see them twice.
 *
 * @module
 */

import type { Terminal } from "./terminal.ts";
import { equalBytes } from "../bytes.ts";

/** After how long, in milliseconds, a message is no longer expected: a server may echo to the others only. */
const EXPECTED = 10_000;

/** A message under way. */
interface Own {
  readonly message: Uint8Array;
  readonly sent: number;
}

/** The messages that were sent and have not come back, in order: they come back in the order in which they were sent. */
export class OwnMessages {
  readonly #clock: Pick<Terminal, "now">;
  #underWay: Own[] = [];

  /** Makes an empty list. */
  constructor(clock: Pick<Terminal, "now">) {
    this.#clock = clock;
  }

  /** Adds a message that is sent. Returns a function that takes it out again, when it could not be sent. */
  add(message: Uint8Array): () => void {
    const own = { message, sent: this.#clock.now() };
    this.#underWay.push(own);
    return () => void (this.#underWay = this.#underWay.filter((other) => other !== own));
  }

  /** Whether a message that was received is the next own one; then it is taken out. */
  take(message: Uint8Array): boolean {
    const now = this.#clock.now();
    while (this.#underWay.length > 0 && now - this.#underWay[0]!.sent > EXPECTED) this.#underWay.shift();
    const [next] = this.#underWay;
    if (next === undefined || !equalBytes(next.message, message)) return false;
    this.#underWay.shift();
    return true;
  }

  /** Expects none of them any more: the connection that they were sent over is lost. */
  forget(): void {
    this.#underWay = [];
  }
}
