/**
 * The WebSocket handshake (RFC 6455, 4.2): the request of a client in, the response out. It has no I/O.
 *
 * @module
 */

import type { Handshake, HandshakeResult, HandshakeStep } from "../admission/handshake.ts";
import { NOTHING } from "../bytes.ts";
import { mayConnect, type OriginRules } from "./may_connect.ts";
import { NOT_HTTP, readUpgrade, type Refusal, type UpgradeRequest } from "./request.ts";
import { acceptance, refusal } from "./response.ts";

/** The subprotocol whose messages are pieces of a stream of u64 frames. */
export const PACKED = "mobcast.u64";

/** What a client speaks: a message of it is a message (`undefined`), or {@link PACKED}. */
export type Subprotocol = typeof PACKED | undefined;

/** Hears of a handshake that is accepted, before its result is returned. */
export type Upgraded = (protocol: Subprotocol, request: UpgradeRequest) => void;

/** The longest head of a request in bytes, the empty line at its end included: cookies have room. */
export const LONGEST_HEAD = 8192;

const MORE: HandshakeResult = { state: "more" };
const [LF, CR] = [10, 13];

/** The handshake of one client: its request has to be one for a WebSocket, from a page that may connect. */
export class UpgradeHandshake implements Handshake {
  readonly #rules: OriginRules;
  readonly #upgraded: Upgraded | undefined;
  /** What came of a head that is not whole. */
  #kept: Uint8Array = NOTHING;
  #length = 0;
  #protocol: Subprotocol;

  /** A handshake under these rules, which tells `upgraded` when it is accepted. */
  constructor(rules: OriginRules, upgraded?: Upgraded) {
    this.#rules = rules;
    this.#upgraded = upgraded;
  }

  /** See {@link Handshake.retainedBytes}: at most twice the bytes that came. */
  get retainedBytes(): number {
    return this.#kept.length;
  }

  /** What the client speaks, once it is accepted. */
  get protocol(): Subprotocol {
    return this.#protocol;
  }

  /** See {@link Handshake.receive}. Behind an accepted head, `rest` begins with the first frame. */
  receive(chunk: Uint8Array): HandshakeResult {
    const before = this.#length;
    // No more of a chunk is kept than a head may have.
    this.#keep(chunk.subarray(0, LONGEST_HEAD - before));
    const kept = this.#kept;
    if (before === 0 && this.#length > 0 && !isLetter(kept[0]!)) return rejected(NOT_HTTP);
    for (let at = kept.indexOf(LF, before); at !== -1 && at < this.#length; at = kept.indexOf(LF, at + 1)) {
      if (kept[at - 1] !== CR) return rejected(BARE_LF);
      if (kept[at - 2] === LF) return this.#answer(kept.subarray(0, at + 1), chunk.subarray(at + 1 - before));
    }
    return this.#length < LONGEST_HEAD ? MORE : rejected(TOO_LONG);
  }

  /** Keeps bytes of the head, in memory that doubles. */
  #keep(bytes: Uint8Array): void {
    const length = this.#length + bytes.length;
    if (length > this.#kept.length) {
      const kept = new Uint8Array(Math.min(LONGEST_HEAD, Math.max(length, 2 * this.#kept.length)));
      kept.set(this.#kept);
      this.#kept = kept;
    }
    this.#kept.set(bytes, this.#length);
    this.#length = length;
  }

  /** Answers a whole head. */
  #answer(head: Uint8Array, rest: Uint8Array): HandshakeResult {
    const request = readUpgrade(head);
    this.#kept = NOTHING;
    if ("status" in request) return rejected(request);
    const { origin, host, key, protocols } = request;
    if (!mayConnect(origin, host, this.#rules)) {
      return rejected({
        status: 403,
        why: `pages from ${origin?.slice(0, 100)} may not connect, list them with --origin or origins`,
      });
    }
    const protocol = protocols.includes(PACKED) ? PACKED : undefined;
    if (protocols.length > 0 && protocol === undefined) return rejected(UNKNOWN_PROTOCOL);
    this.#protocol = protocol;
    this.#upgraded?.(protocol, request);
    return { state: "accepted", rest, reply: acceptance(key, protocol) };
  }
}

const BARE_LF: Refusal = {
  status: 400,
  why: "a line of the request ends without a carriage return, end it with CR LF",
};
const TOO_LONG: Refusal = {
  status: 431,
  why: `the head of the request is over ${LONGEST_HEAD} bytes, send fewer cookies`,
};
const UNKNOWN_PROTOCOL: Refusal = {
  status: 400,
  why: `the subprotocols that were asked for are unknown, ask for ${PACKED}, or for none to get a message a message`,
};

function rejected({ status, why }: Refusal): HandshakeResult {
  return {
    state: "rejected",
    why,
    reason: status === 403 ? "refused" : "handshake-failed",
    reply: refusal(status, why),
  };
}

/** Whether a byte can begin the method of a request. */
function isLetter(byte: number): boolean {
  return (byte | 32) >= 97 && (byte | 32) <= 122;
}

/** Makes the step for connections that have to become a WebSocket first. */
export function upgradeStep(rules: OriginRules, upgraded?: Upgraded): HandshakeStep {
  return () => new UpgradeHandshake(rules, upgraded);
}
