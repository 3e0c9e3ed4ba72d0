/**
 * A protocol around the frames of a listener's connections, which has a handshake, control frames and close codes of its
 * own: WebSocket. Where a listener has none, the bytes of its connections are frames and nothing else.
 *
 * @module
 */

import type { FeedKind } from "../broadcast/feed_kind.ts";
import type { Decoder } from "../framing/decoder.ts";
import type { HandshakeStep } from "./handshake.ts";

/** What a protocol's handshake needs of its listener. */
export interface ProtocolRules {
  /** The origins of pages that may connect; see `origins` of the mob's options. */
  readonly origins: readonly string[];
  /** Whether the listener is on loopback. */
  readonly loopback: boolean;
  /** The largest payload in bytes. */
  readonly maxFrame: number;
}

/** What a handshake has agreed on. */
export interface Upgrade {
  /** Cuts what the connection sends into frames. */
  readonly decoder: Decoder;
  /** What the connection receives. */
  readonly kind: FeedKind;
  /** The origin of the page that connects; `undefined`: it is a program. */
  readonly origin: string | undefined;
}

/** A protocol, without state: each connection's is in its decoder. */
export interface Protocol {
  /** What its connections receive: each receives one of these. */
  readonly kinds: readonly FeedKind[];
  /** Makes the step of a handshake that changes to the protocol. `upgrade` is called before it is accepted. */
  step(rules: ProtocolRules, upgrade: (agreed: Upgrade) => void): HandshakeStep;
  /** What a client gets that a limit, a list or a closing mob refuses, as an answer to its handshake. */
  refusal(why: string): Uint8Array;
  /** A control frame that asks for an answer. */
  readonly ping: Uint8Array;
  /** The answer to a control frame; `undefined`: none. */
  answer(opcode: number, payload: Uint8Array): Uint8Array | undefined;
  /** The last bytes for a connection that ends for this reason; `undefined`: the reason has none. */
  closing(reason: string, decoder: Decoder): Uint8Array | undefined;
}
