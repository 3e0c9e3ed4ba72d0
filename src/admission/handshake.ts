/**
 * Handshakes: what a connection has to do before it joins. They have no I/O: bytes go in, a result comes out.
 *
 * @module
 */

import type { Resumption } from "../broadcast/history.ts";
import type { Socket } from "../contract/adapter.ts";
import type { Decoder } from "../framing/decoder.ts";
import type { FrameRules } from "../framing/framing.ts";
import { concatenate } from "../framing/receive_buffer.ts";

/**
 * What a handshake returns for the bytes so far. `reply` is what the connection has to be sent now, before anything else:
 * each is handed out once.
 */
export type HandshakeResult =
  /** The handshake needs more bytes. */
  | { readonly state: "more"; readonly reply?: Uint8Array }
  /** The connection may join. `rest` is the bytes after the handshake. */
  | { readonly state: "accepted"; readonly rest: Uint8Array; readonly reply?: Uint8Array }
  /** The handshake waits for something else than bytes, and asks for another read when it is there. `rest` as above. */
  | { readonly state: "waiting"; readonly rest: Uint8Array; readonly reply?: Uint8Array }
  /** The connection is refused. Without a `reason` it is unauthorized. */
  | { readonly state: "rejected"; readonly why: string; readonly reason?: Rejection; readonly reply?: Uint8Array };

/** Why a connection ends that has never joined. */
export type Rejection = "refused" | "handshake-failed" | "unauthorized";

/** One handshake of one connection. */
export interface Handshake {
  /** Takes the next bytes of the connection. */
  receive(chunk: Uint8Array): HandshakeResult;
  /** The result of a handshake that needs no more bytes; `undefined` while it does. */
  result?(): HandshakeResult | undefined;
  /** Bytes of memory that the handshake holds of what came. */
  readonly retainedBytes: number;
}

/** What a handshake knows of its connection. */
export interface Handshaking {
  /** Cuts what the connection sends into frames, as it will when the connection is open. */
  readonly decoder: Decoder;
  /** How those frames are delimited. */
  readonly feed: { readonly framing: FrameRules };
  /** Where its stream goes on when it joins; `undefined`: nowhere. A step sets it. */
  resumption?: Resumption | undefined;
  /** Takes what a step replies before the next one begins: it goes before the answers to control frames that come then. */
  takeReply(reply: Uint8Array): void;
  /** Takes a control frame that came between frames. */
  receiveControl(opcode: number, payload: Uint8Array): void;
}

/** Makes the handshake of one connection. */
export type HandshakeStep = (connection: Handshaking) => Handshake;

/**
 * Chains steps into one handshake: each step begins with the bytes after the step before. What a step replies that another
 * one follows is handed to the connection, and that of the last one is in the result. `undefined`: no steps.
 */
export function chain(steps: readonly HandshakeStep[], connection: Handshaking): Handshake | undefined {
  if (steps.length <= 1) return steps[0]?.(connection);
  let step = 0;
  let current = steps[0]!(connection);
  return {
    receive(chunk) {
      let result = current.receive(chunk);
      while (result.state === "accepted" && step < steps.length - 1) {
        const { reply, rest } = result;
        if (reply) connection.takeReply(reply);
        current = steps[++step]!(connection);
        result = current.receive(rest);
      }
      return result;
    },
    result: () => current.result?.(),
    get retainedBytes() {
      return current.retainedBytes;
    },
  };
}

/** The result, with the reply of an earlier one before its own. */
function withReply<Result extends HandshakeOutcome>(reply: Uint8Array | undefined, result: Result): Result {
  if (!reply) return result;
  const own = result.reply;
  return { ...result, reply: own ? concatenate([reply, own], reply.length + own.length) : reply };
}

/** The result of reading a handshaking connection. `later`: the budget is spent, and it is still readable. */
export type HandshakeOutcome = HandshakeResult | { readonly state: "later"; readonly reply?: Uint8Array };

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
   * is spent (`later`). With `final` no more events come for the connection, so everything is read now. The reply of the
   * outcome is all that the handshake has replied meanwhile.
   */
  read(handshake: Handshake, socket: Socket, final: boolean): HandshakeOutcome {
    let result = handshake.result?.() ?? MORE;
    let left = final ? Infinity : Math.min(READ_BUDGET, this.#left);
    while (result.state === "more") {
      const { reply } = result;
      if (left <= 0) return withReply(reply, { state: "later" });
      const chunk = socket.read();
      if (chunk === null || (!chunk && final)) return withReply(reply, LEFT);
      if (!chunk) return withReply(reply, MORE);
      left -= chunk.length;
      this.#left -= chunk.length;
      result = withReply(reply, handshake.receive(chunk));
    }
    // What it waits for would come too late.
    return final && result.state === "waiting" ? withReply(result.reply, LEFT) : result;
  }
}
