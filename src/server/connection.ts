/**
 * A connection: a socket, a decoder, a place in a feed, and the one state that says what may happen to it.
 *
 * @module
 */

import type { Handshake, Handshaking } from "../admission/handshake.ts";
import type { Protocol, Upgrade } from "../admission/protocol.ts";
import { queueControl } from "../broadcast/control.ts";
import type { Feed } from "../broadcast/feed.ts";
import type { Resumption } from "../broadcast/history.ts";
import type { LogRanges } from "../broadcast/log_ranges.ts";
import type { Delivery, Subscriber } from "../broadcast/subscriber.ts";
import { ERROR, type Readiness, type Socket } from "../contract/adapter.ts";
import type { Token } from "../contract/token.ts";
import type { Decoder } from "../framing/decoder.ts";
import type { Listener } from "./listener.ts";
import type { CloseReason } from "../status/stats.ts";

/**
 * Where a connection is in its life. `handshaking`: it has a slot, and its handshake is not accepted yet. `refused`: it
 * never joins, and has a moment to read why. `open`: it has joined, sends and receives. `returning`: it will leave, as soon as
 * what it has sent is back from the bus. `draining`: it leaves, and still receives what was published before that. `shut`: it
 * has received everything, its stream is half-closed, and the client has a moment to hang up.
 */
export type Phase = "handshaking" | "refused" | "open" | "returning" | "draining" | "shut";

/** What the server knows of one connection. Receiver, feed and dispatcher each write their own fields. */
export class Connection implements Subscriber, Handshaking {
  /** Names the connection for its whole life. */
  readonly token: Token;
  /** The byte stream to the client. */
  readonly socket: Socket;
  /** The listener that accepted it; `undefined` for `mob.join()`. */
  readonly listener: Listener | undefined;
  /** Cuts the bytes received into frames. */
  decoder: Decoder;
  /** The feed it receives, in the framing in which it sends. */
  feed: Feed<Connection>;
  /** The protocol around its frames, once its handshake has changed to it; `undefined`: none. */
  protocol: Protocol | undefined;
  /** Where the connection is in its life. Only the dispatcher writes this. */
  phase: Phase = "handshaking";
  /** The origin of the page that connected, at a WebSocket listener. */
  origin: string | undefined;
  /** Whether it counts for the limits: it was not refused when it came. */
  admitted = true;
  /** The handshake under way; set exactly while the phase is `handshaking`. */
  handshake: Handshake | undefined;
  /** When the connection joined, or was accepted while it is handshaking, in the adapter's milliseconds. */
  since: number;
  /** Why the connection leaves; set exactly while it is `returning`, `draining` or `shut`. */
  closeReason: CloseReason | undefined;
  /** What the application or the protocol adds to the close reason. */
  closeDetail: string | undefined;
  /** The bytes that were delivered when a ping of its protocol was due last. */
  deliveredAtPing = 0;

  /** Pings that came before the connection joined, and do not count. */
  pingsBefore = 0;

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

  /** Frames of it that are on the bus, and not back. Only the relay writes it. */
  inFlight = 0;

  // --- written by the feed; see Subscriber ---

  delivery: Delivery = "current";
  cursor = 0;
  heapIndex = -1;
  currentIndex = -1;
  resumption: Resumption | undefined;
  framesAtStart = 0;
  framesReplayed = 0;
  bytesReplayed = 0;
  uncarried = 0;
  uncarriedBytes = 0;
  until: number = Infinity;
  framesAtUntil = 0;
  remainder: Uint8Array | undefined;
  remainderFrames = 0;
  control: Uint8Array[] | undefined;
  full = false;
  ending: Uint8Array | undefined;
  skippedAt = 0;
  slow = false;
  own: LogRanges | undefined;
  bytesDelivered = 0;
  bytesSkipped = 0;
  framesSkipped = 0;

  /** Makes a connection that has not joined. */
  constructor(
    token: Token,
    socket: Socket,
    listener: Listener | undefined,
    decoder: Decoder,
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

  /** Changes to a protocol: a handshake has agreed on it. */
  upgrade(protocol: Protocol, { decoder, origin }: Upgrade, feed: Feed<Connection>): void {
    this.protocol = protocol;
    this.origin = origin;
    this.decoder = decoder;
    this.feed = feed;
  }

  /** See {@link Handshaking.takeReply}. */
  takeReply(reply: Uint8Array): void {
    queueControl(this, reply);
  }

  /** See {@link Handshaking.receiveControl}: the answer goes at the next frame boundary. */
  receiveControl(opcode: number, payload: Uint8Array): void {
    const answer = this.protocol?.answer(opcode, payload);
    if (answer) this.feed.giveControl(this, answer);
  }

  /** Pings that came since the connection joined. */
  get pings(): number {
    return this.decoder.pings - this.pingsBefore;
  }

  /** Whether the connection has joined, and is open or on its way out. */
  get joined(): boolean {
    return this.phase !== "handshaking" && this.phase !== "refused";
  }

  /** Whether the connection is on its way out. */
  get leaving(): boolean {
    return this.phase === "draining" || this.phase === "shut";
  }
}

/** The close reason of an end. Where a runtime shows a reset as an end, only the framing can tell. */
export function endOf({ decoder }: Connection, readiness: Readiness): CloseReason {
  if (readiness & ERROR) return "reset";
  return decoder.pending > 0 ? "truncated" : "end";
}

/**
 * The first rule between the fields of a connection that does not hold; `undefined` when all hold. Tests and the
 * simulation check it after every tick.
 */
export function brokenInvariant(connection: Connection): string | undefined {
  const { phase, joined, delivery, feed, handshake, closeReason, heapIndex, currentIndex, until, cursor } = connection;
  const leaving = phase === "draining" || phase === "shut";
  const returning = phase === "returning";
  const rules: readonly [boolean, string][] = [
    [(phase === "handshaking") === (handshake !== undefined), "it has a handshake exactly while it is handshaking"],
    [(leaving || returning) === (closeReason !== undefined), "it has a close reason exactly while it leaves"],
    [leaving === (until !== Infinity), "its stream has an end exactly while it leaves"],
    [(delivery === "blocked") === (heapIndex !== -1), "it is in the lag heap exactly while it is blocked"],
    [
      (delivery === "current" && (phase === "open" || returning)) === (currentIndex !== -1),
      "it is in the list of current connections exactly while it is current and its stream has no end",
    ],
    [delivery !== "current" || !joined || !feed.hasPending(connection), "it is current and behind"],
    [phase !== "shut" || !feed.hasPending(connection), "it is shut and behind"],
    [!joined || cursor <= feed.endFor(connection), "its cursor is beyond the end of its stream"],
    [
      delivery === "skipping" || !connection.remainder || heapIndex !== -1,
      "a remainder waits for nothing",
    ],
  ];
  const broken = rules.find(([holds]) => !holds);
  return broken && `${broken[1]}: ${phase}, ${delivery}, at ${cursor} of ${feed.log.end}`;
}
