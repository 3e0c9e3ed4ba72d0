/**
 * A connection: a socket, a decoder, a place in a feed, and the one state that says what may happen to it.
 *
 * @module
 */

import type { Handshake } from "../admission/handshake.ts";
import type { Delivery, Feed, LogRange, Subscriber } from "../broadcast/feed.ts";
import type { Socket } from "../contract/adapter.ts";
import type { Token } from "../contract/token.ts";
import type { FrameDecoder } from "../framing/decoder.ts";
import type { Listener } from "./listener.ts";
import type { CloseReason } from "./stats.ts";

/**
 * Where a connection is in its life. `handshaking`: it has a place and nothing else, until its handshake is accepted.
 * `open`: it has joined; it is read from and given frames. `draining`: it leaves; it is given what was published until
 * then. `shut`: it was given everything and told so; it may take a moment to hang up.
 */
export type Phase = "handshaking" | "open" | "draining" | "shut";

/** What the server knows of one connection. Receiver, feed and dispatcher each move their part. */
export class Connection implements Subscriber {
  /** Its name. */
  readonly token: Token;
  /** Its byte stream. */
  readonly socket: Socket;
  /** Where it came in; `undefined`: the application joined. */
  readonly listener: Listener | undefined;
  /** Cuts what it sends into frames. */
  readonly decoder: FrameDecoder;
  /** What it is given, in the framing in which it sends. */
  readonly feed: Feed<Connection>;
  /** Where it is in its life. Only the dispatcher writes it. */
  phase: Phase = "handshaking";
  /** What it has to do before it joins; there is one exactly while it is `handshaking`. */
  handshake: Handshake | undefined;
  /** When it joined, or came to shake hands, in the adapter's milliseconds. */
  since: number;
  /** Why it leaves, once it does. */
  closeReason: CloseReason | undefined;

  // --- receiver: what comes from it ---

  /** Frames published from it. */
  framesReceived = 0;
  /** Bytes of those frames. */
  bytesReceived = 0;
  /** The rest of a chunk that was more than a read may take. */
  unread: Uint8Array | undefined;
  /** Not read from until its own lag is small again. */
  paused = false;

  // --- feed: what it is given; see Subscriber ---

  delivery: Delivery = "current";
  cursor = 0;
  heapIndex = -1;
  currentIndex = -1;
  framesAtJoin = 0;
  uncarried = 0;
  uncarriedBytes = 0;
  until: number = Infinity;
  framesAtUntil = 0;
  remainder: Uint8Array | undefined;
  skippedAt = 0;
  own: LogRange | undefined;
  ownLast: LogRange | undefined;
  bytesDelivered = 0;
  bytesSkipped = 0;
  framesSkipped = 0;

  /** Makes a connection whose stream has yet to start. */
  constructor(
    token: Token,
    socket: Socket,
    listener: Listener | undefined,
    decoder: FrameDecoder,
    feed: Feed<Connection>,
    since: number,
  ) {
    this.token = token;
    this.socket = socket;
    this.listener = listener;
    this.decoder = decoder;
    this.feed = feed;
    this.since = since;
  }

  /** Whether it leaves. */
  get leaving(): boolean {
    return this.phase === "draining" || this.phase === "shut";
  }
}

/**
 * What does not hold between the fields of a connection; `undefined` when everything does. Tests and the simulation ask
 * after every tick.
 */
export function brokenInvariant(connection: Connection): string | undefined {
  const { phase, delivery, feed, handshake, closeReason, heapIndex, currentIndex, until, cursor } = connection;
  const leaving = phase === "draining" || phase === "shut";
  const rules: readonly [boolean, string][] = [
    [(phase === "handshaking") === (handshake !== undefined), "it shakes hands exactly while it is handshaking"],
    [leaving === (closeReason !== undefined), "it has a close reason exactly while it leaves"],
    [leaving === (until !== Infinity), "its stream has an end exactly while it leaves"],
    [(delivery === "blocked") === (heapIndex !== -1), "it is in the lag heap exactly while it is blocked"],
    [
      (delivery === "current" && phase === "open") === (currentIndex !== -1),
      "it is in the list of those that are current exactly while it is current and open",
    ],
    [delivery !== "current" || phase === "handshaking" || !feed.hasPending(connection), "one that is current is behind"],
    [phase !== "shut" || !feed.hasPending(connection), "one that is shut is behind"],
    [phase === "handshaking" || cursor <= feed.endFor(connection), "its cursor is beyond the end of its stream"],
    [delivery === "skipping" || connection.remainder === undefined || heapIndex !== -1, "a remainder waits for nothing"],
  ];
  const broken = rules.find(([holds]) => !holds);
  return broken === undefined ? undefined : `${broken[1]}: ${phase}, ${delivery}, at ${cursor} of ${feed.log.end}`;
}
