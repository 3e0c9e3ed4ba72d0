/**
 * Handshakes: what a connection has to do before it joins. They have no I/O: bytes go in, a result comes out.
 *
 * @module
 */

import type { Socket } from "../contract/adapter.ts";

/** What a handshake returns for the bytes so far. */
export type HandshakeResult =
  /** The handshake needs more bytes. */
  | { readonly state: "more" }
  /** The connection may join. `rest` is the bytes after the handshake. */
  | { readonly state: "accepted"; readonly rest: Uint8Array }
  /** The handshake waits for something else than bytes, and asks for another read when it is there. `rest` as above. */
  | { readonly state: "waiting"; readonly rest: Uint8Array }
  /** The connection is refused. */
  | { readonly state: "rejected"; readonly why: string };

/** One handshake of one connection. */
export interface Handshake {
  /** Takes the next bytes of the connection. */
  receive(chunk: Uint8Array): HandshakeResult;
  /** The result of a handshake that needs no more bytes; `undefined` while it does. */
  result?(): HandshakeResult | undefined;
  /** Bytes of memory that the handshake holds of what came. */
  readonly retainedBytes: number;
}

/** Makes the handshake of one connection. */
export type HandshakeStep = () => Handshake;

/** Chains steps into one handshake: each step begins with the bytes after the step before. `undefined`: no steps. */
export function chain(steps: readonly HandshakeStep[]): Handshake | undefined {
  if (steps.length <= 1) return steps[0]?.();
  let step = 0;
  let current = steps[0]!();
  return {
    receive(chunk) {
      let result = current.receive(chunk);
      while (result.state === "accepted" && step < steps.length - 1) {
        current = steps[++step]!();
        result = current.receive(result.rest);
      }
      return result;
    },
    result: () => current.result?.(),
    get retainedBytes() {
      return current.retainedBytes;
    },
  };
}

/** The result of reading a handshaking connection. `later`: the budget is spent, and it is still readable. */
export type HandshakeOutcome = HandshakeResult | { readonly state: "later" };

/** Bytes read from one connection in a tick: pings and one secret need no more. */
const READ_BUDGET = 64 * 1024;

/** Bytes read in a tick from all handshaking connections, give or take a chunk: many of them delay no other connection. */
const TICK_BUDGET = 256 * 1024;

const MORE: HandshakeResult = { state: "more" };
const LEFT: HandshakeResult = { state: "rejected", why: "it left during it" };

/** Reads handshaking connections, within budgets of their own. */
export class HandshakeReader {
  #left = TICK_BUDGET;

  /** A tick begins: its budget is whole. */
  beginTick(): void {
    this.#left = TICK_BUDGET;
  }

  /**
   * Reads the connection until its handshake is accepted or rejected, until it would block (`more`), or until the budget
   * is spent (`later`). With `final` no more events come for the connection, so everything is read now.
   */
  read(handshake: Handshake, socket: Socket, final: boolean): HandshakeOutcome {
    let result = handshake.result?.() ?? MORE;
    let left = final ? Infinity : Math.min(READ_BUDGET, this.#left);
    while (result.state === "more") {
      if (left <= 0) return { state: "later" };
      const chunk = socket.read();
      if (chunk === null || (!chunk && final)) return LEFT;
      if (!chunk) return MORE;
      left -= chunk.length;
      this.#left -= chunk.length;
      result = handshake.receive(chunk);
    }
    // What it waits for would come too late.
    return final && result.state === "waiting" ? LEFT : result;
  }
}
