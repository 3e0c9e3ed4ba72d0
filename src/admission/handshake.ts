/**
 * Handshakes: what a connection has to do before it joins. They have no I/O: bytes go in, a verdict comes out.
 *
 * @module
 */

import type { Socket } from "../contract/adapter.ts";

/** What a handshake says of the bytes so far. */
export type HandshakeResult =
  /** It is not over: it needs more bytes. */
  | { readonly state: "more" }
  /** The connection may join. `rest` is what came behind the handshake. */
  | { readonly state: "accepted"; readonly rest: Uint8Array }
  /** The connection has to go. */
  | { readonly state: "rejected"; readonly why: string };

/** One handshake of one connection. */
export interface Handshake {
  /** Takes the next bytes of the connection. */
  receive(chunk: Uint8Array): HandshakeResult;
  /** Bytes that it keeps of what came. */
  readonly retainedBytes: number;
}

/** Makes the handshake of one connection. */
export type HandshakeStep = () => Handshake;

/** The steps as one handshake: each begins with the bytes behind the one before it. `undefined` when there are none. */
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
    get retainedBytes() {
      return current.retainedBytes;
    },
  };
}

/** How a connection that shakes hands stands after it was read. */
export type HandshakeOutcome = HandshakeResult | { readonly state: "later" };

/** Bytes read from one connection in a tick: pings and one secret need no more. */
const READ_BUDGET = 64 * 1024;

/** Bytes read in a tick from all that shake hands, one chunk more at most: a crowd of them delays no one else. */
const TICK_BUDGET = 256 * 1024;

const MORE: HandshakeResult = { state: "more" };

/** Reads connections that shake hands, within budgets of their own. */
export class HandshakeReader {
  #left = TICK_BUDGET;

  /** A tick begins: its budget is whole. */
  beginTick(): void {
    this.#left = TICK_BUDGET;
  }

  /**
   * Reads the connection until its handshake has a verdict, until it would block (`more`), or until the budget is spent
   * (`later`: it is still readable). With `final` there will be no more events for it, so everything is read now.
   */
  read(handshake: Handshake, socket: Socket, final: boolean): HandshakeOutcome {
    let left = final ? Infinity : Math.min(READ_BUDGET, this.#left);
    while (left > 0) {
      const chunk = socket.read();
      if (chunk === null || (chunk === undefined && final)) return { state: "rejected", why: "it left during it" };
      if (chunk === undefined) return MORE;
      left -= chunk.length;
      this.#left -= chunk.length;
      const result = handshake.receive(chunk);
      if (result.state !== "more") return result;
    }
    return { state: "later" };
  }
}
