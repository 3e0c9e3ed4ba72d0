/**
 * A connection: a socket, a decoder, a place in a feed, and the one state that says what may happen to it.
 *
 * @module
 */

import type { Handshake } from "../admission/handshake.ts";
import type { Feed } from "../broadcast/feed.ts";
import type { LogRanges } from "../broadcast/log_ranges.ts";
import type { Delivery, Subscriber } from "../broadcast/subscriber.ts";
import type { Socket } from "../contract/adapter.ts";
import type { Token } from "../contract/token.ts";
import type { FrameDecoder } from "../framing/decoder.ts";
import type { Listener } from "./listener.ts";
import type { CloseReason } from "./stats.ts";

/**
 * Where a connection is in its life. `handshaking`: it has a slot, and its handshake is not accepted yet. `open`: it
 * has joined, sends and receives. `draining`: it leaves, and still receives what was published before that. `shut`: it
 * has received everything, its stream is half-closed, and the client has a moment to hang up.
 */
export type Phase = "handshaking" | "open" | "draining" | "shut";

/** What the server knows of one connection. Receiver, feed and dispatcher each write their own fields. */
export class Connection implements Subscriber {
  /** Names the connection for its whole life. */
  readonly token: Token;
  /** The byte stream to the client. */
  readonly socket: Socket;
  /** The listener that accepted it; `undefined` for `mob.join()`. */
  readonly listener: Listener | undefined;
  /** Cuts the bytes received into frames. */
  readonly decoder: FrameDecoder;
  /** The feed it receives, in the framing in which it sends. */
  readonly feed: Feed<Connection>;
  /** Where the connection is in its life. Only the dispatcher writes this. */
  phase: Phase = "handshaking";
  /** The handshake under way; set exactly while the phase is `handshaking`. */
  handshake: Handshake | undefined;
  /** When the connection joined, or was accepted while it is handshaking, in the adapter's milliseconds. */
  since: number;
  /** Why the connection leaves; set exactly while it is `draining` or `shut`. */
  closeReason: CloseReason | undefined;

  // --- written by the receiver ---

  /** Frames that came from it and were published. */
  framesReceived = 0;
  /** Bytes of those frames. */
  bytesReceived = 0;
  /** Whether a whole frame of it was withheld. */
  withheld = false;
  /** The rest of a chunk that was over the read budget. */
  unread: Uint8Array | undefined;
  /** Bytes of memory that it holds of what came and was not published. Only the receive memory writes it. */
  receiveBytes = 0;
  /** Whether reading is paused until its own lag is small again. */
  paused = false;

  // --- written by the feed; see Subscriber ---

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
  remainderFrames = 0;
  control: Uint8Array[] | undefined;
  ending: Uint8Array | undefined;
  skippedAt = 0;
  own: LogRanges | undefined;
  bytesDelivered = 0;
  bytesSkipped = 0;
  framesSkipped = 0;

  /** Makes a connection that has not joined. */
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

  /** Whether the connection is on its way out. */
  get leaving(): boolean {
    return this.phase === "draining" || this.phase === "shut";
  }
}

/**
 * The first rule between the fields of a connection that does not hold; `undefined` when all hold. Tests and the
 * simulation check it after every tick.
 */
export function brokenInvariant(connection: Connection): string | undefined {
  const { phase, delivery, feed, handshake, closeReason, heapIndex, currentIndex, until, cursor } = connection;
  const leaving = phase === "draining" || phase === "shut";
  const rules: readonly [boolean, string][] = [
    [(phase === "handshaking") === (handshake !== undefined), "it has a handshake exactly while it is handshaking"],
    [leaving === (closeReason !== undefined), "it has a close reason exactly while it leaves"],
    [leaving === (until !== Infinity), "its stream has an end exactly while it leaves"],
    [(delivery === "blocked") === (heapIndex !== -1), "it is in the lag heap exactly while it is blocked"],
    [
      (delivery === "current" && phase === "open") === (currentIndex !== -1),
      "it is in the list of current connections exactly while it is current and open",
    ],
    [delivery !== "current" || phase === "handshaking" || !feed.hasPending(connection), "it is current and behind"],
    [phase !== "shut" || !feed.hasPending(connection), "it is shut and behind"],
    [phase === "handshaking" || cursor <= feed.endFor(connection), "its cursor is beyond the end of its stream"],
    [
      delivery === "skipping" || !connection.remainder || heapIndex !== -1,
      "a remainder waits for nothing",
    ],
  ];
  const broken = rules.find(([holds]) => !holds);
  return broken && `${broken[1]}: ${phase}, ${delivery}, at ${cursor} of ${feed.log.end}`;
}
